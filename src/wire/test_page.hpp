#pragma once
// For tests of this room: a part of docs/dialects.md that the program writes, between two marks.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace sighter::wire {

// What stands between "<!-- NAME: begin -->" and "<!-- NAME: end -->" is `wanted`; with `write` it
// is put there instead.
inline void page_shows(const std::string& name, const std::string& wanted, bool write) {
  const std::string path = std::string(SIGHTER_SOURCE_DIR) + "/docs/dialects.md";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  std::string page = text.str();
  const std::string begin = "<!-- " + name + ": begin -->\n";
  const std::size_t first = page.find(begin);
  const std::size_t end = page.find("<!-- " + name + ": end -->");
  ASSERT_TRUE(first != page.npos && end != page.npos) << path;
  const std::size_t at = first + begin.size();
  if (write) {
    page.replace(at, end - at, wanted);
    std::ofstream(path) << page;
    return;
  }
  EXPECT_EQ(page.substr(at, end - at), wanted) << "SIGHTER_WRITE_DOCS=1 writes it anew";
}

}  // namespace sighter::wire
