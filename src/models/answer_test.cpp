// Requests of clients: relayed, translated, streamed, broken, cancelled.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.hpp"
#include "base/toml.hpp"
#include "io/channel.hpp"
#include "io/sse.hpp"
#include "models/router.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using sighter::testing::Loop;
using sighter::testing::reply_json;
using sighter::testing::reply_stream;
using sighter::testing::ScriptedUpstream;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace step = sighter::testing::step;

constexpr const char* kSecret = "sk-very-secret-123456";
const std::string kReply =
    R"({"id":"r1","object":"chat.completion","created":1,"model":"m","odd":[1.50],"choices":[{"index":0,"message":{"role":"assistant","content":"hi\u2028"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}})";

std::string piece(std::string_view text) {
  return fmt::format(
      "data: {{\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},\"finish_reason\":null}}]}}\n\n",
      text);
}
const std::string kStop =
    "data: {\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kUsage =
    "data: {\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12}}"
    "\n\n";
const std::string kDone = "data: [DONE]\n\n";

// What a client would see.
class Seen final : public ReplySink {
 public:
  io::Task<Status> begin(const ReplyBegin& what) override {
    begun = what;
    co_return Status{};
  }
  io::Task<Status> bytes(std::string_view events) override {
    raw += events;
    ++writes;
    if (gate != nullptr) {
      Result<io::Permit> permit = co_await gate->acquire();
      if (!permit) co_return std::unexpected(permit.error());
    }
    if (fail) co_return sighter::fail(Kind::kIo, "gone");
    co_return Status{};
  }
  io::Task<Status> deltas(std::vector<wire::Delta>& some) override {
    for (const wire::Delta& delta : some) {
      if (const auto* text = std::get_if<wire::TextDelta>(&delta)) words += text->text;
      ended = ended || std::holds_alternative<wire::End>(delta);
    }
    co_return Status{};
  }
  std::optional<ReplyBegin> begun;
  std::string raw, words;
  int writes = 0;
  bool ended = false;
  bool fail = false;
  io::Gate* gate = nullptr;
};

class AnswerTest : public ::testing::Test {
 protected:
  AnswerTest() : first(loop.core()), second(loop.core()), log(Level::kOff) {
    ::setenv("SIGHTER_TEST_KEY", kSecret, 1);
    config(fmt::format(R"(
[providers.one]
base_url = "{0}"
key = "env:SIGHTER_TEST_KEY"
retries = 0
first_byte_timeout_s = 5
[providers.two]
base_url = "{1}"
key = "env:SIGHTER_TEST_KEY"
retries = 0
[providers.claude]
dialect = "anthropic"
base_url = "{0}"
key = "env:SIGHTER_TEST_KEY"
retries = 0
breaker = false
[providers.more]
base_url = "{0}"
authentication = "api-key"
key = "env:SIGHTER_TEST_KEY"
api_version = "2024-10-21"
headers = {{ x-team = "red" }}
extra_body = {{ "/options/deep" = 1 }}
[providers.responses]
dialect = "openai-responses"
base_url = "{0}"
retries = 0
[providers.google]
dialect = "gemini"
base_url = "{0}"
[providers.aws]
dialect = "bedrock"
base_url = "{0}"
[models.elsewhere_r]
routes = ["responses/m", "two/m"]
[models.elsewhere_a]
routes = ["claude/m", "two/m"]
[models.both]
routes = ["one/m", "two/m"]
price = {{ input = 1, output = 10 }}
[models.either]
routes = ["google/m", "two/m"]
)",
                       first.url("/v1"), second.url("/v1")));
  }

  void config(const std::string& text) {
    auto document = toml_parse(text, "sighter.toml");
    ASSERT_TRUE(document) << document.error().message();
    ModelsConfig models;
    models.read((*document)->root(), "/");
    const Status read = (*document)->finish();
    ASSERT_TRUE(read) << read.error().message();
    hub = std::make_unique<Hub>(std::move(models), loop.clock(), log, 1);
    router = std::make_unique<Router>(loop.core(), *hub);
  }

  void ask(std::string body, wire::Dialect dialect = wire::Dialect::kOpenAiChat) {
    request.dialect = dialect;
    request.body = std::move(body);
    auto envelope = wire::Envelope::scan(request.body);
    ASSERT_TRUE(envelope) << envelope.error().message();
    request.envelope = std::move(*envelope);
    request.stream = request.body.find("\"stream\":true") != std::string::npos;
  }
  Loop::Running<ClientResult> start(std::string model) {
    ClientOptions options;
    options.sink = request.stream ? &seen : nullptr;
    options.want_reply = want_reply;
    options.cancel = gone.token();
    return loop.start(router->answer(request, std::move(model), options));
  }
  ClientResult answer(std::string model) {
    auto running = start(std::move(model));
    loop.advance_until([&] { return running.done(); });
    return std::move(running.value());
  }

  Loop loop;
  ScriptedUpstream first;
  ScriptedUpstream second;
  Log log;
  std::unique_ptr<Hub> hub;
  std::unique_ptr<Router> router;
  ClientRequest request;
  Seen seen;
  bool want_reply = false;
  io::CancelSource gone;
};

