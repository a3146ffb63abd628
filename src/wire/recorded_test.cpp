// Real exchanges as the oracle: what providers and their own SDKs wrote must survive.

#include <gtest/gtest.h>

#include "wire/anthropic.hpp"
#include "wire/embeddings.hpp"
#include "wire/openai_chat.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"
#include "wire/test_recorded.hpp"

namespace sighter::wire {
namespace {

std::string first_difference(const Json& a, const Json& b, const std::string& at = "") {
  if (a == b) return "";
  if (a.is_object() && b.is_object()) {
    for (const auto& [name, value] : a.as_object()) {
      const Json* other = b.find(name);
      if (other == nullptr)
        return at + "/" + name + " is lost: " + json_write(value).substr(0, 200);
      if (const std::string inner = first_difference(value, *other, at + "/" + name);
          !inner.empty())
        return inner;
    }
    for (const auto& [name, value] : b.as_object()) {
      if (a.find(name) == nullptr)
        return at + "/" + name + " is new: " + json_write(value).substr(0, 200);
    }
  }
  if (a.is_array() && b.is_array() && a.as_array().size() == b.as_array().size()) {
    for (std::size_t i = 0; i < a.as_array().size(); ++i) {
      const std::string inner =
          first_difference(a.as_array()[i], b.as_array()[i], fmt::format("{}/{}", at, i));
      if (!inner.empty()) return inner;
    }
  }
  return at + ": " + json_write(a).substr(0, 200) + " became " + json_write(b).substr(0, 200);
}

class Recorded : public ::testing::TestWithParam<std::pair<const char*, Dialect>> {
 protected:
  void SetUp() override {
    exchanges_ = recorded(GetParam().first);
    if (exchanges_.empty()) GTEST_SKIP() << "not here: " << recorded_path(GetParam().first);
    ASSERT_GT(exchanges_.size(), 50u);
  }
  const Codec& codec() const { return *codec_of(GetParam().second); }
  std::vector<Exchange> exchanges_;
};

TEST_P(Recorded, RequestsSurvive) {
  for (const Exchange& exchange : exchanges_) {
    Result<ChatRequest> request = codec().decode_request(exchange.request);
    ASSERT_TRUE(request) << exchange.source << ": " << request.error().what;
    Result<Encoded> encoded = codec().encode_request(*request, {});
    ASSERT_TRUE(encoded) << exchange.source << ": " << encoded.error().what;
    Result<Json> back = json_parse(encoded->body);
    ASSERT_TRUE(back) << exchange.source << ": " << back.error().what << encoded->body;
    EXPECT_EQ(first_difference(exchange.request, *back), "") << exchange.source;
    EXPECT_TRUE(encoded->dropped.empty()) << exchange.source << ": " << encoded->dropped.front();
  }
}

TEST_P(Recorded, RepliesSurvive) {
  int replies = 0;
  for (const Exchange& exchange : exchanges_) {
    if (!exchange.reply || exchange.status != 200) continue;
    if (exchange.reply->find("input_tokens") || exchange.reply->find("user_id"))
      continue;  // not a chat
    Result<ChatReply> reply = codec().decode_reply(*exchange.reply, nullptr);
    ASSERT_TRUE(reply) << exchange.source << ": " << reply.error().what;
    const Encoded encoded = codec().encode_reply(*reply, {});
    Result<Json> back = json_parse(encoded.body);
    ASSERT_TRUE(back) << exchange.source << ": " << back.error().what << encoded.body;
    EXPECT_EQ(first_difference(*exchange.reply, *back), "") << exchange.source;
    EXPECT_TRUE(encoded.dropped.empty()) << exchange.source << ": " << encoded.dropped.front();
    ++replies;
  }
  EXPECT_GT(replies, 50);
}

TEST_P(Recorded, ErrorsKeepTheProvidersWords) {
  for (const Exchange& exchange : exchanges_) {
    if (!exchange.reply || exchange.status == 200) continue;
    const WireError error = codec().decode_error(exchange.status, json_write(*exchange.reply));
    const Json* inside = exchange.reply->find("error");
    const std::string* words =
        (inside != nullptr ? inside : &*exchange.reply)->find_string("message");
    EXPECT_EQ(error.message, *words);
    EXPECT_EQ(json_parse(codec().encode_error(error)).value(), *exchange.reply);
    EXPECT_EQ(error.kind, exchange.status == 404   ? Kind::kNotFound
                          : exchange.status == 429 ? Kind::kRateLimited
                          : error.message.find("does not exist") != std::string::npos
                              ? Kind::kNotFound
                              : Kind::kInvalid)
        << exchange.source << error.message;
  }
}

TEST_P(Recorded, StreamsGiveTheSameReplyWhenWrittenBack) {
  int streams = 0;
  for (const Exchange& exchange : exchanges_) {
    if (exchange.stream.empty()) continue;
    const Streamed first = read_stream(codec(), exchange.stream);
    const bool broken = exchange.stream.find("event: error") != std::string::npos;
    EXPECT_EQ(first.builder.state(),
              broken ? ReplyBuilder::State::kBroken : ReplyBuilder::State::kComplete)
        << exchange.source << first.builder.error().message;
    EXPECT_TRUE(broken || first.builder.reply().usage.has_value() ||
                exchange.stream.find("moderation") != std::string::npos)
        << exchange.source;

    ChatRequest request;
    request.include_usage = true;
    const std::unique_ptr<StreamEncoder> encoder = codec().stream_encoder(request, {});
    std::string written;
    for (const Delta& delta : first.deltas) encoder->write(delta, written);
    EXPECT_EQ(lost_by(*encoder), std::vector<std::string>()) << exchange.source;
    const Streamed second = read_stream(codec(), written);
    EXPECT_EQ(second.builder.state(), first.builder.state()) << exchange.source << written;
    const Result<Json> a = json_parse(codec().encode_reply(first.builder.reply(), {}).body);
    const Result<Json> b = json_parse(codec().encode_reply(second.builder.reply(), {}).body);
    ASSERT_TRUE(a && b) << exchange.source;
    EXPECT_EQ(first_difference(*a, *b), "") << exchange.source;
    ++streams;
  }
  EXPECT_GE(streams, GetParam().second == Dialect::kBedrock ? 3 : 10);
}

TEST(RecordedEmbeddings, RequestAndReplySurvive) {
  const std::vector<Exchange>& all = recorded("openai_embeddings");
  if (all.empty()) GTEST_SKIP() << "not here: " << recorded_path("openai_embeddings");
  for (const Exchange& exchange : all) {
    const Result<EmbeddingRequest> request = openai_embeddings::decode_request(exchange.request);
    ASSERT_TRUE(request) << request.error().what;
    const std::string asked = openai_embeddings::encode_request(*request).body;
    EXPECT_EQ(first_difference(exchange.request, json_parse(asked).value()), "");
    const Result<EmbeddingReply> reply = openai_embeddings::decode_reply(*exchange.reply);
    ASSERT_TRUE(reply) << reply.error().what;
    const std::string said = openai_embeddings::encode_reply(*reply);
    EXPECT_EQ(first_difference(*exchange.reply, json_parse(said).value()), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, Recorded,
                         ::testing::Values(std::pair{"openai_chat", Dialect::kOpenAiChat},
                                           std::pair{"compatible_chat", Dialect::kOpenAiChat},
                                           std::pair{"anthropic", Dialect::kAnthropic},
                                           std::pair{"openai_responses", Dialect::kOpenAiResponses},
                                           std::pair{"gemini", Dialect::kGemini},
                                           std::pair{"bedrock", Dialect::kBedrock}),
                         [](const auto& one) { return std::string(one.param.first); });

}  // namespace
}  // namespace sighter::wire
