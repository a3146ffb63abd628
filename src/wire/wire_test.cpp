// Errors, waiting times, quirks, media, embeddings and the small things.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "wire/anthropic.hpp"
#include "wire/bedrock.hpp"
#include "wire/effort.hpp"
#include "wire/embeddings.hpp"
#include "wire/envelope.hpp"
#include "wire/errors.hpp"
#include "wire/gemini.hpp"
#include "wire/media.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_responses.hpp"

namespace sighter::wire {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// ---- errors

struct ErrorCase {
  int status;
  std::string body;
  Kind kind;
  std::string message;
};

TEST(Errors, EveryShapeKeepsTheWords) {
  const std::vector<ErrorCase> cases{
      {429, R"({"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}})",
       Kind::kRateLimited, "slow down"},
      {429,
       R"({"error":{"message":"no money","type":"insufficient_quota","code":"insufficient_quota"}})",
       Kind::kBudget, "no money"},
      {400, R"({"error":{"message":"too long","code":"context_length_exceeded"}})", Kind::kTooLarge,
       "too long"},
      {400,
       R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens"}})",
       Kind::kTooLarge, "prompt is too long: 9 tokens"},
      {400, R"({"message":"Input is too long for requested model."})", Kind::kTooLarge,
       "Input is too long for requested model."},
      {400,
       R"({"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 9 + 9 > 10"}})",
       Kind::kTooLarge, "input length and `max_tokens` exceed context limit: 9 + 9 > 10"},
      {400,
       R"({"message":"Input Tokens Exceeded: Number of input tokens exceeds maximum length."})",
       Kind::kTooLarge, "Input Tokens Exceeded: Number of input tokens exceeds maximum length."},
      {529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
       Kind::kUnavailable, "Overloaded"},
      {401, R"({"error":"bad key"})", Kind::kUnauthorized, "bad key"},
      {422, R"({"detail":[{"loc":["body"],"msg":"field required"}]})", Kind::kInvalid,
       R"([{"loc":["body"],"msg":"field required"}])"},
      {400, R"({"object":"error","message":"bad","type":"BadRequestError","code":400})",
       Kind::kInvalid, "bad"},
      {503, "upstream connect error\n", Kind::kUnavailable, "upstream connect error"},
      {502,
       "<html><head><style>p{}</style><title>502 Bad "
       "Gateway</title></head><body><h1>Bad</h1></body></html>",
       Kind::kUnavailable, "502 Bad Gateway Bad"},
      {500, "", Kind::kUpstream, ""},
      // Vague words do not outrank a status that tells.
      {429, R"({"error":{"message":"busy","type":"server_error"}})", Kind::kRateLimited, "busy"},
      {429, R"({"type":"error","error":{"type":"api_error","message":"busy"}})", Kind::kRateLimited,
       "busy"},
      {401, R"({"error":{"message":"who","type":"server_error"}})", Kind::kUnauthorized, "who"},
      {403, R"({"error":{"message":"no","type":"api_error"}})", Kind::kForbidden, "no"},
      {503, R"({"error":{"message":"later","type":"server_error"}})", Kind::kUnavailable, "later"},
      {529, R"({"error":{"message":"later","type":"api_error"}})", Kind::kUnavailable, "later"},
      {500, R"({"error":{"message":"oops","type":"server_error"}})", Kind::kUpstream, "oops"},
      {400, R"({"error":{"message":"bad","type":"server_error"}})", Kind::kInvalid, "bad"},
      {422, R"({"type":"error","error":{"type":"api_error","message":"bad"}})", Kind::kInvalid,
       "bad"},
      {413, R"({"error":{"message":"big","type":"server_error"}})", Kind::kTooLarge, "big"},
      {424, R"({"message":"the model failed","__type":"ModelErrorException"})", Kind::kUpstream,
       "the model failed"},
      {400, R"({"error":{"message":"later","type":"overloaded_error"}})", Kind::kUnavailable,
       "later"},
      {400, R"([{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}])",
       Kind::kInvalid, "API key not valid"},
      {504, "{\"truncated", Kind::kTimeout, "{\"truncated"},
      {404,
       R"({"error":{"message":"no such model","type":"invalid_request_error","code":"model_not_found"}})",
       Kind::kNotFound, "no such model"},
  };
  for (const ErrorCase& c : cases) {
    const WireError error = openai_chat::decode_error(c.status, c.body);
    EXPECT_EQ(error.kind, c.kind) << c.body;
    EXPECT_EQ(error.message, c.message);
    EXPECT_EQ(error.status, c.status);
  }
}