const std::string kAsk =
    R"({"model":"x", "messages":[{"role":"user","content":"\u00e9"}],"new_thing":{"b":1.0}})";
const std::string kAskStream =
    R"({"model":"x","messages":[{"role":"user","content":"a"}],"stream":true})";

TEST_F(AnswerTest, RelaysBytesAndChangesTheModelAlone) {
  ask(kAsk);
  first.add(reply_json(kReply));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_TRUE(result.relayed);
  EXPECT_EQ(result.raw, kReply);
  EXPECT_FALSE(result.reply);
  EXPECT_EQ(result.usage->input, 10);
  EXPECT_EQ(result.finish_reason, "stop");
  EXPECT_EQ(
      first.requests()[0].body,
      R"({"model":"m", "messages":[{"role":"user","content":"\u00e9"}],"new_thing":{"b":1.0}})");
  EXPECT_EQ(first.requests()[0].headers.get("authorization"), std::string("Bearer ") + kSecret);
}

TEST_F(AnswerTest, TranslatesBetweenDialects) {
  ask(R"({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"a"}]})",
      wire::Dialect::kAnthropic);
  request.headers.add("anthropic-beta", "b1");
  first.add(reply_json(kReply));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_FALSE(result.relayed);
  ASSERT_TRUE(result.reply);
  EXPECT_EQ(result.reply->text(), "hi\u2028");
  EXPECT_THAT(result.dropped, ElementsAre("anthropic-beta"));
  EXPECT_FALSE(first.requests()[0].headers.has("anthropic-beta"));
}

// Asked in Anthropic's words, counted by whoever can.
TEST_F(AnswerTest, TokensAreCountedInEachDialectThatCounts) {
  struct Case {
    const char* model;
    const char* target;
    const char* body;
    const char* reply;
  };
  const Case cases[] = {
      {"responses/m", "/v1/responses/input_tokens", R"("input":)",
       R"({"object":"response.input_tokens","input_tokens":7})"},
      {"google/m", "/v1/models/m:countTokens", R"({"generateContentRequest":{"systemInstruction":)",
       R"({"totalTokens":7})"},
      {"aws/m:0", "/v1/model/m%3A0/count-tokens", R"({"input":{"converse":{)",
       R"({"inputTokens":7})"}};
  for (const Case& one : cases) {
    request = {};
    request.endpoint = Endpoint::kCountTokens;
    ask(R"({"model":"x","system":"S","messages":[{"role":"user","content":"a"}],"temperature":0.5})",
        wire::Dialect::kAnthropic);
    first.add(reply_json(one.reply));
    const ClientResult result = answer(one.model);
    ASSERT_FALSE(result.error) << one.model << ": " << result.error->message();
    EXPECT_EQ(result.raw, R"({"input_tokens":7})");
    const sighter::testing::SeenRequest& sent = first.requests().back();
    EXPECT_EQ(sent.target, one.target);
    EXPECT_THAT(sent.body, HasSubstr(one.body));
  }
  EXPECT_THAT(first.requests().front().body, Not(HasSubstr("temperature")));
  first.add(reply_json(R"({"other":1})"));
  const ClientResult odd = answer("google/m");
  ASSERT_TRUE(odd.error);
  EXPECT_EQ(odd.error->kind, Kind::kUpstream);
  const ClientResult none = answer("one/m");
  ASSERT_TRUE(none.error);
  EXPECT_THAT(none.error->what, HasSubstr("has no counting of tokens"));
}

