#include "models/prefix.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace sighter::models {
namespace {

// Walks through JSON text that is known to be well formed; stops at the end of the text all the
// same.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}
  bool at_end() const { return at_ >= text_.size(); }
  char here() const { return at_end() ? '\0' : text_[at_]; }
  void step() { ++at_; }
  // The next character that is no white space, not taken.
  char next() {
    while (!at_end() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
    return here();
  }
  // The raw text between the quotes, the first of which is here.
  std::string_view string() {
    const std::size_t begin = ++at_;
    while (!at_end() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    const std::size_t end = std::min(at_, text_.size());
    at_ = end + 1;
    return text_.substr(begin, end - begin);
  }
  // The text of the value that begins here.
  std::string_view value() {
    const std::size_t begin = at_;
    int depth = 0;
    while (!at_end()) {
      const char c = here();
      if (c == '"') {
        string();
      } else if (c == '{' || c == '[') {
        ++depth;
        step();
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        --depth;
        step();
      } else if (c == ',' && depth == 0) {
        break;
      } else {
        step();
        continue;
      }
      if (depth == 0) break;
    }
    return text_.substr(begin, std::min(at_, text_.size()) - begin);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// Of all strings of a value but those of cache_control, a mark that clients move on with each turn.
std::uint64_t hash_of(std::string_view value, std::uint64_t hash) {
  Walk walk(value);
  while (!walk.at_end()) {
    if (walk.next() != '"') {
      walk.step();
      continue;
    }
    const std::string_view text = walk.string();
    if (text == "cache_control" && walk.next() == ':') {
      walk.step();
      walk.next();
      walk.value();
      continue;
    }
    hash = hash64(text, hash);
  }
  return hash;
}

// Whether a message is one of the user's: `"role": "user"` at its top.
bool is_users(std::string_view message) {
  Walk walk(message);
  if (walk.next() != '{') return true;  // a bare string is the user's
  walk.step();
  while (walk.next() == '"') {
    const std::string_view name = walk.string();
    if (walk.next() == ':') walk.step();
    walk.next();
    const std::string_view value = walk.value();
    if (name == "role") return value == "\"user\"";
    if (walk.next() == ',') walk.step();
  }
  return false;
}

std::uint64_t hash_of_messages(std::string_view list, std::uint64_t hash) {
  Walk walk(list);
  if (walk.next() != '[') return hash_of(list, hash);
  walk.step();
  while (walk.next() != ']' && !walk.at_end()) {
    const std::string_view message = walk.value();
    hash = hash_of(message, hash);
    if (is_users(message)) break;
    if (walk.next() == ',') walk.step();
  }
  return hash;
}

}  // namespace

std::uint64_t conversation_of(std::string_view body, const wire::Envelope& envelope) {
  std::uint64_t hash = 1;
  bool any = false;
  for (const std::string_view name : {"system", "instructions", "systemInstruction"}) {
    if (const auto value = envelope.raw(body, name)) {
      hash = hash_of(*value, hash);
      any = true;
    }
  }
  for (const std::string_view name : {"messages", "input", "contents"}) {
    if (const auto value = envelope.raw(body, name)) {
      hash = hash_of_messages(*value, hash);
      any = true;
    }
  }
  if (!any) return 0;
  return hash == 0 ? 1 : hash;
}

std::uint64_t conversation_of(const wire::ChatRequest& request) {
  std::uint64_t hash = 1;
  for (const wire::Message& message : request.messages) {
    hash = hash64(message.all_text(), hash + static_cast<std::uint64_t>(message.role));
    if (message.role == wire::Role::kUser) break;
  }
  if (request.messages.empty()) return 0;
  return hash == 0 ? 1 : hash;
}

}  // namespace sighter::models