TEST(Errors, LongAndIllFormedWordsAreMadeSafe) {
  const WireError error = anthropic::decode_error(500, std::string(9000, 'x') + "\xff");
  EXPECT_LE(error.message.size(), 2003u);
  const WireError bytes = anthropic::decode_error(500,
                                                  "a\xff"
                                                  "b");
  EXPECT_EQ(bytes.message,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Errors, AreSaidInTheClientsDialect) {
  const WireError error = anthropic::decode_error(
      429, R"({"type":"error","error":{"type":"rate_limit_error","message":"slow"}})");
  EXPECT_EQ(
      openai_chat::encode_error(error),
      R"({"error":{"message":"slow","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}})");
  EXPECT_EQ(anthropic::encode_error(error),
            R"({"type":"error","error":{"type":"rate_limit_error","message":"slow"}})");
  const WireError own = to_wire_error(Error{Kind::kNotFound, "no model m", "see /v1/models"});
  EXPECT_EQ(own.status, 404);
  EXPECT_EQ(
      anthropic::encode_error(own),
      R"({"type":"error","error":{"type":"not_found_error","message":"no model m; see /v1/models"}})");
}

// Of servers that are like OpenAI or Anthropic but for their errors.
TEST(Errors, OfAnotherShapeAreSaidInTheDialectsOwn) {
  for (const std::string_view body :
       {R"({"type":"error","error":{"type":"x","message":"boom"}})", R"({"error":"boom"})"}) {
    const Json said = *json_parse(openai_chat::encode_error(openai_chat::decode_error(400, body)));
    EXPECT_EQ(*said.pointer("/error/message"), Json("boom")) << body;
    EXPECT_EQ(said.find("type"), nullptr) << body;
  }
  const Json said = *json_parse(anthropic::encode_error(
      anthropic::decode_error(400, R"({"error":{"message":"boom","type":"x"}})")));
  EXPECT_EQ(*said.find("type"), Json("error"));
  EXPECT_EQ(*said.pointer("/error/message"), Json("boom"));
  const std::string_view own = R"({"error":{"message":"boom","odd":[1]}})";
  EXPECT_EQ(openai_chat::encode_error(openai_chat::decode_error(400, own)), own);
}

TEST(Errors, BecomeAnErrorOfTheHouse) {
  const WireError error = openai_chat::decode_error(
      429, R"({"error":{"message":"slow","code":"rate_limit_exceeded"}})");
  EXPECT_EQ(error.to_error("openai").what, "openai answered 429 (rate_limit_exceeded): slow");
  EXPECT_EQ(error.to_error("openai").kind, Kind::kRateLimited);
}

TEST(Errors, WordsThatSayOnlyThatItFailedYieldToAStatusThatBlamesTheRequest) {
  const auto kind = [](int status, std::string_view type) {
    return read_error(
               Dialect::kOpenAiChat, status,
               std::string_view(fmt::format(R"({{"error":{{"message":"m","type":"{}"}}}})", type)))
        .kind;
  };
  for (const std::string_view type : {"server_error", "api_error"}) {
    EXPECT_EQ(kind(400, type), Kind::kInvalid);
    EXPECT_EQ(kind(409, type), Kind::kConflict);
    EXPECT_EQ(kind(413, type), Kind::kTooLarge);
    EXPECT_EQ(kind(422, type), Kind::kInvalid);
    EXPECT_EQ(kind(500, type), Kind::kUpstream);
    EXPECT_EQ(kind(0, type), Kind::kUpstream) << "inside a stream";
  }
}

TEST(Usage, ACountThatCannotBeIsNone) {
  const auto read = [](std::string_view tokens) {
    return openai_chat::decode_usage(
        *json_parse(fmt::format(R"({{"prompt_tokens":{},"completion_tokens":7}})", tokens)));
  };
  for (const std::string_view tokens :
       {"-5", "9223372036854775807", "99999999999999999999", "1000000000001", "2.5", "1e300"}) {
    const Usage usage = read(tokens);
    EXPECT_TRUE(usage.doubtful) << tokens;
    EXPECT_EQ(usage.input, 0) << tokens;
    EXPECT_EQ(usage.output, 7) << tokens;
  }
  EXPECT_FALSE(read("1000000000000").doubtful);
  EXPECT_FALSE(read("null").doubtful);
  const std::string_view anthropic =
      R"({"input_tokens":9223372036854775807,"cache_read_input_tokens":9223372036854775807})";
  EXPECT_TRUE(anthropic::decode_usage(*json_parse(anthropic)).doubtful);
  EXPECT_TRUE(gemini::decode_usage(*json_parse(R"({"promptTokenCount":-1})")).doubtful);
  EXPECT_TRUE(openai_responses::decode_usage(*json_parse(R"({"input_tokens":-1})")).doubtful);
  EXPECT_TRUE(bedrock::decode_usage(*json_parse(R"({"inputTokens":-1})")).doubtful);
}