TEST_F(AnswerTest, EmbeddingsOfGeminiAreABatchOfItsOwn) {
  request.endpoint = Endpoint::kEmbeddings;
  ask(R"({"model":"x","input":["a","b"],"dimensions":2})");
  first.add(reply_json(R"({"embeddings":[{"values":[1,0.5]},{"values":[0,2]}]})"));
  const ClientResult result = answer("google/m");
  ASSERT_FALSE(result.error) << result.error->message();
  ASSERT_TRUE(result.embedding);
  EXPECT_THAT(result.embedding->data.at(0).values, ElementsAre(1, 0.5));
  EXPECT_EQ(result.embedding->data.at(1).index, 1);
  EXPECT_EQ(first.requests()[0].target, "/v1/models/m:batchEmbedContents");
  EXPECT_EQ(
      first.requests()[0].body,
      R"({"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"outputDimensionality":2},{"model":"models/m","content":{"parts":[{"text":"b"}]},"outputDimensionality":2}]})");
  for (const char* body :
       {R"({"model":"x","input":[1,2]})", R"({"model":"x","input":"a","user":"u"})"}) {
    request = {};
    request.endpoint = Endpoint::kEmbeddings;
    ask(body);
    const ClientResult refused = answer("google/m");
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->kind, Kind::kInvalid);
  }
}

TEST_F(AnswerTest, NamesWhatARouteCannotExpressAndAsksNobody) {
  ask(R"({"model":"x","messages":[{"role":"user","content":"a"}],"logit_bias":{"1":2}})");
  const ClientResult result = answer("claude/m");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, Kind::kInvalid);
  EXPECT_THAT(result.error->what, HasSubstr("logit_bias"));
  EXPECT_TRUE(first.requests().empty());
}

TEST_F(AnswerTest, ConfiguredHeadersBodyAndAddressAreSent) {
  ask(kAsk);
  first.add(reply_json(kReply));
  const ClientResult result = answer("more/gpt 1");
  ASSERT_FALSE(result.error) << result.error->message();
  const auto& sent = first.requests()[0];
  EXPECT_THAT(sent.target, HasSubstr("api-version=2024-10-21"));
  EXPECT_EQ(sent.headers.get("api-key"), kSecret);
  EXPECT_FALSE(sent.headers.has("authorization"));
  EXPECT_EQ(sent.headers.get("x-team"), "red");
  EXPECT_THAT(sent.body, HasSubstr(R"("options":{"deep":1})"));
}

TEST_F(AnswerTest, TheConfiguredBodyIsThatOfConversationsAlone) {
  const std::pair<Endpoint, const char*> kOthers[] = {
      {Endpoint::kEmbeddings, R"({"model":"x","input":"a"})"},
      {Endpoint::kCompletions, R"({"model":"x","prompt":"a"})"},
      {Endpoint::kOther, R"({"model":"x","input":"a"})"}};
  for (const auto& [endpoint, body] : kOthers) {
    ask(body);
    request.endpoint = endpoint;
    request.path = "/moderations";
    first.add(reply_json(R"({"object":"list","data":[],"choices":[]})"));
    const ClientResult result = answer("more/m");
    ASSERT_FALSE(result.error) << result.error->message();
    EXPECT_THAT(first.requests().back().body, Not(HasSubstr("options"))) << body;
  }
}

// Both sorts of addresses that Azure has: a deployment with the interface's version, and /v1.
TEST_F(AnswerTest, AzureIsAskedAtItsOwnAddresses) {
  config(fmt::format(R"(
[providers.dated]
base_url = "{0}"
authentication = "api-key"
key = "env:SIGHTER_TEST_KEY"
api_version = "2024-10-21"
[providers.dated_responses]
dialect = "openai-responses"
base_url = "{0}"
authentication = "api-key"
key = "env:SIGHTER_TEST_KEY"
api_version = "2025-04-01-preview"
[providers.flat]
base_url = "{0}/v1"
authentication = "api-key"
key = "env:SIGHTER_TEST_KEY"
)",
                     first.url("/openai")));
  ask(kAsk);
  first.add(reply_json(kReply));
  ASSERT_FALSE(answer("dated/my gpt").error);
  ask(kAskStream);
  first.add(reply_stream({piece("a") + kStop + kUsage + kDone}));
  ASSERT_FALSE(answer("dated/my gpt").error);
  ask(kAsk);
  first.add(reply_json(kReply));
  ASSERT_FALSE(answer("flat/my-gpt").error);
  first.add(reply_json(
      R"({"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}})"));
  ask(R"({"model":"x","messages":[{"role":"user","content":"a"}]})");
  const ClientResult responses = answer("dated_responses/my-gpt");
  ASSERT_FALSE(responses.error) << responses.error->message();
  request.endpoint = Endpoint::kEmbeddings;
  for (const char* model : {"dated/emb", "flat/emb", "dated_responses/emb"}) {
    ask(R"({"model":"x","input":"a"})");
    first.add(reply_json(
        R"({"object":"list","model":"e","data":[{"object":"embedding","index":0,"embedding":[1]}]})"));
    ASSERT_FALSE(answer(model).error);
  }
  std::vector<std::string> targets;
  for (const auto& sent : first.requests()) {
    targets.push_back(sent.target);
    EXPECT_EQ(sent.headers.get("api-key"), kSecret) << sent.target;
    EXPECT_FALSE(sent.headers.has("authorization")) << sent.target;
  }
  EXPECT_THAT(
      targets,
      ElementsAre("/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
                  "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
                  "/openai/v1/chat/completions", "/openai/responses?api-version=2025-04-01-preview",
                  "/openai/deployments/emb/embeddings?api-version=2024-10-21",
                  "/openai/v1/embeddings",
                  "/openai/deployments/emb/embeddings?api-version=2025-04-01-preview"));
  EXPECT_THAT(first.requests()[2].body, HasSubstr(R"("model":"my-gpt")"));
}

