#include "text/template_lines.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

// What textwrap takes for white space.
bool is_blank(char32_t c) {
  return c == ' ' || (c >= 9 && c <= 13);
}

using Text = std::u32string;

// Where a line may be broken: words, parts of hyphenated words, dashes and white space.
class Splitter {
 public:
  Splitter(const Text& text, bool on_hyphens) : text_(text), on_hyphens_(on_hyphens) {}

  std::vector<Text> run() {
    std::vector<Text> chunks;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = is_blank(text_[at]) ? blanks(at) : word(at);
      chunks.push_back(text_.substr(at, end - at));
      at = end;
    }
    return chunks;
  }

 private:
  char32_t get(std::size_t i) const { return i < text_.size() ? text_[i] : 0; }
  bool letter(std::size_t i) const {
    return i < text_.size() && is_word(text_[i]) && !(text_[i] >= '0' && text_[i] <= '9');
  }
  bool word_or_mark(std::size_t i) const {
    return i < text_.size() &&
           (is_word(text_[i]) || std::u32string_view(U"!\"'&.,?").find(text_[i]) != Text::npos);
  }

  std::size_t blanks(std::size_t at) const {
    while (at < text_.size() && is_blank(text_[at])) ++at;
    return at;
  }

  // The end of two or more dashes at `at` that a word follows; 0 where there are none.
  std::size_t dashes(std::size_t at) const {
    std::size_t end = at;
    while (get(end) == '-') ++end;
    return end - at >= 2 && end < text_.size() && is_word(text_[end]) ? end : 0;
  }

  bool breaks_behind_hyphen(std::size_t i) const {
    if (get(i) != '-') return false;
    const bool before = (i >= 2 && letter(i - 2) && letter(i - 1)) ||
                        (i >= 3 && letter(i - 3) && get(i - 2) == '-' && word_or_mark(i - 1));
    return before && letter(i + 1) && (letter(i + 2) || (get(i + 2) == '-' && letter(i + 3)));
  }

  std::size_t word(std::size_t at) const {
    if (on_hyphens_ && at > 0 && word_or_mark(at - 1)) {
      if (const std::size_t end = dashes(at); end != 0) return end;
    }
    for (std::size_t i = at + 1;; ++i) {
      if (on_hyphens_ && breaks_behind_hyphen(i)) return i + 1;
      if (i >= text_.size() || is_blank(text_[i])) return i;
      if (on_hyphens_ && word_or_mark(i - 1) && dashes(i) != 0) return i;
    }
  }

  const Text& text_;
  bool on_hyphens_;
};

bool is_all_space(const Text& text) {
  return std::all_of(text.begin(), text.end(), is_space);
}

// How much of a word that is longer than a line goes onto this one.
std::size_t cut_of(const Text& word, std::size_t room, bool on_hyphens) {
  if (!on_hyphens || word.size() <= room || room == 0) return room;
  const std::size_t hyphen = Text(word, 0, room).rfind(U'-');
  if (hyphen == Text::npos || hyphen == 0) return room;
  return word.find_first_not_of(U'-') < hyphen ? hyphen + 1 : room;
}

}  // namespace

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = at;
    const char32_t c = next_code_point(text, at);
    if (!is_line_end(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, (keep_ends ? at : end) - start));
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::size_t count_breaks(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
}

std::vector<std::string> wrap_words(std::string_view line, std::size_t width, bool break_long_words,
                                    bool break_on_hyphens) {
  Text text;
  for (std::size_t at = 0; at < line.size();) text += next_code_point(line, at);
  std::vector<Text> chunks = Splitter(text, break_on_hyphens).run();
  std::reverse(chunks.begin(), chunks.end());
  std::vector<std::string> lines;
  while (!chunks.empty()) {
    std::vector<Text> current;
    std::size_t used = 0;
    if (!lines.empty() && is_all_space(chunks.back())) chunks.pop_back();
    while (!chunks.empty() && used + chunks.back().size() <= width) {
      used += chunks.back().size();
      current.push_back(std::move(chunks.back()));
      chunks.pop_back();
    }
    if (!chunks.empty() && chunks.back().size() > width) {
      if (break_long_words) {
        const std::size_t cut = cut_of(chunks.back(), width - used, break_on_hyphens);
        current.push_back(chunks.back().substr(0, cut));
        chunks.back().erase(0, cut);
      } else if (current.empty()) {
        current.push_back(std::move(chunks.back()));
        chunks.pop_back();
      }
    }
    if (!current.empty() && is_all_space(current.back())) current.pop_back();
    if (current.empty()) continue;
    std::string& out = lines.emplace_back();
    for (const Text& chunk : current) {
      for (const char32_t c : chunk) append_utf8(out, c);
    }
  }
  return lines;
}

}  // namespace sighter::text::jinja
