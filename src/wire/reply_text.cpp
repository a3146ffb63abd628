#include "wire/reply_text.hpp"

#include <utility>

#include "base/json.hpp"
#include "base/json_text.hpp"

namespace sighter::wire {
namespace {

// Goes through a text that is JSON already. Of one that is not, it may say anything, but reads
// nothing outside of it.
class Walk {
 public:
  explicit Walk(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  // The next member's name, without quotes; false where there is none. `first` as begun.
  bool name(bool& first, std::string_view& name) {
    if (!std::exchange(first, false) && !take(',')) return false;
    if (!take('"')) return false;
    const char* begin = at_;
    names_escaped_ |= string();
    name = {begin, at_};
    name.remove_suffix(name.empty() ? 0 : 1);
    return take(':');
  }
  // Behind the last member: whether the object ends, and no name so far is written with escapes.
  bool object_ends() { return take('}') && !names_escaped_; }
  // The next value's text.
  std::string_view value() {
    skip_space();
    const char* begin = at_;
    std::size_t depth = 0;
    do {
      if (at_ == end_) break;
      const char c = *at_;
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
        while (at_ != end_ && *at_ > ' ' && *at_ != ',' && *at_ != '}' && *at_ != ']') ++at_;
      }
    } while (depth > 0);
    return {begin, at_};
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  // From behind the first quote to behind the last one; whether there are escapes between.
  bool string() {
    bool escaped = false;
    while (at_ != end_) {
      if (static_cast<std::size_t>(end_ - at_) >= kJsonRun) {
        const std::size_t plain = json_plain_bytes(at_);
        at_ += plain;
        if (plain == kJsonRun) continue;
      }
      const char c = *at_++;
      if (c == '"') break;
      if (c != '\\') continue;
      escaped = true;
      if (at_ != end_) ++at_;
    }
    return escaped;
  }

  const char* at_;
  const char* end_;
  bool names_escaped_ = false;
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
  return walk.object_ends() ? std::optional(text) : std::nullopt;
}

// The text of what stands in the brackets of `choices`, of one choice alone.
std::optional<std::string_view> only_text(Walk& walk) {
  if (!walk.take('[') || !walk.take('{')) return std::nullopt;
  std::optional<std::string_view> text;
  std::string_view name;
  for (bool first = true; walk.name(first, name);) {
    if (name == "message") {
      text = message_text(walk);
      if (!text) return std::nullopt;
    } else {
      (void)walk.value();
    }
  }
  return walk.object_ends() && walk.take(']') ? text : std::nullopt;
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