TEST_F(AnswerTest, StreamsAreRelayedAndTheUsageThatNobodyAskedForIsKept) {
  ask(kAskStream);
  first.add(reply_stream({piece("a"), piece("b") + kStop, kUsage + kDone}));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, piece("a") + piece("b") + kStop + kDone);
  EXPECT_EQ(result.usage->output, 2);
  EXPECT_EQ(result.finish_reason, "stop");
  EXPECT_TRUE(seen.begun->relayed);
  EXPECT_THAT(first.requests()[0].body, HasSubstr(R"("stream_options":{"include_usage":true})"));
}

TEST_F(AnswerTest, UsageThatWasAskedForIsShown) {
  ask(R"({"model":"x","messages":[],"stream":true,"stream_options":{"include_usage":true}})");
  first.add(reply_stream({piece("a") + kStop + kUsage + kDone}));
  want_reply = true;
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, piece("a") + kStop + kUsage + kDone);
  EXPECT_EQ(result.reply->text(), "a");
}

TEST_F(AnswerTest, EveryCutOfARelayedStreamGivesTheSameBytes) {
  const std::string whole = ": hello\r\n\r\n" + piece("a\\u2028\xe2\x80\xa8") + kStop + kDone;
  for (std::size_t n = 1; n < whole.size(); n += 7) {
    ask(kAskStream);
    seen.raw.clear();
    first.add(reply_stream({whole.substr(0, n), whole.substr(n)}));
    const ClientResult result = answer("one/m");
    ASSERT_FALSE(result.error) << n << result.error->message();
    ASSERT_EQ(seen.raw, whole) << n;
  }
}

TEST_F(AnswerTest, AStreamThatIsCutIsBrokenAndNeverComplete) {
  ask(kAskStream);
  first.add({step::Start{}, step::Chunk{piece("a")}, step::Close{}});
  const ClientResult result = answer("both");
  ASSERT_TRUE(result.error);
  EXPECT_TRUE(result.broken);
  EXPECT_EQ(result.error->kind, Kind::kUpstream);
  EXPECT_EQ(seen.raw, piece("a"));
  EXPECT_TRUE(second.requests().empty());
  EXPECT_GT(result.cost->value, 0);
}

// Cut anywhere, no client reads both an end and an error.
TEST_F(AnswerTest, AnEventThatIsCutIsNotPassedOn) {
  const std::string stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
  const std::string start =
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","
      "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],"
      "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
  for (std::size_t n = 0; n < stop.size() - 2; ++n) {
    seen = Seen();
    ask(R"({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"a"}],"stream":true})",
        wire::Dialect::kAnthropic);
    first.add(reply_stream({start + stop.substr(0, n)}));
    const ClientResult result = answer("claude/m");
    if (n + 2 == stop.size() || !result.error) {
      EXPECT_FALSE(result.error) << n;
      EXPECT_EQ(seen.raw, start + stop.substr(0, n) + "\n\n") << n;
    } else {
      EXPECT_EQ(seen.raw, start) << n;
      EXPECT_FALSE(result.error_relayed) << n;
    }
  }
}

TEST_F(AnswerTest, WhatCameOfACutStreamIsCounted) {
  ask(kAskStream);
  const std::string words(300, 'w');
  first.add({step::Start{}, step::Chunk{piece(words)}, step::Close{}});
  want_reply = true;  // else each event counts as a token
  const ClientResult result = answer("both");
  ASSERT_TRUE(result.broken);
  ASSERT_TRUE(result.usage);
  EXPECT_TRUE(result.usage->estimated);
  EXPECT_EQ(result.usage->output, 101);
  EXPECT_GT(result.usage->input, 10);
  EXPECT_LT(result.usage->input, 50);
}

