// What the front doors of OpenAI's two dialects say, against OpenAI's own description of it: every
// recorded exchange of every dialect, whole and streamed. (Here because no lower room may see both
// the dialects and the schemas.)

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "io/event_stream.hpp"
#include "io/sse.hpp"
#include "text/schema.hpp"
#include "wire/codec.hpp"
#include "wire/media.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::models {
namespace {

using wire::Dialect;

const std::string kShared = std::string(SIGHTER_SOURCE_DIR) + "/../shared";

struct Source {
  const char* file;
  Dialect dialect;
};
constexpr Source kSources[] = {
    {"openai_chat", Dialect::kOpenAiChat}, {"compatible_chat", Dialect::kOpenAiChat},
    {"anthropic", Dialect::kAnthropic},    {"openai_responses", Dialect::kOpenAiResponses},
    {"gemini", Dialect::kGemini},          {"bedrock", Dialect::kBedrock}};

// The one keyword of a draft that our validator refuses: CompoundFilter refers to itself by it.
void without_recursion(Json& at, const std::string& self) {
  if (at.is_array()) {
    for (Json& one : at.as_array()) without_recursion(one, self);
  } else if (at.is_object()) {
    at.as_object().erase("$recursiveAnchor");
    if (at.as_object().erase("$recursiveRef")) at.as_object().set("$ref", self);
    for (auto& [name, value] : at.as_object()) without_recursion(value, self);
  }
}

// The schemas that `name` needs, as one document; nullopt when the description is not there.
std::optional<text::Schema> schema_of(const std::string& name) {
  std::ifstream file(kShared + "/specs/openai/openapi.json");
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  Result<Json> spec = json_parse(text.str(), "openapi.json");
  EXPECT_TRUE(spec) << spec.error().what;
  const Json* all = spec->pointer("/components/schemas");
  JsonObject needed;
  std::vector<std::string> wanted{name};
  const std::string prefix = "#/components/schemas/";
  const auto collect = [&](const auto& self, const Json& at) -> void {
    if (at.is_array()) {
      for (const Json& one : at.as_array()) self(self, one);
    } else if (at.is_object()) {
      for (const auto& [key, value] : at.as_object()) {
        if (key == "$ref" && value.is_string() && value.as_string().starts_with(prefix))
          wanted.push_back(value.as_string().substr(prefix.size()));
        self(self, value);
      }
    }
  };
  while (!wanted.empty()) {
    const std::string next = std::move(wanted.back());
    wanted.pop_back();
    if (needed.contains(next)) continue;
    const Json* schema = all->find(next);
    EXPECT_NE(schema, nullptr) << next;
    if (schema == nullptr) continue;
    Json adapted = *schema;
    without_recursion(adapted, prefix + next);
    collect(collect, adapted);
    needed.append(next, std::move(adapted));
  }
  const Json document =
      Json::object({{"$ref", prefix + name},
                    {"components", Json::object({{"schemas", Json(std::move(needed))}})}});
  Result<text::Schema> schema = text::Schema::compile(document, name);
  EXPECT_TRUE(schema) << schema.error().what;
  if (!schema) return std::nullopt;
  return std::move(*schema);
}

struct Exchange {
  std::string source{};
  wire::ChatReply reply{};
  std::vector<wire::Delta> deltas{};
};

// A binary stream of Amazon's, byte by byte; false where an event is not of the dialect.
bool read_frames(std::string_view bytes, wire::StreamDecoder& decoder,
                 std::vector<wire::Delta>& deltas) {
  io::EventStreamReader reader;
  bool good = true;
  for (const char byte : bytes) {
    reader.feed(std::string_view(&byte, 1));
    auto message = reader.next();
    good = good && message.has_value();
    if (!good || !message->has_value()) continue;
    const io::EventMessage& one = **message;
    good = decoder.feed(one.header(":event-type"), one.payload, deltas).has_value();
  }
  return good && reader.finish().has_value();
}

// Every recorded answer, streamed ones as they came and whole ones as a stream would have been; a
// stream is given to its splitter byte by byte.
void for_each_answer(const auto& check) {
  for (const Source& source : kSources) {
    const wire::Codec* codec = wire::codec_of(source.dialect);
    if (codec == nullptr) continue;
    std::ifstream file(kShared + "/data/recorded_replies/" + source.file + ".jsonl");
    for (std::string line; std::getline(file, line);) {
      const Json json = json_parse(line).value();
      Exchange exchange{.source = *json.find_string("source")};
      constexpr std::string_view kBinary = "base64:";
      const std::string* raw = json.find_string("raw");
      if (raw != nullptr && raw->starts_with(kBinary)) {
        const auto decoder = codec->stream_decoder(nullptr);
        const std::string bytes =
            wire::base64_decode(std::string_view(*raw).substr(kBinary.size())).value();
        EXPECT_TRUE(read_frames(bytes, *decoder, exchange.deltas)) << exchange.source;
        EXPECT_TRUE(decoder->end(exchange.deltas)) << exchange.source;
        wire::ReplyBuilder builder;
        for (const wire::Delta& delta : exchange.deltas) builder.add(delta);
        exchange.reply = builder.take();
      } else if (raw != nullptr && raw->find("data:") != raw->npos) {
        io::SseReader reader;
        wire::ReplyBuilder builder;
        const auto decoder = codec->stream_decoder(nullptr);
        bool broken = false;
        for (const char byte : *raw) {
          reader.feed(std::string_view(&byte, 1));
          auto event = reader.next();
          if (!event || !event->has_value()) continue;
          broken = broken || !decoder->feed((*event)->name, (*event)->data, exchange.deltas);
        }
        (void)decoder->end(exchange.deltas);
        if (broken) continue;
        for (const wire::Delta& delta : exchange.deltas) builder.add(delta);
        exchange.reply = builder.take();
      } else if (const Json* body = json.find("response");
                 body != nullptr && json.find("status")->to_int() == 200) {
        Result<wire::ChatReply> reply = codec->decode_reply(*body, nullptr);
        if (!reply) continue;
        exchange.reply = *reply;
        exchange.deltas = wire::deltas_of(std::move(*reply));
      } else {
        continue;
      }
      check(source, exchange);
    }
  }
}

// The provider's own chunks say null where the description demands a value; so do ours.
void without_nulls(Json& chunk) {
  if (Json* usage = chunk.find("usage"); usage != nullptr && usage->is_null())
    chunk.as_object().erase("usage");
  Json* choices = chunk.find("choices");
  if (choices == nullptr || !choices->is_array()) return;
  for (Json& choice : choices->as_array()) {
    Json* finish = choice.find("finish_reason");
    if (finish != nullptr && finish->is_null()) *finish = "stop";
    Json* logprobs = choice.find("logprobs");
    if (logprobs != nullptr && logprobs->is_null()) choice.as_object().erase("logprobs");
    if (logprobs == nullptr || !logprobs->is_object()) continue;
    Json* refusal = logprobs->find("refusal");
    if (refusal != nullptr && refusal->is_null()) *refusal = Json(JsonArray{});
  }
}

// An upstream of the same dialect: its own words are passed on as they are.
bool own_words(const Source& source, Dialect door) {
  return source.dialect == door;
}

class Conformance : public ::testing::TestWithParam<std::tuple<Dialect, const char*, const char*>> {
 protected:
  void SetUp() override {
    whole_ = schema_of(std::get<1>(GetParam()));
    event_ = schema_of(std::get<2>(GetParam()));
    if (!whole_ || !event_) GTEST_SKIP() << "no description at " << kShared << "/specs/openai";
  }
  Dialect door() const { return std::get<0>(GetParam()); }
  const wire::Codec& codec() const { return *wire::codec_of(door()); }
  std::optional<text::Schema> whole_;
  std::optional<text::Schema> event_;
};

TEST_P(Conformance, TheDescriptionRefusesOtherThings) {
  EXPECT_FALSE(whole_->valid(Json::object({{"id", "x"}})));
  EXPECT_FALSE(event_->valid(Json::object({{"type", "response.output_text.delta"}})));
}

TEST_P(Conformance, WholeReplies) {
  int count = 0;
  std::set<std::string> seen;
  for_each_answer([&](const Source& source, const Exchange& exchange) {
    if (own_words(source, door())) return;
    const wire::Encoded encoded = codec().encode_reply(exchange.reply, {.now_s = 1});
    const std::vector<text::Violation> violations =
        whole_->validate(json_parse(encoded.body).value());
    ++count;
    if (violations.empty() || !seen.insert(describe(violations)).second) return;
    ADD_FAILURE() << exchange.source << ": " << describe(violations) << "\n" << encoded.body;
  });
  EXPECT_GT(count, 100);
}

TEST_P(Conformance, StreamEvents) {
  int count = 0;
  std::set<std::string> seen;
  for_each_answer([&](const Source& source, const Exchange& exchange) {
    if (own_words(source, door())) return;
    wire::ChatRequest request{.dialect = door(), .model = "m"};
    request.include_usage = true;
    const auto encoder = codec().stream_encoder(request, {.now_s = 1});
    std::string written;
    for (const wire::Delta& delta : exchange.deltas) encoder->write(delta, written);
    io::SseReader reader;
    reader.feed(written);
    std::int64_t sequence = 0;
    while (true) {
      auto event = reader.next();
      ASSERT_TRUE(event);
      if (!event->has_value()) break;
      if ((*event)->data == "[DONE]") continue;
      Json json = json_parse((*event)->data).value();
      ++count;
      if (door() == Dialect::kOpenAiResponses) {
        ASSERT_EQ(json.find("sequence_number")->to_int(), sequence) << written;
        ASSERT_EQ(*json.find_string("type"), (*event)->name);
        ++sequence;
      }
      if (door() == Dialect::kOpenAiChat) without_nulls(json);
      const std::vector<text::Violation> violations = event_->validate(json);
      if (violations.empty() || !seen.insert(describe(violations)).second) continue;
      ADD_FAILURE() << exchange.source << ": " << describe(violations) << "\n" << (*event)->data;
    }
  });
  EXPECT_GT(count, 1000);
}

INSTANTIATE_TEST_SUITE_P(
    OpenAi, Conformance,
    ::testing::Values(std::tuple{Dialect::kOpenAiChat, "CreateChatCompletionResponse",
                                 "CreateChatCompletionStreamResponse"},
                      std::tuple{Dialect::kOpenAiResponses, "Response", "ResponseStreamEvent"}),
    [](const auto& one) { return std::string(std::get<1>(one.param)); });

}  // namespace
}  // namespace sighter::models