TEST(Envelopes, AByteOrderMarkIsRefusedByItsName) {
  const auto scanned = Envelope::scan("\xEF\xBB\xBF{\"model\":\"m\"}");
  ASSERT_FALSE(scanned);
  EXPECT_THAT(scanned.error().what, ::testing::HasSubstr("byte order mark"));
}

TEST(Usage, AChargeThatCannotBeIsNone) {
  for (const std::string_view cost : {"-5", "1e999", "2000000"}) {
    const std::string usage = fmt::format(R"({{"prompt_tokens":1,"cost":{}}})", cost);
    EXPECT_FALSE(openai_chat::decode_usage(*json_parse(usage)).cost_usd) << cost;
  }
  EXPECT_EQ(
      openai_chat::decode_usage(*json_parse(R"({"prompt_tokens":1,"cost":0.25})")).cost_usd->text,
      "0.25");
}

TEST(Errors, GooglesDelayIsRead) {
  const WireError error = read_error(
      Dialect::kGemini, 429,
      std::string_view(
          R"({"error":{"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x"},{"retryDelay":"13.5s"}]}})"));
  EXPECT_EQ(error.retry_after, 13500ms);
}

// ---- waiting

std::optional<std::chrono::milliseconds> wait(std::vector<HeaderView> headers) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  return retry_after(headers, std::chrono::sys_time<std::chrono::microseconds>(784'111'777s));
}

TEST(RetryAfter, ReadsEveryForm) {
  EXPECT_EQ(wait({{"Retry-After", "3"}}), 3s);
  EXPECT_EQ(wait({{"retry-after", "0.25"}}), 250ms);
  EXPECT_EQ(wait({{"retry-after", "9"}, {"Retry-After-Ms", "120"}}), 120ms);
  EXPECT_EQ(wait({{"retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"}}), 60s);
  EXPECT_EQ(wait({{"retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"}}), 0s);
  EXPECT_EQ(wait({{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "6m0s"}}),
            6min);
  EXPECT_EQ(
      wait({{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "120ms"}}),
      120ms);
  EXPECT_EQ(
      wait({{"x-ratelimit-remaining-requests", "5"}, {"x-ratelimit-reset-requests", "120ms"}}),
      std::nullopt);
  EXPECT_EQ(wait({{"anthropic-ratelimit-tokens-remaining", "0"},
                  {"anthropic-ratelimit-tokens-reset", "1994-11-06T08:49:47Z"}}),
            10s);
}

TEST(RetryAfter, RefusesWhatItCannotRead) {
  for (const char* text : {"", "soon", "-1", "1e999", "nan", "inf", "Sun, 99 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Xyz 1994 08:49:37 GMT", "3 parsecs"}) {
    EXPECT_EQ(wait({{"retry-after", text}}), std::nullopt) << text;
  }
  EXPECT_EQ(wait({}), std::nullopt);
}

// ---- quirks, efforts, media

TEST(QuirksTable, IsFoundByNameThenByHost) {
  EXPECT_EQ(quirks_of("groq").provider, "groq");
  EXPECT_EQ(quirks_of("mine", "https://api.groq.com/openai/v1").provider, "groq");
  EXPECT_EQ(quirks_of("lab", "http://127.0.0.1:8000/v1").provider, "");
  EXPECT_EQ(quirks_of("x", "http://localhost:11434/v1").provider, "ollama");
  EXPECT_EQ(quirks_of("vllm", "http://127.0.0.1:8000/v1").provider, "vllm");
  EXPECT_EQ(quirks_of("llama-server", "http://127.0.0.1:8080/v1").provider, "llama-server");
  EXPECT_EQ(quirks_of("lab", "http://localhost:1234/v1").provider, "lmstudio");
  EXPECT_EQ(quirks_table()[0].provider, "openai");
}