TEST_F(AnswerTest, WhatCameOfAWholeAnswerIsCountedWhenTheClientGoesAway) {
  ask(kAsk);
  first.add({step::Raw{"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                       "content-length: 1000\r\n\r\n" +
                       std::string(600, ' ')},
             step::Stall{}});
  auto running = start("both");
  ASSERT_TRUE(loop.wait_until([&] { return first.requests().size() == 1; }));
  loop.settle();
  gone.cancel("the client went away");
  ASSERT_TRUE(loop.wait_until([&] { return running.done(); }));
  const ClientResult& result = running.value();
  ASSERT_TRUE(result.usage);
  EXPECT_EQ(result.usage->output, 201);
  const double input = static_cast<double>(result.usage->input);
  EXPECT_NEAR(result.cost->usd(), (input * 1 + 201 * 10) * 1e-6, 1e-9);
}

TEST_F(AnswerTest, CountsThatCannotBeArePaidByEstimate) {
  for (const std::string_view tokens : {"-5000000", "9223372036854775807"}) {
    ask(kAsk);
    first.add(reply_json(fmt::format(
        R"({{"id":"r1","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{0},"completion_tokens":{0},"total_tokens":12}}}})",
        tokens)));
    const ClientResult result = answer("both");
    ASSERT_FALSE(result.error);
    ASSERT_TRUE(result.usage) << tokens;
    EXPECT_TRUE(result.usage->estimated);
    EXPECT_GT(result.usage->input, 0);
    EXPECT_LT(result.usage->input, 100);
    EXPECT_GT(result.cost->value, 0);
    EXPECT_LT(result.cost->usd(), 0.01);
  }
}

TEST_F(AnswerTest, AStreamWithoutItsEndMarkIsBroken) {
  ask(R"({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"a"}],"stream":true})",
      wire::Dialect::kAnthropic);
  first.add(reply_stream({piece("a"), piece("b")}));
  const ClientResult result = answer("one/m");
  EXPECT_TRUE(result.broken);
  EXPECT_EQ(seen.words, "ab");
  EXPECT_FALSE(seen.ended);
}

TEST_F(AnswerTest, AnErrorEventEndsAStreamAsItsProviderSaidIt) {
  const std::string error =
      "data: {\"error\":{\"message\":\"no power\",\"type\":\"server_error\"}}\n\n";
  ask(kAskStream);
  first.add(reply_stream({piece("a"), error + kDone}));
  const ClientResult result = answer("one/m");
  EXPECT_TRUE(result.broken);
  EXPECT_TRUE(result.error_relayed);
  EXPECT_THAT(result.error->what, HasSubstr("no power"));
  EXPECT_EQ(seen.raw, piece("a") + error);
}

TEST_F(AnswerTest, AnErrorBeforeAnythingWasShownGoesToTheNextRoute) {
  ask(kAskStream);
  first.add(reply_stream({"data: {\"error\":{\"message\":\"no power\",\"code\":503}}\n\n"}));
  second.add(reply_stream({piece("b") + kStop + kDone}));
  const ClientResult result = answer("both");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, piece("b") + kStop + kDone);
  EXPECT_EQ(seen.begun->attempts, 2);
  EXPECT_EQ(seen.begun->route, "two/m");
}

const std::string kRole =
    "data: {\"id\":\"r0\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
    "\"finish_reason\":null}]}\n\n";
const std::string kNoPower = "data: {\"error\":{\"message\":\"no power\",\"code\":503}}\n\n";

