#pragma once
// A router between one client and a scripted upstream. Tests only.

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

}  // namespace
}  // namespace sighter::models
