#include "base/json_place.hpp"

#include <string>

#include "base/json.hpp"

namespace sighter {
namespace {

// Walks over a text that is known to be JSON.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) { blanks(); }

  std::size_t at() const { return at_; }

  // From the beginning of a value to that of the member or item `step` of it, and `name` to the
  // name of the member; false where there is none, and then the place is undefined.
  bool enter(std::string_view step, std::size_t& name) {
    if (at_ >= text_.size()) return false;
    const bool object = text_[at_] == '{';
    if (!object && text_[at_] != '[') return false;
    ++at_;
    for (std::size_t index = 0; blanks(), at_ < text_.size(); ++index) {
      if (text_[at_] == '}' || text_[at_] == ']') return false;
      name = at_;
      bool here = !object && std::to_string(index) == step;
      if (object) {
        here = is_name(string(), step);
        blanks();
        ++at_;  // the colon
        blanks();
      }
      if (here) return true;
      value();
      blanks();
      if (at_ < text_.size() && text_[at_] == ',') ++at_;
    }
    return false;
  }

 private:
  void blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  // The string that begins here, with its quotes.
  std::string_view string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, at_ - begin);
  }

  static bool is_name(std::string_view raw, std::string_view step) {
    if (raw.find('\\') == raw.npos) return raw.size() >= 2 && raw.substr(1, raw.size() - 2) == step;
    const Result<Json> read = json_parse(raw);
    return read && read->is_string() && read->as_string() == step;
  }

  void value() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        string();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        if (depth == 0) return;
        --depth;
        ++at_;
      } else if (c == ',' && depth == 0) {
        return;
      } else {
        ++at_;
        continue;
      }
      if (depth == 0) return;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string pointer_step(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char next = token[i] == '~' && i + 1 < token.size() ? token[i + 1] : ' ';
    if (next == '0' || next == '1') {
      out += next == '0' ? '~' : '/';
      ++i;
    } else {
      out += token[i];
    }
  }
  return out;
}

TextPosition json_position(std::string_view text, std::string_view pointer, JsonPart part) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Walk walk(text);
  std::size_t name = walk.at();
  std::size_t value = walk.at();
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::size_t inner = 0;
    if (!walk.enter(pointer_step(pointer.substr(0, end)), inner)) break;
    name = inner;
    value = walk.at();
    pointer.remove_prefix(end);
  }
  return position_at(text, part == JsonPart::kName ? name : value);
}

}  // namespace sighter
