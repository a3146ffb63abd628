#include "wire/reply_text.hpp"

#include "base/check.hpp"
#include "base/json.hpp"

namespace sighter::wire {
namespace {

// Whether json_write() would choose the same escapes.
bool is_as_written(std::string_view string) {
  constexpr std::string_view kShort = "\"\\nrtbf";
  for (std::size_t at = 0; (at = string.find('\\', at)) != string.npos; at += 2) {
    if (at + 1 >= string.size() || kShort.find(string[at + 1]) == kShort.npos) return false;
  }
  return true;
}

}  // namespace

std::string reply_text(std::string_view written) {
  if (is_as_written(written)) return std::string(written);
  const Result<Json> json = json_parse(written);
  CHECK(json.has_value());  // it was scanned as JSON
  return json_write(*json);
}

}  // namespace sighter::wire