// The frame of an answer is no answer: an error behind it is told to nobody who can be helped
// elsewhere.
TEST_F(AnswerTest, AnErrorBehindAnEmptyBeginningGoesToTheNextRoute) {
  const std::string created =
      "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
      "\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}"
      "}\n\n"
      "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\","
      "\"output_index\":0,\"item\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\","
      "\"status\":\"in_progress\",\"content\":[]}}\n\n";
  const std::string quota =
      "event: error\ndata: {\"type\":\"error\",\"code\":\"insufficient_quota\",\"message\":\"no\","
      "\"param\":null,\"sequence_number\":2}\n\n";
  const std::string start =
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","
      "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],"
      "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"
      "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
      "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
      "event: ping\ndata: {\"type\":\"ping\"}\n\n";
  const std::string overloaded =
      "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
      "\"message\":\"no\"}}\n\n";
  const std::string said = R"("model":"x","max_tokens":5,"stream":true,)";
  const std::string messages = R"("messages":[{"role":"user","content":"a"}])";
  const std::string chat = "{" + said + messages + "}";
  struct Row {
    const char* model;
    wire::Dialect door;
    std::string body;
    std::string begins, ends;
  };
  using enum wire::Dialect;
  const Row kRows[] = {
      {"both", kOpenAiChat, chat, kRole, kNoPower},
      {"both", kAnthropic, chat, kRole, kNoPower},
      {"elsewhere_r", kOpenAiResponses, R"({"model":"x","input":"a","stream":true})", created,
       quota},
      {"elsewhere_a", kAnthropic, chat, start, overloaded},
      {"elsewhere_a", kOpenAiChat, chat, start, overloaded},
  };
  for (const Row& row : kRows) {
    for (const bool at_once : {true, false}) {
      ask(row.body, row.door);
      request.chat.reset();
      seen = Seen();
      first.add(at_once ? reply_stream({row.begins + row.ends})
                        : reply_stream({row.begins, row.ends}));
      second.add(reply_stream({piece("b") + kStop + kDone}));
      const ClientResult result = answer(row.model);
      ASSERT_FALSE(result.error) << row.model << result.error->message();
      EXPECT_EQ(seen.begun->route, "two/m") << row.model;
      EXPECT_EQ(seen.begun->attempts, 2);
      EXPECT_THAT(seen.raw, Not(HasSubstr("r0"))) << "what the first route began was shown";
    }
  }
}

TEST_F(AnswerTest, AnEmptyBeginningComesWithTheFirstContentOrAtOnceWhereNobodyElseIsLeft) {
  for (const auto& [model, writes] : {std::pair("both", 1), {"one/m", 2}}) {
    ask(kAskStream);
    seen = Seen();
    first.add({step::Start{200, "text/event-stream"}, step::Chunk{kRole}, step::Wait{10ms},
               step::Chunk{piece("a")}, step::Wait{10ms}, step::Chunk{kStop + kDone}, step::End{}});
    const ClientResult result = answer(model);
    ASSERT_FALSE(result.error) << result.error->message();
    EXPECT_EQ(seen.raw, kRole + piece("a") + kStop + kDone);
    EXPECT_EQ(seen.writes, writes + 1) << model;
  }
}

// A provider that says its own answer failed has not answered, whole or streamed.
TEST_F(AnswerTest, AnAnswerThatFailedGoesToTheNextRoute) {
  const std::string failed =
      R"({"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"no call","index":0}],"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10}})";
  for (const bool streamed : {false, true}) {
    SCOPED_TRACE(streamed);
    ask(streamed ? kAskStream : kAsk.substr(0, kAsk.find(",\"new_thing")) + "}");
    first.add(streamed ? reply_stream({"data: " + failed + "\n\n"}) : reply_json(failed));
    second.add(streamed ? reply_stream({piece("b") + kStop + kDone}) : reply_json(kReply));
    const ClientResult result = answer("either");
    ASSERT_FALSE(result.error) << result.error->message();
    ASSERT_EQ(result.attempts.size(), 2u);
    EXPECT_EQ(result.attempts[0].usage->input, 10);
    EXPECT_THAT(result.attempts[0].error->what, HasSubstr("MALFORMED_FUNCTION_CALL"));
  }
}

TEST_F(AnswerTest, AStreamWhoseAnswerFailedIsBroken) {
  ask(kAskStream);
  first.add(reply_stream(
      {R"(data: {"candidates":[{"content":{"parts":[{"text":"so"}]},"index":0}],"responseId":"r"})"
       "\n\n"
       R"(data: {"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","index":0}],"responseId":"r"})"
       "\n\n"}));
  const ClientResult result = answer("google/m");
  EXPECT_TRUE(result.broken);
  EXPECT_THAT(result.error->what, HasSubstr("MALFORMED_FUNCTION_CALL"));
  EXPECT_EQ(seen.words, "so");
  EXPECT_FALSE(seen.ended);
}