TEST(QuirksTable, HostsAndPortsAreWhole) {
  EXPECT_EQ(quirks_of("x", "http://127.0.0.1:12345/v1").provider, "");
  EXPECT_EQ(quirks_of("x", "http://127.0.0.1:8000/v1?next=host:1234").provider, "");
  EXPECT_EQ(quirks_of("x", "http://[::1]:1234/v1").provider, "lmstudio");
  EXPECT_EQ(quirks_of("x", "http://[fd00:1234::1]/v1").provider, "");
  EXPECT_EQ(quirks_of("x", "https://api.groq.com.example/v1").provider, "");
  EXPECT_EQ(quirks_of("x", "https://proxy.example/api.groq.com/v1").provider, "");
  EXPECT_EQ(quirks_of("x", "https://myapi.x.ai/v1").provider, "");
  EXPECT_EQ(quirks_of("x", "https://eu.API.openai.com/v1").provider, "openai");
  EXPECT_EQ(quirks_of("x", "https://api.moonshot.cn/v1").provider, "moonshot");
  EXPECT_EQ(quirks_of("x", "https://NAME.openai.azure.com").provider, "azure");
  EXPECT_EQ(quirks_of("x", "https://name.services.ai.azure.com:443/openai/v1").provider,
            "azure-ai-services");
}

TEST(QuirksTable, LegacyCompletionsGoByTheHost) {
  EXPECT_EQ(quirks_of("x", "https://api.openai.com/v1").completions, Completions::kOldModels);
  EXPECT_EQ(quirks_of("x", "https://n.openai.azure.com/openai/v1").completions,
            Completions::kOldModels);
  for (const char* url : {"https://api.groq.com/openai/v1", "https://api.mistral.ai/v1",
                          "https://generativelanguage.googleapis.com/v1beta/openai"})
    EXPECT_EQ(quirks_of("x", url).completions, Completions::kNone) << url;
  EXPECT_EQ(quirks_of("x", "http://127.0.0.1:8000/v1").completions, Completions::kAll);
}

TEST(Effort, WordsAndTokensAgree) {
  for (const char* word : {"none", "low", "medium", "high"})
    EXPECT_EQ(effort_of_budget(budget_of_effort(word)), word);
  EXPECT_TRUE(thinks_by_budget("claude-sonnet-4-5-20250929"));
  EXPECT_TRUE(thinks_by_budget("us.anthropic.claude-3-7-sonnet-20250219-v1:0"));
  EXPECT_FALSE(thinks_by_budget("claude-opus-4-8"));
}

TEST(MediaText, Base64) {
  EXPECT_EQ(base64_encode("Man"), "TWFu");
  EXPECT_EQ(base64_encode("Ma"), "TWE=");
  EXPECT_EQ(base64_encode("M"), "TQ==");
  EXPECT_EQ(base64_decode("TWE="), "Ma");
  EXPECT_EQ(base64_decode("TWE"), "Ma");
  EXPECT_EQ(base64_decode("T"), std::nullopt);
  EXPECT_EQ(base64_decode("T!=="), std::nullopt);
  EXPECT_EQ(base64_decode(""), "");
}

TEST(Numbers, KeepTheirTextAndCompareByValue) {
  EXPECT_EQ(Number(0.7).text, "0.7");
  EXPECT_TRUE(Number(1) == Number(JsonNumber{"1.0"}));
  EXPECT_EQ(Number(JsonNumber{"1e-999"}).value(), 0);
  EXPECT_EQ(Number(JsonNumber{"1e999"}).value(), std::numeric_limits<double>::infinity());
}

// ---- made by the program

TEST(ProgramMade, ARequestInBothDialects) {
  ChatRequest request{.model = "m"};
  request.messages.push_back(Message::text(Role::kSystem, "s"));
  request.messages.push_back(Message::text(Role::kUser, "u"));
  request.temperature = 0.5;
  request.max_tokens = 9;
  request.reasoning = Reasoning{.effort = "high"};
  EXPECT_EQ(
      openai_chat::encode_request(request)->body,
      R"({"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"max_completion_tokens":9,"temperature":0.5,"reasoning_effort":"high"})");
  request.reasoning.reset();
  EXPECT_EQ(
      anthropic::encode_request(request)->body,
      R"({"model":"m","system":"s","messages":[{"role":"user","content":[{"type":"text","text":"u"}]}],"max_tokens":9,"temperature":0.5})");
}

TEST(ProgramMade, AReplyInBothDialects) {
  ChatReply reply{.id = "r", .model = "m"};
  Choice choice;
  choice.message.content.emplace_back(Text{.text = "hi"});
  choice.finish.kind = FinishReason::Kind::kStop;
  reply.choices.push_back(choice);
  reply.usage = Usage{.input = 5, .output = 2, .cache_read = 3};
  EXPECT_EQ(
      openai_chat::encode_reply(reply, {.now_s = 7}).body,
      R"({"id":"r","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}})");
  EXPECT_EQ(
      anthropic::encode_reply(reply).body,
      R"({"id":"r","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":3,"output_tokens":2}})");
}

