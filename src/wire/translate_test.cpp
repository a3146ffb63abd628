// Every recorded exchange said in the other dialect: the same text, tool calls, usage and finish.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "wire/anthropic.hpp"
#include "wire/openai_chat.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

struct Said {
  std::string text;
  std::string thinking;
  std::vector<std::string> calls;
  std::string finish;
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cache_read = 0;
  std::int64_t reasoning = 0;
  bool operator==(const Said&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Said& said) {
  out << "text: " << said.text << "\nthinking: " << said.thinking << "\nfinish: " << said.finish
      << "\ntokens: " << said.input << " " << said.output << " " << said.cache_read << " "
      << said.reasoning;
  for (const std::string& call : said.calls) out << "\ncall: " << call;
  return out;
}

std::string finish_word(FinishReason::Kind kind) {
  using enum FinishReason::Kind;
  // What Chat Completions has one word for.
  if (kind == kStopSequence || kind == kPause || kind == kError || kind == kOther) return "stop";
  if (kind == kContext) return "length";
  if (kind == kRefusal) return "content_filter";
  return std::string(to_string(kind));
}

Said said_in(const ChatReply& reply) {
  Said said;
  if (reply.choices.empty()) return said;
  const Choice& choice = reply.choices.front();
  for (const Block& block : choice.message.content) {
    if (const Text* text = block.as<Text>()) said.text += text->text;
    if (const Refusal* refusal = block.as<Refusal>()) said.text += refusal->text;
    if (const Thinking* thinking = block.as<Thinking>()) said.thinking += thinking->text;
    if (const ToolCall* call = block.as<ToolCall>();
        call && call->kind != ToolCall::Kind::kProvider) {
      Result<Json> arguments = json_parse(call->arguments.empty() ? "{}" : call->arguments);
      said.calls.push_back(call->id + " " + call->name + " " +
                           (arguments ? json_canonical(*arguments) : call->arguments));
    }
  }
  said.finish = finish_word(choice.settled_finish().kind);
  if (reply.usage) {
    said.input = reply.usage->input;
    said.output = reply.usage->output;
    said.cache_read = reply.usage->cache_read;
    said.reasoning = reply.usage->reasoning;
  }
  return said;
}

// Responses says of a reply whose model failed in between that it failed, which is an error there.
bool fails_in(Dialect dialect, const ChatReply& reply) {
  return dialect == Dialect::kOpenAiResponses && !reply.choices.empty() &&
         reply.choices.front().finish.kind == FinishReason::Kind::kError;
}

class Translate : public ::testing::TestWithParam<std::tuple<const char*, Dialect, Dialect>> {
 protected:
  void SetUp() override {
    const std::string path = std::string(SIGHTER_SOURCE_DIR) + "/../shared/data/recorded_replies/" +
                             std::get<0>(GetParam()) + ".jsonl";
    std::ifstream file(path);
    if (!file) GTEST_SKIP() << "no recorded exchanges at " << path;
    for (std::string line; std::getline(file, line);) lines_.push_back(json_parse(line).value());
  }
  const Codec& from() const { return *codec_of(std::get<1>(GetParam())); }
  const Codec& to() const { return *codec_of(std::get<2>(GetParam())); }
  std::vector<Json> lines_;
};

TEST_P(Translate, Replies) {
  std::set<std::string> lost;
  for (const Json& line : lines_) {
    const Json* body = line.find("response");
    if (body == nullptr || line.find("status")->to_int() != 200) continue;
    Result<ChatReply> reply = from().decode_reply(*body, nullptr);
    if (!reply) continue;
    const Encoded encoded = to().encode_reply(*reply, {.now_s = 1});
    lost.insert(encoded.dropped.begin(), encoded.dropped.end());
    Result<Json> json = json_parse(encoded.body);
    ASSERT_TRUE(json) << json.error().what << encoded.body;
    Result<ChatReply> back = to().decode_reply(*json, nullptr);
    if (fails_in(to().dialect, *reply)) {
      EXPECT_FALSE(back) << encoded.body;
      continue;
    }
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(said_in(*back), said_in(*reply)) << *line.find_string("source");
  }
  for (const std::string& name : lost) std::cout << "  not in the other dialect: " << name << "\n";
}

TEST_P(Translate, Streams) {
  for (const Json& line : lines_) {
    const std::string* raw = line.find_string("raw");
    if (raw == nullptr || raw->find("data:") == std::string::npos) continue;
    const Streamed first = read_stream(from(), *raw);
    ChatRequest request;
    request.include_usage = true;
    const std::unique_ptr<StreamEncoder> encoder = to().stream_encoder(request, {.now_s = 1});
    std::string written;
    for (const Delta& delta : first.deltas) encoder->write(delta, written);
    const Streamed second = read_stream(to(), written);
    EXPECT_EQ(second.builder.state(), first.builder.state())
        << *line.find_string("source") << written;
    if (first.builder.state() == ReplyBuilder::State::kBroken) {
      EXPECT_EQ(second.builder.error().message, first.builder.error().message);
      continue;
    }
    EXPECT_EQ(said_in(second.builder.reply()), said_in(first.builder.reply()))
        << *line.find_string("source");
  }
}

// A whole reply given to a client that asked for a stream.
TEST_P(Translate, WholeRepliesAsStreams) {
  for (const Json& line : lines_) {
    const Json* body = line.find("response");
    if (body == nullptr || line.find("status")->to_int() != 200) continue;
    Result<ChatReply> reply = from().decode_reply(*body, nullptr);
    if (!reply) continue;
    ChatRequest request;
    request.include_usage = true;
    const std::unique_ptr<StreamEncoder> encoder = to().stream_encoder(request, {.now_s = 1});
    std::string written;
    const Said expected = said_in(*reply);
    const bool fails = fails_in(to().dialect, *reply);
    for (const Delta& delta : deltas_of(std::move(*reply))) encoder->write(delta, written);
    const Streamed streamed = read_stream(to(), written);
    if (fails) {
      EXPECT_EQ(streamed.builder.state(), ReplyBuilder::State::kBroken) << written;
      continue;
    }
    EXPECT_EQ(streamed.builder.state(), ReplyBuilder::State::kComplete) << streamed.error;
    EXPECT_EQ(said_in(streamed.builder.reply()), expected) << *line.find_string("source");
  }
}

// A request of the other dialect that can be expressed says the same when it is read there.
TEST_P(Translate, Requests) {
  std::set<std::string> refused;
  std::set<std::string> approximated;
  int expressed = 0;
  const std::vector<std::string> all{"*"};
  for (const Json& line : lines_) {
    Result<ChatRequest> request = from().decode_request(*line.find("request"));
    ASSERT_TRUE(request);
    Result<Encoded> strict = to().encode_request(*request, {});
    expressed += strict ? 1 : 0;
    EXPECT_TRUE(strict || strict.error().kind == Kind::kInvalid);
    Result<Encoded> encoded = to().encode_request(*request, {.allow_drop = all});
    ASSERT_TRUE(encoded) << encoded.error().what;
    EXPECT_EQ(encoded->dropped.empty(), strict.has_value()) << *line.find_string("source");
    refused.insert(encoded->dropped.begin(), encoded->dropped.end());
    approximated.insert(encoded->approximated.begin(), encoded->approximated.end());
    Result<Json> json = json_parse(encoded->body);
    ASSERT_TRUE(json) << json.error().what << encoded->body;
    Result<ChatRequest> back = to().decode_request(*json);
    ASSERT_TRUE(back) << back.error().what;
    std::string before;
    std::string after;
    for (const Message& message : request->messages) before += message.all_text();
    for (const Message& message : back->messages) after += message.all_text();
    if (!approximated.contains("messages.system_position")) {
      EXPECT_EQ(after, before) << *line.find_string("source");
    }
    if (to().dialect != Dialect::kGemini) {  // there it is in the URL
      EXPECT_EQ(back->model, request->model);
    }
    const auto& dropped = encoded->dropped;
    if (std::find(dropped.begin(), dropped.end(), "stop") == dropped.end()) {
      EXPECT_EQ(back->stop, request->stop);
    }
  }
  EXPECT_GT(expressed, static_cast<int>(lines_.size()) / 3);
  for (const std::string& name : refused) std::cout << "  refused by name: " << name << "\n";
  for (const std::string& name : approximated) std::cout << "  approximated: " << name << "\n";
}

INSTANTIATE_TEST_SUITE_P(
    Wire, Translate,
    ::testing::Values(std::tuple{"openai_chat", Dialect::kOpenAiChat, Dialect::kAnthropic},
                    std::tuple{"compatible_chat", Dialect::kOpenAiChat, Dialect::kAnthropic},
                    std::tuple{"anthropic", Dialect::kAnthropic, Dialect::kOpenAiChat},
                    std::tuple{"openai_chat", Dialect::kOpenAiChat, Dialect::kOpenAiResponses},
                    std::tuple{"compatible_chat", Dialect::kOpenAiChat, Dialect::kOpenAiResponses},
                    std::tuple{"anthropic", Dialect::kAnthropic, Dialect::kOpenAiResponses},
                    std::tuple{"openai_responses", Dialect::kOpenAiResponses, Dialect::kOpenAiChat},
                    std::tuple{"openai_responses", Dialect::kOpenAiResponses, Dialect::kAnthropic},
                    std::tuple{"openai_chat", Dialect::kOpenAiChat, Dialect::kGemini},
                    std::tuple{"compatible_chat", Dialect::kOpenAiChat, Dialect::kGemini},
                    std::tuple{"anthropic", Dialect::kAnthropic, Dialect::kGemini},
                    std::tuple{"openai_responses", Dialect::kOpenAiResponses, Dialect::kGemini},
                    std::tuple{"gemini", Dialect::kGemini, Dialect::kOpenAiChat},
                    std::tuple{"gemini", Dialect::kGemini, Dialect::kOpenAiResponses},
                    std::tuple{"gemini", Dialect::kGemini, Dialect::kAnthropic}),
    [](const auto& one) {
      std::string to(to_string(std::get<2>(one.param)));
      std::replace(to.begin(), to.end(), '-', '_');
      return std::string(std::get<0>(one.param)) + "_to_" + to;
    });

}  // namespace
}  // namespace sighter::wire
