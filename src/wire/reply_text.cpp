#include "wire/reply_text.hpp"

#include "base/json.hpp"
#include "base/json_text.hpp"

namespace sighter::wire {
namespace {

// Goes through a text that is JSON already. Of one that is not, it may say anything, but reads
// nothing outside of it.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // The next member's name, without quotes; false at the end of the object. `first` as begun.
  bool name(bool& first, std::string_view& name) {
    if (take('}') || (!first && !take(','))) return false;
    first = false;
    if (!take('"')) return false;
    name = string();
    name = name.substr(0, name.empty() ? 0 : name.size() - 1);
    return take(':');
  }
  // The next value's text.
  std::string_view value() {
    skip_space();
    const std::size_t begin = at_;
    std::size_t depth = 0;
    do {
      if (at_ >= text_.size()) break;
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        (void)string();
      } else if (c == '{' || c == '[') {
        ++at_;
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        ++at_;
        --depth;
      } else if (depth > 0) {
        ++at_;
      } else {
        const std::size_t end = text_.find_first_of(",]} \t\r\n", at_);
        at_ = end == text_.npos ? text_.size() : end;
      }
    } while (depth > 0);
    return text_.substr(begin, at_ - begin);
  }

 private:
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }
  // Behind the first quote: up to the last one and with it.
  std::string_view string() {
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      if (text_.size() - at_ >= kJsonRun) {
        const std::size_t plain = json_plain_bytes(text_.data() + at_);
        at_ += plain;
        if (plain == kJsonRun) continue;
      }
      const char c = text_[at_++];
      if (c == '"') break;
      if (c == '\\' && at_ < text_.size()) ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

constexpr std::string_view kNone = "\"\"";

bool is_nothing(std::string_view value) {
  return value == "null" || value == "[]";
}

// The text of a message, as it is written.
std::optional<std::string_view> message_text(Walk& walk) {
  if (!walk.take('{')) return std::nullopt;
  std::string_view text = kNone;
  std::string_view name;
  for (bool first = true; walk.name(first, name);) {
    if (name.find('\\') != name.npos) return std::nullopt;
    const std::string_view value = walk.value();
    if (name == "content") {
      if (value.starts_with('"')) {
        text = value;
      } else if (value != "null") {
        return std::nullopt;
      }
    } else if (name == "role") {
      if (value != "\"assistant\"") return std::nullopt;
    } else if (name == "tool_calls" || name == "function_call") {
      if (!is_nothing(value)) return std::nullopt;
    }
  }
  return text;
}

// The text of what stands in the brackets of `choices`, of one choice alone.
std::optional<std::string_view> only_text(Walk& walk) {
  if (!walk.take('[') || !walk.take('{')) return std::nullopt;
  std::optional<std::string_view> text;
  std::string_view name;
  for (bool first = true; walk.name(first, name);) {
    if (name.find('\\') != name.npos) return std::nullopt;
    if (name == "message") {
      text = message_text(walk);
      if (!text) return std::nullopt;
    } else {
      (void)walk.value();
    }
  }
  return walk.take(']') ? text : std::nullopt;
}

// Whether json_write() would choose the same escapes.
bool is_as_written(std::string_view string) {
  constexpr std::string_view kShort = "\"\\nrtbf";
  for (std::size_t at = 0; (at = string.find('\\', at)) != string.npos; at += 2) {
    if (at + 1 >= string.size() || kShort.find(string[at + 1]) == kShort.npos) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> reply_text(Dialect dialect, std::string_view body) {
  if (dialect != Dialect::kOpenAiChat) return std::nullopt;
  Walk walk(body);
  if (!walk.take('{')) return std::nullopt;
  std::string_view name;
  for (bool first = true; walk.name(first, name);) {
    if (name.find('\\') != name.npos) return std::nullopt;
    if (name != "choices") {
      (void)walk.value();
      continue;
    }
    const std::optional<std::string_view> text = only_text(walk);
    if (!text) return std::nullopt;
    if (is_as_written(*text)) return std::string(*text);
    const Result<Json> json = json_parse(*text);
    return json ? std::optional(json_write(*json)) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace sighter::wire
