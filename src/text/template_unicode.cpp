#include "text/template_unicode.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <span>

#include "base/utf8.hpp"
#include "text/template_case.hpp"

namespace sighter::text::jinja {

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

namespace {

bool matches(const RE2& pattern, char32_t c) {
  std::string text;
  append_utf8(text, c);
  return RE2::FullMatch(text, pattern);
}

bool is_ascii_letter(char32_t c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80;
}

// Whether `c` lies in a range of the table, and what it becomes there.
bool look_up(std::span<const CaseRange> table, char32_t c, char32_t& mapped) {
  auto it = std::upper_bound(table.begin(), table.end(), c,
                             [](char32_t key, const CaseRange& r) { return key < r.first; });
  // Ranges of stride 2 may enclose the start of the next one: look at two of them.
  for (int i = 0; i < 2 && it != table.begin(); ++i) {
    --it;
    if (c <= it->last && (c - it->first) % it->stride == 0) {
      mapped = static_cast<char32_t>(static_cast<std::int32_t>(c) + it->delta);
      return true;
    }
  }
  return false;
}

void append_upper(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return;
  }
  for (const CaseSpecial& special : upper_specials()) {
    if (special.from == c) {
      out += special.to;
      return;
    }
  }
  look_up(upper_ranges(), c, c);
  append_utf8(out, c);
}

// The first letter of a word: like upper case but for digraphs (U+01C6 becomes U+01C5).
void append_title(std::string& out, char32_t c) {
  char32_t mapped = c;
  if (c >= 0x80 && look_up(title_ranges(), c, mapped)) {
    append_utf8(out, mapped);
    return;
  }
  const std::size_t start = out.size();
  append_upper(out, c);
  std::size_t first = start;
  next_code_point(out, first);
  if (first == out.size()) return;
  if (c == 0x149) return;  // the one whose second letter is a capital, too
  // Several letters: only the first of them stays in upper case.
  const std::string rest = to_lower(std::string_view(out).substr(first));
  out.resize(first);
  out += rest;
}

bool is_title(char32_t c) {
  static const RE2 kTitle(R"(\p{Lt})");
  return c >= 0x1C5 && matches(kTitle, c);
}

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  char32_t mapped = c;
  static const RE2 kUpper(R"(\p{Lu})");  // those without a lower case, too
  return look_up(lower_ranges(), c, mapped) ? !is_title(c) : matches(kUpper, c);
}

bool is_lower(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z';
  char32_t mapped = c;
  static const RE2 kLower(R"(\p{Ll})");
  return look_up(upper_ranges(), c, mapped) ? !is_title(c) : matches(kLower, c);
}

bool is_cased(char32_t c) {
  return is_upper(c) || is_lower(c);
}

constexpr char32_t kSigma = 0x3A3;
constexpr char32_t kFinalSigma = 0x3C2;

// The code point in front of offset `at`; 0 at the start.
char32_t before(std::string_view text, std::size_t at) {
  if (at == 0) return 0;
  std::size_t i = at - 1;
  while (i > 0 && (text[i] & 0xC0) == 0x80) --i;
  return next_code_point(text, i);
}

void append_lower(std::string& out, char32_t c, std::string_view text, std::size_t at,
                  std::size_t next) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  } else if (c == 0x130) {
    out += "i\u0307";
  } else if (c == kSigma) {
    std::size_t behind = next;
    const bool last = next >= text.size() || !is_cased(next_code_point(text, behind));
    append_utf8(out, last && is_cased(before(text, at)) ? kFinalSigma : char32_t{0x3C3});
  } else {
    look_up(lower_ranges(), c, c);
    append_utf8(out, c);
  }
}

// Calls visit(code point, its offset, the offset behind it).
template <class Visit>
void each(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t c = next_code_point(text, at);
    visit(c, start, at);
  }
}

}  // namespace

bool is_word(char32_t c) {
  if (c < 0x80) return is_ascii_letter(c) || (c >= '0' && c <= '9') || c == '_';
  static const RE2 kWord(R"([\pL\pN])");
  return matches(kWord, c);
}

bool is_letter(char32_t c) {
  if (c < 0x80) return is_ascii_letter(c);
  static const RE2 kLetter(R"(\pL)");
  return matches(kLetter, c);
}

bool is_printable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c < 0x7F;
  static const RE2 kOdd(R"([^\pL\pM\pN\pP\pS])");
  return !matches(kOdd, c);
}

bool is_printable_beyond_ascii(std::string_view text) {
  static const RE2 kOdd(R"([^\x00-\x7F\pL\pM\pN\pP\pS])");
  return is_ascii(text) || !RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), kOdd);
}

std::string to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  each(text, [&](char32_t c, std::size_t, std::size_t) { append_upper(out, c); });
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  each(text,
       [&](char32_t c, std::size_t at, std::size_t next) { append_lower(out, c, text, at, next); });
  return out;
}

std::string to_capitalized(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  each(text, [&](char32_t c, std::size_t at, std::size_t next) {
    at == 0 ? append_title(out, c) : append_lower(out, c, text, at, next);
  });
  return out;
}

std::string to_title(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool inside = false;
  each(text, [&](char32_t c, std::size_t at, std::size_t next) {
    inside ? append_lower(out, c, text, at, next) : append_title(out, c);
    inside = is_cased(c);
  });
  return out;
}

bool is_all_upper(std::string_view text) {
  bool found = false, other = false;
  each(text, [&](char32_t c, std::size_t, std::size_t) {
    found |= is_upper(c);
    other |= is_lower(c);
  });
  return found && !other;
}

bool is_all_lower(std::string_view text) {
  bool found = false, other = false;
  each(text, [&](char32_t c, std::size_t, std::size_t) {
    found |= is_lower(c);
    other |= is_upper(c);
  });
  return found && !other;
}

std::string_view strip_left(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    std::size_t next = at;
    if (!is_space(next_code_point(text, next))) break;
    at = next;
  }
  return text.substr(at);
}

std::string_view strip_right(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t start = end - 1;
    while (start > 0 && (text[start] & 0xC0) == 0x80) --start;
    std::size_t at = start;
    if (!is_space(next_code_point(text, at))) break;
    end = start;
  }
  return text.substr(0, end);
}

std::size_t byte_offset(std::string_view text, std::size_t code_points) {
  std::size_t i = 0;
  while (i < text.size() && code_points > 0) {
    ++i;
    while (i < text.size() && (text[i] & 0xC0) == 0x80) ++i;
    --code_points;
  }
  return i;
}

std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace sighter::text::jinja
