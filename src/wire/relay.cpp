#include "wire/relay.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "base/json.hpp"
#include "wire/json_members.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_chat_reply.hpp"
#include "wire/proof.hpp"

namespace sighter::wire {
namespace {

// find() would make a call for each of the many quotes in JSON.
bool contains(std::string_view text, std::string_view word) {
  return ::memmem(text.data(), text.size(), word.data(), word.size()) != nullptr;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Whether a server with these quirks takes a parameter of that name as it is written.
bool takes(std::string_view name, const Quirks& quirks) {
  switch (name.size()) {
    case 4:
      return name != "seed" || quirks.seed;
    case 5:
      return (name != "top_k" || quirks.top_k) && (name != "min_p" || quirks.min_p);
    case 10:
      return name != "logit_bias" || quirks.logit_bias;
    case 11:
      return name != "tool_choice" || quirks.tool_choice_required;
    case 14:
      return name != "stream_options" || quirks.stream_options;
    case 15:
      return name != "response_format" || (quirks.strict_schema && quirks.json_object);
    case 16:
      return name != "reasoning_effort" || quirks.reasoning_ask == ReasoningAsk::kEffort;
    case 19:
      return name != "parallel_tool_calls" || quirks.parallel_tool_calls;
    case 21:
      return name != "max_completion_tokens" || quirks.max_completion_tokens;
    default:
      return true;
  }
}

// Whether the server does what this value of tool_choice says.
bool obeys(std::optional<std::string_view> choice, const Quirks& quirks) {
  if (!choice || *choice == "null" || *choice == "\"auto\"") return true;
  return quirks.tool_choices == ToolChoices::kWords && choice->starts_with('"');
}

// Whether a request holds what servers differ in; one look at each quote.
bool names_what_differs(std::string_view body, const Envelope& envelope, const Quirks& quirks) {
  const Envelope::Member* const messages = envelope.find("messages");
  for (std::size_t at = body.find('"'); at != body.npos; at = body.find('"', at + 1)) {
    const std::string_view rest = body.substr(at + 1);
    switch (rest.empty() ? '\0' : rest.front()) {
      case 'c':
        if (!quirks.cache_control && rest.starts_with("cache_control\"")) return true;
        continue;
      case 'r':
        if (!rest.starts_with("reasoning")) continue;
        break;
      case 'd':
        if (quirks.developer_role || !rest.starts_with("developer\"")) continue;
        break;
      case 't':
        if (quirks.tool_id_length == 0 || !rest.starts_with("tool_call")) continue;
        break;
      default:
        continue;
    }
    if (messages != nullptr && at >= messages->begin && at < messages->end) return true;
  }
  return false;
}

bool chat_relayable(std::string_view body, const Envelope& envelope, const Quirks& quirks) {
  for (const Envelope::Member& member : envelope.members()) {
    if (!takes(member.name, quirks)) return false;
  }
  if (quirks.tool_choices != ToolChoices::kAll && !obeys(envelope.raw(body, "tool_choice"), quirks))
    return false;
  return !names_what_differs(body, envelope, quirks);
}

// {"type":"content_block_delta", ...} and the like, by the name of the event or its type.
bool anthropic_more(std::string_view event, std::string_view data) {
  if (event.starts_with("content_block_") || event == "ping") return false;
  if (!event.empty()) return true;
  const std::string_view head = data.substr(0, 48);
  return !contains(head, "\"content_block_") && !contains(head, "\"ping\"");
}

bool responses_more(std::string_view event, std::string_view data) {
  if (event.ends_with(".delta") || event.ends_with(".done") || event.ends_with(".added"))
    return false;
  return !event.empty() || !contains(data.substr(0, 64), ".delta\"");
}

// Whether a chunk names an error, a usage or a finish that is not null, or no finish at all. One
// look at each colon: quotes inside of strings are escaped, so what ends in a quote before a colon
// is a member's name. White space behind a colon, which servers do not write, makes it parsed.
bool chat_more(std::string_view data) {
  if (data.starts_with("[DONE]")) return true;
  bool finish = false;
  for (std::size_t at = data.find(':'); at != data.npos; at = data.find(':', at + 1)) {
    std::size_t end = at;
    while (end > 0 && is_space(data[end - 1])) --end;
    if (end < 2 || data[end - 1] != '"') continue;
    const std::string_view before = data.substr(0, end);
    const std::string_view value = data.substr(at + 1);
    if (value.starts_with("\"error\"")) return true;
    switch (data[end - 2]) {
      case 'r':
        if (before.ends_with("\"error\"")) return true;
        break;
      case 'e':
        if (before.ends_with("\"usage\"") && !value.starts_with("null")) return true;
        break;
      case 'n':
        if (!before.ends_with("\"finish_reason\"")) break;
        if (!value.starts_with("null")) return true;
        finish = true;
        break;
      default:
        break;
    }
  }
  return !finish;
}

// The members inside the value of `outer`, at any depth that was kept.
std::span<const JsonMember> inside(const std::vector<JsonMember>& members,
                                   const JsonMember& outer) {
  const std::size_t first = static_cast<std::size_t>(&outer - members.data()) + 1;
  std::size_t last = first;
  while (last < members.size() && members[last].begin < outer.end) ++last;
  return {members.data() + first, last - first};
}

// Why the only choice ended; nullopt unless there is one choice, with a message and a word for it.
std::optional<std::string_view> only_finish(std::string_view body, const JsonMember& choices,
                                            std::span<const JsonMember> choice) {
  if (choice.empty()) return std::nullopt;
  const auto only = [](std::string_view text, char bracket, char brace) {
    return std::ranges::count(text, bracket) == 1 && std::ranges::count(text, brace) == 1 &&
           std::ranges::all_of(text,
                               [&](char c) { return c == bracket || c == brace || is_space(c); });
  };
  if (!only(body.substr(choices.begin, choice.front().key - choices.begin), '[', '{'))
    return std::nullopt;
  const JsonMember* message = nullptr;
  const JsonMember* finish = nullptr;
  const JsonMember* last = nullptr;
  for (const JsonMember& member : choice) {
    if (member.depth != choice.front().depth) continue;
    last = &member;
    const std::string_view name = member.written(body);
    if (name == "message" && std::exchange(message, &member) != nullptr) return std::nullopt;
    if (name == "finish_reason") finish = &member;
  }
  if (message == nullptr || finish == nullptr || body[finish->begin] != '"') return std::nullopt;
  if (!only(body.substr(last->end, choices.end - last->end), ']', '}')) return std::nullopt;
  const std::string_view word = finish->value(body);
  if (word.contains('\\')) return std::nullopt;
  return word.substr(1, word.size() - 2);
}

}  // namespace

bool relayable(Dialect dialect, std::string_view body, const Envelope& envelope,
               const Quirks& quirks) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
      return chat_relayable(body, envelope, quirks);
    case Dialect::kAnthropic:
    case Dialect::kOpenAiResponses:
      return !holds_marked_proof(body);  // no provider is sent another one's
    default:
      return false;
  }
}