TEST(CountTokens, LeavesOutWhatIsNotCounted) {
  const Result<ChatRequest> request = anthropic::decode_request(
      json_parse(
          R"({"model":"m","max_tokens":5,"stream":true,"temperature":1,"system":"s","messages":[],"thinking":{"type":"disabled"},"x":1})")
          .value());
  ASSERT_TRUE(request);
  EXPECT_EQ(
      json_parse(anthropic::encode_count_tokens(*request)->body).value(),
      json_parse(R"({"model":"m","system":"s","messages":[],"thinking":{"type":"disabled"},"x":1})")
          .value());
}

// ---- embeddings

TEST(Embeddings, RequestsSurvive) {
  for (
      const char* text :
      {R"({"model":"m","input":"a"})",
       R"({"model":"m","input":["a","b"],"dimensions":3,"encoding_format":"base64","user":"u","x":{"y":1.0}})",
       R"({"model":"m","input":[1,2]})", R"({"model":"m","input":[[1,2],[3]]})"}) {
    const Json body = json_parse(text).value();
    const Result<EmbeddingRequest> request = openai_embeddings::decode_request(body);
    ASSERT_TRUE(request) << request.error().what;
    EXPECT_EQ(json_parse(openai_embeddings::encode_request(*request).body).value(), body);
  }
  EXPECT_FALSE(openai_embeddings::decode_request(json_parse(R"({"input":[1.5]})").value()));
  EXPECT_FALSE(openai_embeddings::decode_request(json_parse(R"({"input":[]})").value()));
}

TEST(Embeddings, FloatsAndBase64SayTheSame) {
  const Json body =
      json_parse(
          R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25,0.1]}],"model":"m","usage":{"prompt_tokens":4,"total_tokens":4}})")
          .value();
  const Result<EmbeddingReply> reply = openai_embeddings::decode_reply(body);
  ASSERT_TRUE(reply);
  EXPECT_EQ(json_parse(openai_embeddings::encode_reply(*reply)).value(), body);
  const std::string packed = openai_embeddings::encode_reply(*reply, {}, true);
  const Result<EmbeddingReply> back = openai_embeddings::decode_reply(json_parse(packed).value());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->data[0].values[1], -0.25);
  EXPECT_FLOAT_EQ(static_cast<float>(back->data[0].values[2]), 0.1f);
}

TEST(Embeddings, OverGemini) {
  const EmbeddingRequest odd =
      openai_embeddings::decode_request(
          json_parse(R"({"model":"m","input":"a","encoding_format":"int8"})").value())
          .value();
  const Result<Encoded> refused = gemini_embeddings::encode_request(odd, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("encoding_format"), std::string::npos);
  const std::vector<std::string> allow{"encoding_format"};
  EXPECT_EQ(gemini_embeddings::encode_request(odd, {.allow_drop = allow}).value().dropped, allow);

  const auto said = [](std::string_view body) {
    return json_parse(openai_embeddings::encode_reply(
                          gemini_embeddings::decode_reply(json_parse(body).value(), "m").value()))
        .value();
  };
  // Clients read the usage without looking.
  EXPECT_EQ(said(R"({"embeddings":[{"values":[0.5]}]})").pointer("/usage/total_tokens")->to_int(),
            0);
  EXPECT_EQ(said(R"({"embeddings":[{"values":[0.5]}],"usageMetadata":{"promptTokenCount":4}})")
                .pointer("/usage/prompt_tokens")
                ->to_int(),
            4);
}

TEST(Embeddings, RecordedExchangesSurvive) {
  std::ifstream file(std::string(SIGHTER_SOURCE_DIR) +
                     "/../shared/data/recorded_replies/openai_embeddings.jsonl");
  if (!file) GTEST_SKIP() << "no recorded exchanges";
  for (std::string line; std::getline(file, line);) {
    const Json exchange = json_parse(line).value();
    const Result<EmbeddingRequest> request =
        openai_embeddings::decode_request(*exchange.find("request"));
    ASSERT_TRUE(request);
    EXPECT_EQ(json_parse(openai_embeddings::encode_request(*request).body).value(),
              *exchange.find("request"));
    const Result<EmbeddingReply> reply =
        openai_embeddings::decode_reply(*exchange.find("response"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->data[0].values.size(), 128u);
    EXPECT_EQ(json_parse(openai_embeddings::encode_reply(*reply)).value(),
              *exchange.find("response"));
  }
}

}  // namespace
}  // namespace sighter::wire
