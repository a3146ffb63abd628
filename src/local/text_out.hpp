#pragma once
// Turns the bytes of tokens into text that may be shown: whole UTF-8 characters, cut before the
// first stop string. Both a character and a stop string may be split over any number of tokens.

#include <string>
#include <string_view>
#include <vector>

namespace sighter::local {

// One text, one thread.
class TextOut {
 public:
  // No stop string is empty.
  explicit TextOut(std::vector<std::string> stops);
  // Bytes of the next token. Returns what has become certain by it; "" after a stop string.
  std::string feed(std::string_view bytes);
  // The end: what was held back. An unfinished character becomes U+FFFD.
  std::string finish();
  // The stop string that ended the text, or "": the one that was complete first, of several the
  // longest, however the text was split.
  const std::string& stopped_by() const { return stopped_by_; }

 private:
  // Where the stop string in held_ starts that was complete first; npos when there is none.
  std::size_t find_stop();
  // Length of the longest end of held_ that a stop string begins with.
  std::size_t possible_stop() const;

  std::vector<std::string> stops_;
  std::string held_;
  std::string stopped_by_;
};

}  // namespace sighter::local