Result<RelayedRequest> relayed_request(Dialect dialect, std::string_view body,
                                       const Envelope& envelope, std::string_view upstream,
                                       bool stream, const Quirks& quirks) {
  std::vector<Envelope::Edit> edits;
  edits.push_back({"model", json_quote(upstream)});
  RelayedRequest out;
  if (dialect == Dialect::kOpenAiChat && stream && quirks.stream_options) {
    Json options = Json::object();
    if (const auto raw = envelope.raw(body, "stream_options"); raw && *raw != "null") {
      Result<Json> read = json_parse(*raw, "stream_options");
      if (!read) return std::unexpected(std::move(read.error()));
      if (!read->is_object())
        return fail(Kind::kInvalid,
                    fmt::format("'stream_options' must be an object, not {}", read->type_name()));
      options = std::move(*read);
    }
    const Json* asked = options.find("include_usage");
    if (asked == nullptr || !asked->is_bool() || !asked->as_bool()) {
      options.as_object().set("include_usage", true);
      edits.push_back({"stream_options", json_write(options)});
      out.hide_usage = true;
    }
  }
  out.body = envelope.edited(body, edits);
  return out;
}

bool holds_more_than_content(Dialect dialect, std::string_view event, std::string_view data) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
      return chat_more(data);
    case Dialect::kAnthropic:
      return anthropic_more(event, data);
    case Dialect::kOpenAiResponses:
      return responses_more(event, data);
    default:
      return true;
  }
}

bool may_hold_nothing(Dialect dialect, std::string_view event, std::string_view data) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
      return contains(data, "\"role\"") || contains(data, "\"content\":\"\"");
    case Dialect::kAnthropic:
      return event.empty() ? !contains(data.substr(0, 48), "\"content_block_delta\"")
                           : event != "content_block_delta";
    case Dialect::kOpenAiResponses:
      return event.empty() ? !contains(data.substr(0, 64), ".delta\"") : !event.ends_with(".delta");
    default:
      return true;
  }
}

std::optional<RelayedFacts> relayed_facts(Dialect dialect, std::string_view body) {
  if (dialect != Dialect::kOpenAiChat) return std::nullopt;
  if (body.size() >= std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  constexpr std::size_t kUsual = 32;
  constexpr std::uint32_t kDepth = 3;  // the members of a choice and of the details of a usage
  std::vector<JsonMember> members;
  members.reserve(kUsual);
  std::uint32_t close = 0;
  if (!scan_members(body, kDepth, members, close)) return std::nullopt;
  const JsonMember* choices = nullptr;
  const JsonMember* usage = nullptr;
  for (const JsonMember& member : members) {
    if (member.escaped) return std::nullopt;
    if (member.depth != 1) continue;
    const std::string_view name = member.written(body);
    if (name == "error") return std::nullopt;
    if (name == "choices") choices = &member;
    if (name == "usage") usage = &member;
  }
  if (choices == nullptr || usage == nullptr || body[usage->begin] != '{') return std::nullopt;
  const std::optional<std::string_view> word =
      only_finish(body, *choices, inside(members, *choices));
  if (!word) return std::nullopt;
  return RelayedFacts{.usage = openai_chat::usage_of(body, inside(members, *usage)),
                      .finish = openai_chat::finish_reason(*word)};
}

bool is_usage_chunk(std::string_view data) {
  if (!contains(data, "\"usage\"")) return false;
  const Result<Envelope> chunk = Envelope::scan(data);
  if (!chunk) return false;
  const auto usage = chunk->raw(data, "usage");
  const auto choices = chunk->raw(data, "choices");
  if (!usage || !usage->starts_with('{') || !choices || !choices->starts_with('[')) return false;
  return std::ranges::all_of(choices->substr(1, choices->size() - 2), is_space);
}

}  // namespace sighter::wire
