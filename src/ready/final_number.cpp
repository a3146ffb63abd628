#include <cctype>

#include "ready/metric.hpp"

namespace sighter::ready {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads a number that begins at `at` (a digit, or a point before one) and moves behind it.
std::string read_number(std::string_view text, std::size_t& at) {
  std::string number;
  bool point = false;
  while (at < text.size()) {
    const char c = text[at];
    const bool more = at + 1 < text.size() && digit(text[at + 1]);
    if (digit(c)) {
      number += c;
    } else if (c == ',' && !point && more) {
      // A thousands comma stands before three digits, and no fourth.
      const bool three = at + 3 < text.size() && digit(text[at + 2]) && digit(text[at + 3]);
      const bool fourth = at + 4 < text.size() && digit(text[at + 4]);
      if (!three || fourth) break;
    } else if (c == '.' && !point && more) {
      point = true;
      if (number.empty()) number += '0';
      number += '.';
    } else {
      break;
    }
    ++at;
  }
  return number;
}

}  // namespace

std::string final_number(std::string_view text) {
  std::string last;
  for (std::size_t at = 0; at < text.size();) {
    const bool starts =
        digit(text[at]) || (text[at] == '.' && at + 1 < text.size() && digit(text[at + 1]));
    if (!starts) {
      ++at;
      continue;
    }
    std::size_t before = at;
    while (before > 0 && text[before - 1] == '$') --before;
    // A minus belongs to the number when nothing that could be subtracted from stands before it.
    const bool minus =
        before > 0 && text[before - 1] == '-' &&
        (before == 1 ||
         (!std::isalnum(static_cast<unsigned char>(text[before - 2])) && text[before - 2] != ')' &&
          text[before - 2] != ' ') ||
         (before >= 2 && text[before - 2] == ' ' && (before == 2 || !digit(text[before - 3]))));
    const std::string number = read_number(text, at);
    last = (minus ? "-" : "") + number;
  }
  return last;
}

}  // namespace sighter::ready
