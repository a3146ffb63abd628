#include "wire/openai_chat_facts.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include "base/json_text.hpp"
#include "wire/json_members.hpp"
#include "wire/openai_chat_reply.hpp"

namespace sighter::wire::openai_chat {
namespace {

constexpr std::uint32_t kDepth = 4;  // of the members of a message
constexpr std::size_t kUsual = 32;

using Members = std::span<const JsonMember>;

// The members inside the value of `outer`, at any depth that was kept.
Members inside(const std::vector<JsonMember>& members, const JsonMember& outer) {
  const std::size_t first = static_cast<std::size_t>(&outer - members.data()) + 1;
  std::size_t last = first;
  while (last < members.size() && members[last].begin < outer.end) ++last;
  return {members.data() + first, last - first};
}

// Whether `text` is these characters, each once, and white space.
bool is_only(std::string_view text, std::string_view characters) {
  std::size_t met = 0;
  for (const char c : text) {
    if (is_json_space(c)) continue;
    if (met == characters.size() || c != characters[met++]) return false;
  }
  return met == characters.size();
}

bool is_empty(std::string_view value) {
  return value == "null" || value == "\"\"" || is_only(value, "[]") || is_only(value, "{}");
}

// What a message or delta says.
void read_message(std::string_view text, const JsonMember& message, Members choice,
                  ChatFacts& facts) {
  facts.text =
      message.value(text).front() == '{' ? std::optional<std::string_view>("\"\"") : std::nullopt;
  for (const JsonMember& member : choice) {
    if (member.begin < message.begin || member.end > message.end) continue;
    if (member.depth != message.depth + 1) continue;
    const std::string_view name = member.written(text);
    const std::string_view value = member.value(text);
    bool plain = true;
    if (name == "role") {
      plain = value == "\"assistant\"";
    } else {
      facts.content = facts.content || !is_empty(value);
    }
    if (name == "content" && value.front() == '"') {
      if (facts.text) facts.text = value;
    } else if (name != "role") {
      plain = is_empty(value);
    }
    if (!plain) facts.text.reset();
  }
}

// False when it is more than one choice, or something else.
bool read_choice(std::string_view text, const JsonMember& choices, Members choice,
                 ChatFacts& facts) {
  if (choice.empty()) return is_only(choices.value(text), "[]");
  const std::uint32_t depth = choice.front().depth;
  if (!is_only(text.substr(choices.begin, choice.front().key - choices.begin), "[{")) return false;
  const JsonMember* message = nullptr;
  std::size_t end = 0;
  for (const JsonMember& member : choice) {
    if (member.depth != depth) continue;
    end = member.end;
    const std::string_view name = member.written(text);
    const std::string_view value = member.value(text);
    if (name == "message" || name == "delta") {
      if (message != nullptr) return false;
      message = &member;
    } else if (name == "index" && value != "0") {
      return false;
    } else if (name == "finish_reason" && value != "null") {
      if (value.front() != '"' || value.find('\\') != value.npos) return false;
      facts.finish = value.substr(1, value.size() - 2);
    }
  }
  // Another choice would be among these members, and its brackets behind the last one.
  if (message == nullptr || !is_only(text.substr(end, choices.end - end), "}]")) return false;
  facts.choice = true;
  read_message(text, *message, choice, facts);
  return true;
}

}  // namespace

std::optional<ChatFacts> facts_of(std::string_view text) {
  if (text.size() >= std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  std::vector<JsonMember> members;
  members.reserve(kUsual);
  JsonSeen seen;
  if (!scan_members(text, kDepth, members, seen)) return std::nullopt;
  const JsonMember* choices = nullptr;
  const JsonMember* usage = nullptr;
  for (const JsonMember& member : members) {
    if (member.escaped) return std::nullopt;
    if (member.depth != 1) continue;
    const std::string_view name = member.written(text);
    const std::string_view value = member.value(text);
    if (name == "x_groq" || (name == "error" && value != "null")) return std::nullopt;
    if (name == "object" && value == "\"error\"") return std::nullopt;
    if (name == "choices") choices = &member;
    if (name == "usage" && value.front() == '{') usage = &member;
  }
  if (choices == nullptr || text[choices->begin] != '[') return std::nullopt;
  ChatFacts facts;
  if (!read_choice(text, *choices, inside(members, *choices), facts)) return std::nullopt;
  if (usage != nullptr) facts.usage = usage_of(text, inside(members, *usage));
  return facts;
}

}  // namespace sighter::wire::openai_chat
