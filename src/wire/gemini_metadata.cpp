// Grounding, log-probabilities and times: what stands beside the parts of a reply.

#include <algorithm>
#include <chrono>

#include "base/utf8.hpp"
#include "wire/gemini_reply.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;

std::int64_t number(const Json* json) {
  return json == nullptr ? 0 : json->to_int().value_or(0);
}

// Characters in the first `bytes` bytes; nullopt where that is no place in the text.
std::optional<std::int64_t> characters(std::string_view text, std::int64_t bytes) {
  if (bytes < 0 || static_cast<std::size_t>(bytes) > text.size()) return std::nullopt;
  return std::count_if(text.begin(), text.begin() + bytes,
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::size_t bytes(std::string_view text, std::int64_t characters) {
  std::size_t at = 0;
  while (at < text.size() && characters > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    --characters;
  }
  return at;
}

// The source that a chunk names, whatever its kind: web, retrievedContext, maps.
const Json* source_of(const Json& chunk) {
  if (!chunk.is_object()) return nullptr;
  for (const auto& [name, value] : chunk.as_object()) {
    if (value.find_string("uri") != nullptr || value.find_string("title") != nullptr) return &value;
  }
  return nullptr;
}

// What stands beside the candidates for a token's place, on that token.
constexpr std::string_view kTopCandidates = "top_candidates";

Json token_of(const Json& candidate) {
  JsonObject out;
  const std::string* token = candidate.find_string("token");
  out.append("token", token == nullptr ? Json("") : Json(*token));
  const Json* probability = candidate.find("logProbability");
  out.append("logprob", probability == nullptr ? Json(0) : *probability);
  JsonArray raw;
  for (const char c : token == nullptr ? std::string_view() : std::string_view(*token))
    raw.emplace_back(static_cast<int>(static_cast<unsigned char>(c)));
  out.append("bytes", std::move(raw));
  if (const Json* id = candidate.find("tokenId")) out.append("token_id", *id);
  copy_others(&candidate, {"token", "logProbability", "tokenId", "logprob", "bytes", "token_id"},
              out);
  return out;
}

// `own`: members that are not known are those of this dialect.
void write_token(std::string& out, const Json& token, bool own) {
  ObjectWriter writer(out);
  // Protocol buffers leave out what is zero or empty.
  if (const std::string* text = token.find_string("token")) writer.string_if("token", *text);
  if (const Json* id = token.find("token_id")) writer.json("tokenId", *id);
  const Json* probability = token.find("logprob");
  if (probability != nullptr && probability->is_number() && probability->number_text() != "0")
    writer.json("logProbability", *probability);
  JsonObject others;
  if (own)
    copy_others(&token, {"token", "token_id", "logprob", "bytes", "top_logprobs", kTopCandidates},
                others);
  writer.rest(others);
  writer.end();
}

}  // namespace

std::optional<std::int64_t> seconds_of(std::string_view time) {
  const auto digits = [&](std::size_t at, std::size_t n) -> std::optional<int> {
    int value = 0;
    for (std::size_t i = at; i < at + n; ++i) {
      if (i >= time.size() || time[i] < '0' || time[i] > '9') return std::nullopt;
      value = value * 10 + (time[i] - '0');
    }
    return value;
  };
  const auto year = digits(0, 4);
  const auto month = digits(5, 2);
  const auto day = digits(8, 2);
  const auto hour = digits(11, 2);
  const auto minute = digits(14, 2);
  const auto second = digits(17, 2);
  if (!year || !month || !day || !hour || !minute || !second || !time.ends_with('Z'))
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60 + *second;
}

std::vector<Grounded> decode_grounding(const Json& metadata, const std::vector<Block>& content) {
  std::vector<Grounded> out;
  const Json* chunks = metadata.find("groundingChunks");
  const Json* supports = metadata.find("groundingSupports");
  std::size_t first_text = 0;
  while (first_text < content.size() && content[first_text].as<Text>() == nullptr) ++first_text;
  if (chunks == nullptr || supports == nullptr || first_text == content.size()) return out;
  for (std::size_t i = 0; supports->at(i) != nullptr; ++i) {
    const Json& support = *supports->at(i);
    const Json* segment = support.find("segment");
    const Json* indices = support.find("groundingChunkIndices");
    if (segment == nullptr || indices == nullptr) continue;
    const std::string* words = segment->find_string("text");
    auto block = static_cast<std::size_t>(
        std::clamp<std::int64_t>(number(segment->find("partIndex")), 0, 10'000));
    if (block >= content.size() || content[block].as<Text>() == nullptr) block = first_text;
    const std::string& text = content[block].as<Text>()->text;
    for (std::size_t k = 0; indices->at(k) != nullptr; ++k) {
      const std::int64_t index = number(indices->at(k));
      const Json* chunk = index < 0 ? nullptr : chunks->at(static_cast<std::size_t>(index));
      const Json* source = chunk == nullptr ? nullptr : source_of(*chunk);
      if (source == nullptr) continue;
      Citation citation{.dialect = kMe};
      if (const std::string* uri = source->find_string("uri")) citation.url = *uri;
      if (const std::string* title = source->find_string("title")) citation.title = *title;
      if (words != nullptr) citation.cited_text = *words;
      citation.start = characters(text, number(segment->find("startIndex")));
      citation.end = characters(text, number(segment->find("endIndex")));
      out.push_back(Grounded{block, std::move(citation)});
    }
  }
  return out;
}

void write_grounding(ObjectWriter& candidate, const std::vector<PlacedText>& texts,
                     Losses& losses) {
  std::vector<const Citation*> sources;
  std::string supports;
  for (const auto& [part, said] : texts) {
    for (const Citation& citation : said->citations) {
      if (citation.dialect == kMe) continue;  // groundingMetadata is with the rest
      if (citation.url.empty()) {
        losses.cannot("messages.content.citations");
        continue;
      }
      note_unsaid(citation, losses);
      auto known = std::find_if(sources.begin(), sources.end(), [&](const Citation* one) {
        return one->url == citation.url && one->title == citation.title;
      });
      const auto index = static_cast<std::int64_t>(known - sources.begin());
      if (known == sources.end()) sources.push_back(&citation);
      if (!supports.empty()) supports += ',';
      ObjectWriter support(supports);
      ObjectWriter segment(support.key("segment"));
      if (part > 0) segment.integer("partIndex", static_cast<std::int64_t>(part));
      const std::string& text = said->text;
      const std::size_t start = bytes(text, citation.start.value_or(0));
      const std::size_t end = citation.end.has_value() ? bytes(text, *citation.end) : text.size();
      segment.integer("startIndex", static_cast<std::int64_t>(start));
      segment.integer("endIndex", static_cast<std::int64_t>(end));
      segment.string("text", end > start ? std::string_view(text).substr(start, end - start) : "");
      segment.end();
      support.raw("groundingChunkIndices", fmt::format("[{}]", index));
      support.end();
    }
  }
  if (sources.empty()) return;
  ObjectWriter metadata(candidate.key("groundingMetadata"));
  std::string& out = metadata.key("groundingChunks");
  out += '[';
  Commas commas;
  for (const Citation* source : sources) {
    commas.next(out);
    ObjectWriter chunk(out);
    ObjectWriter web(chunk.key("web"));
    web.string("uri", source->url);
    web.string("title", source->title);
    web.end();
    chunk.end();
  }
  out += ']';
  metadata.raw("groundingSupports", "[" + supports + "]");
  metadata.end();
}

Json decode_logprobs(const Json& result) {
  JsonArray content;
  const Json* chosen = result.find("chosenCandidates");
  const Json* top = result.find("topCandidates");
  for (std::size_t i = 0; chosen != nullptr && chosen->at(i) != nullptr; ++i) {
    Json token = token_of(*chosen->at(i));
    JsonArray others;
    const Json* list =
        top == nullptr || top->at(i) == nullptr ? nullptr : top->at(i)->find("candidates");
    for (std::size_t k = 0; list != nullptr && list->at(k) != nullptr; ++k)
      others.push_back(token_of(*list->at(k)));
    token.as_object().append("top_logprobs", std::move(others));
    JsonObject beside;
    if (list != nullptr) copy_others(top->at(i), {"candidates"}, beside);
    if (!beside.empty()) token.as_object().set(kTopCandidates, Json(std::move(beside)));
    content.push_back(std::move(token));
  }
  return Json::object({{"content", std::move(content)}, {"refusal", Json()}});
}

void write_logprobs(ObjectWriter& result, const Json& logprobs, bool own, Losses& losses) {
  if (!own) note_unsaid_logprobs(logprobs, true, losses);
  const Json* content = logprobs.find("content");
  if (content == nullptr || !content->is_array()) return;
  std::string chosen;
  std::string top;
  bool any = false;
  for (const Json& token : content->as_array()) {
    if (!chosen.empty()) chosen += ',';
    if (!top.empty()) top += ',';
    write_token(chosen, token, own);
    std::string others;
    const Json* list = token.find("top_logprobs");
    for (std::size_t k = 0; list != nullptr && list->at(k) != nullptr; ++k) {
      if (!others.empty()) others += ',';
      write_token(others, *list->at(k), own);
      any = true;
    }
    ObjectWriter place(top);
    place.raw("candidates", "[" + others + "]");
    const Json* beside = own ? token.find(kTopCandidates) : nullptr;
    if (beside != nullptr && beside->is_object()) place.rest(beside->as_object());
    place.end();
  }
  result.raw("chosenCandidates", "[" + chosen + "]");
  if (any) result.raw("topCandidates", "[" + top + "]");
}

}  // namespace sighter::wire::gemini
