// Text made fit for a terminal: styles, safety, width.

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "cli/terminal.hpp"

namespace sighter::cli {
namespace {

// C0 but for line end and tab, DEL, C1, and the marks that reorder text (a way to show other words
// than there are).
bool is_dangerous(char32_t c) {
  if (c == '\n' || c == '\t') return false;
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::string_view style_on(Style style) {
  switch (style) {
    case Style::kBold:
      return "\x1b[1m";
    case Style::kDim:
      return "\x1b[2m";
    case Style::kGreen:
      return "\x1b[32m";
    case Style::kRed:
      return "\x1b[31m";
    case Style::kYellow:
      return "\x1b[33m";
    case Style::kPlain:
      break;
  }
  return "";
}

std::string_view style_off() {
  return "\x1b[0m";
}

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = at;
    const char32_t c = next_code_point(text, at);
    if (c == '\r' && at < text.size() && text[at] == '\n') continue;
    if (is_dangerous(c)) {
      out += c < 0x100 ? fmt::format("\\x{:02x}", static_cast<unsigned>(c))
                       : fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (c == 0xfffd) {
      append_utf8(out, c);
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out;
}

std::string visible_line(std::string_view text) {
  std::string out;
  bool blank = true;  // leading blanks go
  for (const char c : visible(text)) {
    const bool is_blank = c == ' ' || c == '\n' || c == '\t';
    if (is_blank && blank) continue;
    out += is_blank ? ' ' : c;
    blank = is_blank;
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string fit(std::string_view text, std::size_t columns, bool unicode) {
  // Columns are at least a quarter of the bytes and at most all of them.
  if (text.size() <= columns || display_width(text) <= columns) return std::string(text);
  const std::string_view mark = unicode ? "…" : "...";
  const std::size_t mark_columns = unicode ? 1 : 3;
  if (columns < mark_columns) return std::string(columns, '.');
  std::size_t at = 0, kept = 0, used = 0;
  while (at < text.size()) {
    const std::size_t start = at;
    (void)next_code_point(text, at);
    used += display_width(text.substr(start, at - start));
    if (used > columns - mark_columns) break;
    kept = at;
  }
  return std::string(text.substr(0, kept)) + std::string(mark);
}

std::string wrap(std::string_view text, std::size_t columns, std::size_t indent) {
  const std::string margin(indent, ' ');
  const std::size_t room = columns > indent + 1 ? columns - indent : 1;
  std::string out;
  while (true) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    std::string row;
    std::size_t used = 0;
    while (!line.empty()) {
      std::size_t blank = std::min(line.find(' '), line.size());
      // A unit stays with its number.
      if (line.substr(blank).starts_with(" %"))
        blank = std::min(line.find(' ', blank + 1), line.size());
      const std::string word = fit(line.substr(0, blank), room, false);
      const std::size_t width = display_width(word);
      if (!row.empty() && used + 1 + width > room) {
        out += margin + row + "\n";
        row.clear();
        used = 0;
      }
      if (width > 0) {
        if (!row.empty()) row += ' ', ++used;
        row += word;
        used += width;
      }
      line.remove_prefix(std::min(blank + 1, line.size()));
    }
    out += row.empty() ? "" : margin + row;
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace sighter::cli
