#include "wire/relay.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/json.hpp"
#include "base/json_text.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_chat_facts.hpp"
#include "wire/openai_chat_message.hpp"
#include "wire/proof.hpp"

namespace sighter::wire {
namespace {

// find() would make a call for each of the many quotes in JSON.
bool contains(std::string_view text, std::string_view word) {
  return ::memmem(text.data(), text.size(), word.data(), word.size()) != nullptr;
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
      case 'e':
        if (!rest.starts_with("extra_content\"") || openai_chat::takes_call_proofs(quirks))
          continue;
        break;
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

// Whether an empty signature may stand there, whatever the white space.
bool unsigned_thoughts(std::string_view body) {
  constexpr std::string_view kName = "\"signature\"";
  for (std::size_t at = body.find(kName); at != body.npos; at = body.find(kName, at + 1)) {
    std::string_view rest = body.substr(at + kName.size());
    while (!rest.empty() && (is_json_space(rest.front()) || rest.front() == ':'))
      rest.remove_prefix(1);
    if (rest.starts_with("\"\"")) return true;
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

// Of the kColons bytes at `at`, which are colons that may end a name of interest: behind white
// space, or behind a quote behind the last letter of one. Two bytes stand before them.
constexpr std::size_t kColons = 16;
std::uint32_t colons(const char* at) {
#ifdef __SSE2__
  const auto load = [](const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  const auto either = [](__m128i a, __m128i b) { return _mm_or_si128(a, b); };
  const __m128i before = load(at - 1);
  const __m128i last = load(at - 2);
  const __m128i space = _mm_cmpeq_epi8(_mm_subs_epu8(before, _mm_set1_epi8(' ')), __m128i{});
  const __m128i letter = either(
      either(_mm_cmpeq_epi8(last, _mm_set1_epi8('r')), _mm_cmpeq_epi8(last, _mm_set1_epi8('e'))),
      either(_mm_cmpeq_epi8(last, _mm_set1_epi8('n')), _mm_cmpeq_epi8(last, _mm_set1_epi8('t'))));
  const __m128i name = _mm_and_si128(_mm_cmpeq_epi8(before, _mm_set1_epi8('"')), letter);
  const __m128i colon = _mm_cmpeq_epi8(load(at), _mm_set1_epi8(':'));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_and_si128(colon, either(space, name))));
#else
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < kColons; ++i) out |= std::uint32_t{at[i] == ':'} << i;
  return out;
#endif
}

enum class Meaning { kNothing, kFinishIsNull, kMore };
// Of the member whose name's colon stands at `at`. Most are told by one character.
Meaning meaning_of(std::string_view data, std::size_t at) {
  std::size_t end = at;
  while (end > 0 && is_json_space(data[end - 1])) --end;
  if (end < 2 || data[end - 1] != '"') return Meaning::kNothing;
  std::size_t begin = at + 1;
  while (begin < data.size() && is_json_space(data[begin])) ++begin;
  const char first = begin < data.size() ? data[begin] : '\0';
  const auto is = [&](std::string_view name) { return data.substr(0, end).ends_with(name); };
  switch (data[end - 2]) {
    case 'r':
      return is("\"error\"") ? Meaning::kMore : Meaning::kNothing;
    case 'e':
      return first != 'n' && is("\"usage\"") ? Meaning::kMore : Meaning::kNothing;
    case 'n':
      if (!is("\"finish_reason\"")) return Meaning::kNothing;
      return first == 'n' ? Meaning::kFinishIsNull : Meaning::kMore;
    case 't':
      return first == '"' && is("\"object\"") && data.substr(begin).starts_with("\"error\"")
                 ? Meaning::kMore
                 : Meaning::kNothing;
    default:
      return Meaning::kNothing;
  }
}

// Whether a chunk names an error, a usage or a finish that is not null, or no finish at all, as
// what is no chunk does. One look at each colon: quotes inside of strings are escaped, so what ends
// in a quote before a colon is a member's name.
bool chat_more(std::string_view data) {
  if (data.size() < kColons + 2 || data.front() != '{') return true;  // [DONE]
  bool finish = false;
  for (std::size_t from = 2; from < data.size(); from += kColons) {
    const std::size_t at = std::min(from, data.size() - kColons);  // the last ones twice
    for (std::uint32_t marks = colons(data.data() + at); marks != 0; marks &= marks - 1) {
      switch (meaning_of(data, at + static_cast<std::size_t>(std::countr_zero(marks)))) {
        case Meaning::kMore:
          return true;
        case Meaning::kFinishIsNull:
          finish = true;
          break;
        case Meaning::kNothing:
          break;
      }
    }
  }
  return !finish;
}

std::optional<TextPlace> place_of(const openai_chat::ChatFacts& facts, std::string_view body) {
  if (!facts.choice || !facts.text) return std::nullopt;
  // Where nothing is said the text is none of the body's.
  const std::string_view text = *facts.text;
  const bool there = std::greater_equal<>()(text.data(), body.data()) &&
                     std::less<>()(text.data(), body.data() + body.size());
  if (!there) return TextPlace{};
  return TextPlace{static_cast<std::size_t>(text.data() - body.data()), text.size()};
}

}  // namespace

bool relayable(Dialect dialect, std::string_view body, const Envelope& envelope,
               const Quirks& quirks) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
      return chat_relayable(body, envelope, quirks);
    case Dialect::kAnthropic:
      if (quirks.signed_thoughts && contains(body, "\"thinking\"") && unsigned_thoughts(body))
        return false;
      [[fallthrough]];
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
  std::optional<openai_chat::ChatFacts> facts = openai_chat::facts_of(body);
  if (!facts || !facts->finish || !facts->usage) return std::nullopt;
  return RelayedFacts{.usage = std::move(*facts->usage),
                      .finish = openai_chat::finish_reason(*facts->finish),
                      .text = place_of(*facts, body)};
}

bool is_usage_chunk(std::string_view data) {
  if (!contains(data, "\"usage\"")) return false;
  const std::optional<openai_chat::ChatFacts> facts = openai_chat::facts_of(data);
  return facts && facts->usage && !facts->choice;
}

}  // namespace sighter::wire