TEST_F(AnswerTest, AReplyWithoutAModelIsThatOfTheModelAskedFor) {
  ask(kAsk.substr(0, kAsk.find(",\"new_thing")) + "}");
  first.add(reply_json(
      R"({"candidates":[{"content":{"parts":[{"text":"so"}]},"finishReason":"STOP","index":0}]})"));
  const ClientResult result = answer("google/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(result.reply->model, "m");
}

TEST_F(AnswerTest, AClientThatGoesAwayClosesTheUpstreamAtOnce) {
  const std::vector<sighter::testing::Script> scripts = {
      {step::Stall{}},                                           // before the header
      {step::Start{}, step::Stall{}},                            // before the first event
      {step::Start{}, step::Chunk{piece("a")}, step::Stall{}}};  // in the middle
  for (std::size_t i = 0; i < 2 * scripts.size(); ++i) {
    ask(i < scripts.size() ? kAskStream : kAsk);
    first.add(scripts[i % scripts.size()]);
    gone = io::CancelSource();
    auto running = start("one/m");
    ASSERT_TRUE(loop.wait_until([&] { return first.requests().size() == i + 1; }));
    loop.settle();
    EXPECT_FALSE(running.done());
    gone.cancel("the client went away");
    loop.settle();
    EXPECT_TRUE(loop.wait_until([&] { return first.requests()[i].peer_closed; })) << i;
    ASSERT_TRUE(running.done()) << i;
    EXPECT_EQ(running.value().error->kind, Kind::kCancelled);
    EXPECT_FALSE(running.value().broken);
  }
}

TEST_F(AnswerTest, AClientThatCannotBeWrittenToStopsTheUpstream) {
  ask(kAskStream);
  seen.fail = true;
  first.add({step::Start{}, step::Chunk{piece("a")}, step::EndlessBody{piece("b")}});
  const ClientResult result = answer("one/m");
  EXPECT_EQ(result.error->kind, Kind::kCancelled);
  EXPECT_TRUE(loop.wait_until([&] { return first.requests()[0].peer_closed; }));
}

TEST_F(AnswerTest, ASlowReaderSlowsTheUpstream) {
  io::Gate gate(loop.core(), 0);
  seen.gate = &gate;
  ask(kAskStream);
  first.add({step::Start{}, step::EndlessBody{piece(std::string(1000, 'x'))}});
  auto running = start("one/m");
  ASSERT_TRUE(loop.wait_until([&] { return seen.writes == 1; }));
  for (int i = 0; i < 100; ++i) loop.settle();
  EXPECT_EQ(seen.writes, 1);
  EXPECT_LT(seen.raw.size(), 1u << 20);
  gone.cancel("enough");
  gate.set_size(1);
  loop.settle();
  EXPECT_TRUE(loop.wait_until([&] { return running.done(); }));
}

TEST_F(AnswerTest, TheKeyIsNeverRepeated) {
  ask(kAsk);
  first.add({step::Reply{401, fmt::format(R"({{"error":{{"message":"bad key {}"}}}})", kSecret)}});
  const ClientResult result = answer("one/m");
  EXPECT_THAT(result.error->message(), Not(HasSubstr(kSecret)));
  EXPECT_THAT(result.said->message, Not(HasSubstr(kSecret)));
  EXPECT_THAT(json_write(result.said->raw), Not(HasSubstr(kSecret)));
}

TEST_F(AnswerTest, WhatIsNoModelReplyIsAnErrorOfTheUpstream) {
  for (const char* body : {"<html></html>", "[]", "{\"a\":", "", "{}"}) {
    ask(kAsk);
    first.add(reply_json(body));
    const ClientResult result = answer("one/m");
    ASSERT_TRUE(result.error) << body;
    EXPECT_EQ(result.error->kind, Kind::kUpstream) << body;
  }
}

TEST_F(AnswerTest, AzuresDeploymentsAreAskedForWhatIsTheirBusinessAlone) {
  config(fmt::format("[providers.dated]\nbase_url = \"{}\"\napi_version = \"v\"\n",
                     first.url("/openai")));
  request.endpoint = Endpoint::kOther;
  std::vector<std::string> targets;
  for (const char* path :
       {"/audio/speech", "/images/generations?a=b", "/files", "/responses/r/x"}) {
    ask(R"({"model":"x","input":"a"})");
    request.path = path;
    first.add(reply_json("{}"));
    ASSERT_FALSE(answer("dated/tts").error);
    targets.push_back(first.requests().back().target);
  }
  EXPECT_THAT(targets,
              ElementsAre("/openai/deployments/tts/audio/speech?api-version=v",
                          "/openai/deployments/tts/images/generations?a=b&api-version=v",
                          "/openai/files?api-version=v", "/openai/responses/r/x?api-version=v"));
}

TEST_F(AnswerTest, LegacyCompletionsStreamAsTheyCome) {
  const std::string text =
      "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n";
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  want_reply = true;
  first.add(reply_stream({text, text + kDone}));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, text + text + kDone);
  EXPECT_EQ(first.requests()[0].target, "/v1/completions");
}

