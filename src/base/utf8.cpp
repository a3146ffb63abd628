#include "base/utf8.hpp"

#include <array>

namespace sighter {
namespace {

struct Decoded {
  char32_t code_point;
  std::size_t length;  // bytes consumed; 1 for an ill-formed byte
  bool valid;
  bool cut;  // well-formed so far, but the text ends inside the sequence
};

Decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1, true, false};
  std::size_t length = 0;
  char32_t code = 0;
  unsigned char low = 0x80, high = 0xbf;  // range of the second byte (RFC 3629, section 4)
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    code = lead & 0x1f;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    code = lead & 0x0f;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    code = lead & 0x07;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {0xfffd, 1, false, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= text.size()) return {0xfffd, i, false, true};
    const unsigned char next = byte(at + i);
    if (next < low || next > high) return {0xfffd, i, false, false};
    low = 0x80;
    high = 0xbf;
    code = code << 6 | (next & 0x3f);
  }
  return {code, length, true, false};
}

struct Range {
  char32_t first, last;
};

// Unicode 15: combining marks and joiners most often met, and the wide blocks.
constexpr std::array kZeroWidth{
    Range{0x300, 0x36f},     Range{0x483, 0x489},    Range{0x591, 0x5bd},   Range{0x610, 0x61a},
    Range{0x64b, 0x65f},     Range{0x93c, 0x93c},    Range{0x941, 0x948},   Range{0x94d, 0x94d},
    Range{0xe31, 0xe31},     Range{0xe34, 0xe3a},    Range{0xe47, 0xe4e},   Range{0x1ab0, 0x1aff},
    Range{0x1dc0, 0x1dff},   Range{0x200b, 0x200f},  Range{0x202a, 0x202e}, Range{0x2060, 0x2064},
    Range{0x20d0, 0x20ff},   Range{0xfe00, 0xfe0f},  Range{0xfe20, 0xfe2f}, Range{0xfeff, 0xfeff},
    Range{0x1f3fb, 0x1f3ff}, Range{0xe0001, 0xe01ef}};
constexpr std::array kWide{
    Range{0x1100, 0x115f},   Range{0x231a, 0x231b},   Range{0x23e9, 0x23ec},
    Range{0x2705, 0x2705},   Range{0x270a, 0x270b},   Range{0x2728, 0x2728},
    Range{0x274c, 0x274c},   Range{0x2e80, 0x303e},   Range{0x3041, 0x33ff},
    Range{0x3400, 0x4dbf},   Range{0x4e00, 0x9fff},   Range{0xa000, 0xa4cf},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe4f},
    Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
    Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1f9ff}, Range{0x1fa70, 0x1faff},
    Range{0x20000, 0x3fffd}};

template <std::size_t N>
bool in_any(const std::array<Range, N>& ranges, char32_t c) {
  for (const Range& range : ranges) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Decoded d = decode(text, at);
    if (!d.valid) return at;
    at += d.length;
  }
  return std::nullopt;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode(text, at);
    if (d.valid)
      out.append(text.substr(at, d.length));
    else
      out += "\xEF\xBF\xBD";
    at += d.length;
  }
  return out;
}

std::size_t complete_utf8_prefix(std::string_view text) {
  const std::size_t from = text.size() < 4 ? 0 : text.size() - 4;
  for (std::size_t at = text.size(); at > from; --at) {
    const unsigned char byte = static_cast<unsigned char>(text[at - 1]);
    if (byte < 0x80) return text.size();
    if (byte >= 0xc0) return decode(text, at - 1).cut ? at - 1 : text.size();
  }
  return text.size();
}

void append_utf8(std::string& out, char32_t c) {
  if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const Decoded d = decode(text, at);
  at += d.length;
  return d.code_point;
}

std::size_t utf8_length(std::string_view text) {
  std::size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c < 0x20 || c == 0x7f || in_any(kZeroWidth, c)) continue;
    width += in_any(kWide, c) ? 2 : 1;
  }
  return width;
}

}  // namespace sighter
