#include "wire/reply_text.hpp"

#include "base/json.hpp"
#include "wire/openai_chat_facts.hpp"

namespace sighter::wire {
namespace {

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
  const std::optional<openai_chat::ChatFacts> facts = openai_chat::facts_of(body);
  if (!facts || !facts->choice || !facts->text) return std::nullopt;
  if (is_as_written(*facts->text)) return std::string(*facts->text);
  const Result<Json> json = json_parse(*facts->text);
  return json ? std::optional(json_write(*json)) : std::nullopt;
}

}  // namespace sighter::wire