// Whatever the provider speaks elsewhere.
TEST_F(AnswerTest, LegacyCompletionsStreamAreTheSameAtEveryProvider) {
  const std::string text =
      "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n";
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  want_reply = true;
  first.add(reply_stream({text + kDone}));
  const ClientResult result = answer("responses/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, text + kDone);
  ASSERT_TRUE(result.usage);
  EXPECT_EQ(result.usage->output, 2);
}

TEST_F(AnswerTest, LegacyCompletionsOfAServerThatDoesNotStreamAreOneEvent) {
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  want_reply = true;
  const std::string_view body =
      "{\"id\":\"c\",\r\n "
      "\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"length\"}],\n"
      " \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}";
  first.add(reply_json(std::string(body)));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  io::SseReader events;
  events.feed(seen.raw);
  auto event = events.next();
  ASSERT_TRUE(event && *event) << seen.raw;
  EXPECT_EQ(*json_parse((*event)->data), *json_parse(body));
  EXPECT_THAT(seen.raw, ::testing::EndsWith("\n\n" + kDone));
  EXPECT_EQ(result.finish_reason, "length");
  ASSERT_TRUE(result.usage);
  EXPECT_EQ(result.usage->output, 1);
  EXPECT_EQ(*json_parse(result.raw), *json_parse(body));  // for the row
}

TEST_F(AnswerTest, WhatIsNoCompletionIsNoEvent) {
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  first.add(reply_json(R"({"status":"fine"})"));
  const ClientResult result = answer("one/m");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, Kind::kUpstream);
  EXPECT_FALSE(seen.begun);
}

TEST_F(AnswerTest, OtherPathsAreMeteredWhereTheirUsageIsSaidAndNeverByAGuess) {
  ask(R"({"model":"x","input":"a"})");
  request.endpoint = Endpoint::kOther;
  request.path = "/rerank";
  first.add(reply_json(R"({"results":[],"usage":{"total_tokens":77}})"));
  const ClientResult counted = answer("both");
  ASSERT_TRUE(counted.usage);
  EXPECT_EQ(counted.usage->input, 77);
  EXPECT_EQ(counted.cost, NanoUsd{77'000});
  for (const char* reply : {R"({"results":[]})", R"({"usage":{"type":"duration","seconds":9}})"}) {
    ask(R"({"model":"x","input":"a"})");
    first.add(reply_json(reply));
    const ClientResult unknown = answer("both");
    EXPECT_FALSE(unknown.usage) << reply;
    EXPECT_FALSE(unknown.cost) << reply;
  }
}

TEST_F(AnswerTest, WhatFailedHasTheRouteThatWasAskedLast) {
  ask(kAsk);
  first.add({step::Reply{500, R"({"error":{"message":"no"}})"}});
  second.add({step::Reply{500, R"({"error":{"message":"no"}})"}});
  const ClientResult result = answer("both");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.route, "two/m");
}

TEST_F(AnswerTest, AnUpstreamsNumbersAreBelievedWithinReason) {
  ask(kAsk);
  std::string reply = kReply;
  reply.replace(reply.find("\"prompt_tokens\":10"), 18, "\"prompt_tokens\":9223372036854775807");
  first.add(reply_json(reply));
  const ClientResult result = answer("both");
  EXPECT_EQ(result.raw, reply);
  ASSERT_TRUE(result.usage);
  EXPECT_TRUE(result.usage->estimated);
  ASSERT_TRUE(result.cost);  // by what was sent and came
  EXPECT_GT(result.cost->value, 0);
  EXPECT_LT(result.cost->value, 1'000'000);
}

TEST_F(AnswerTest, OtherPathsGoThroughUnchanged) {
  ask(R"({"model":"x","input":"a"})");
  request.endpoint = Endpoint::kOther;
  request.path = "/moderations";
  first.add(reply_json(R"({"id":"m1","results":[]})"));
  const ClientResult result = answer("one/omni");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(result.raw, R"({"id":"m1","results":[]})");
  EXPECT_EQ(first.requests()[0].target, "/v1/moderations");
  EXPECT_EQ(first.requests()[0].body, R"({"model":"omni","input":"a"})");
}

}  // namespace
}  // namespace sighter::models
