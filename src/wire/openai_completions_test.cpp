#include "wire/openai_completions.hpp"

#include <gtest/gtest.h>

#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

using openai_completions::CompletionRequest;

Json parse(std::string_view text) {
  return json_parse(text).value();
}
CompletionRequest request(std::string_view text) {
  return openai_completions::decode_request(parse(text)).value();
}

ChatReply reply(std::string text, FinishReason::Kind finish) {
  ChatReply out{.dialect = Dialect::kAnthropic, .id = "msg_1", .model = "m"};
  Choice choice;
  choice.message.content.emplace_back(Text{.text = std::move(text)});
  choice.finish.kind = finish;
  out.choices.push_back(std::move(choice));
  out.usage = Usage{.input = 2, .output = 3};
  return out;
}

TEST(Completions, APromptIsWhatAUserSays) {
  const CompletionRequest one =
      request(R"({"model":"m","prompt":"Once","stop":["x"],"logprobs":2,"best_of":1,"user":"u"})");
  const Encoded encoded = codec_of(Dialect::kOpenAiChat)->encode_request(one.chat, {}).value();
  EXPECT_TRUE(
      parse(encoded.body) ==
      parse(
          R"({"model":"m","messages":[{"role":"user","content":"Once"}],"max_tokens":16,"stop":["x"],"logprobs":true,"top_logprobs":2,"user":"u"})"))
      << encoded.body;
}

TEST(Completions, WhatAConversationCannotDoIsNamed) {
  const auto error = [](std::string_view text) {
    return openai_completions::decode_request(parse(text)).error().what;
  };
  EXPECT_EQ(error(R"({"model":"m"})"), "prompt is missing");
  EXPECT_EQ(error(R"({"prompt":[[1,2]]})"),
            "prompt holds token ids, which an upstream of conversations cannot read");
  EXPECT_EQ(error(R"({"prompt":"a","suffix":"b"})"),
            "an upstream of conversations cannot express suffix");
  EXPECT_EQ(error(R"({"prompt":"a","best_of":3})"),
            "an upstream of conversations cannot express best_of");
  EXPECT_EQ(error(R"({"prompt":"a","best_of":3,"suffix":"b"})"),
            "an upstream of conversations cannot express suffix, best_of");
  EXPECT_EQ(error(R"({"prompt":"a","n":0})"), "n must be a whole number from 1 to 128");
}

TEST(Completions, WhatMayBeDroppedIs) {
  const std::vector<std::string> allow{"suffix", "best_of"};
  const CompletionRequest one =
      openai_completions::decode_request(parse(R"({"prompt":"a","best_of":3,"suffix":"b"})"), allow)
          .value();
  EXPECT_EQ(one.dropped, allow);
  EXPECT_TRUE(one.chat.extra.members.empty());
  const auto half = openai_completions::decode_request(
      parse(R"({"prompt":"a","best_of":3,"suffix":"b"})"), std::span(allow).first(1));
  EXPECT_EQ(half.error().what, "an upstream of conversations cannot express best_of");
}

TEST(Completions, RepliesOfSeveralPrompts) {
  const CompletionRequest two = request(R"({"model":"m","prompt":["a","b"],"echo":true})");
  EXPECT_EQ(openai_completions::conversation(two, 1).messages.at(0).all_text(), "b");
  const Json out = parse(
      openai_completions::encode_reply(
          two, {reply("1", FinishReason::Kind::kStop), reply("2", FinishReason::Kind::kLength)},
          {.now_s = 5})
          .body);
  EXPECT_EQ(out.find("id")->as_string(), "cmpl-msg_1");
  EXPECT_EQ(out.pointer("/choices/0/text")->as_string(), "a1");
  EXPECT_EQ(out.pointer("/choices/1/text")->as_string(), "b2");
  EXPECT_EQ(out.pointer("/choices/1/index")->to_int(), 1);
  EXPECT_EQ(out.pointer("/choices/1/finish_reason")->as_string(), "length");
  EXPECT_EQ(out.pointer("/usage/total_tokens")->to_int(), 10);
}

TEST(Completions, LogprobsAreFourLists) {
  ChatReply one = reply("\u00e9a", FinishReason::Kind::kStop);
  one.choices[0].logprobs = parse(
      R"({"content":[{"token":"é","logprob":-0.5,"top_logprobs":[{"token":"e","logprob":-1.5}]},{"token":"a","logprob":-0.25,"top_logprobs":[]}]})");
  const Json out = parse(
      openai_completions::encode_reply(request(R"({"model":"m","prompt":"q","logprobs":1})"), {one})
          .body);
  EXPECT_TRUE(
      *out.pointer("/choices/0/logprobs") ==
      parse(
          R"({"tokens":["é","a"],"token_logprobs":[-0.5,-0.25],"top_logprobs":[{"e":-1.5},{}],"text_offset":[0,1]})"));
}

TEST(Completions, StreamsOfSeveralPrompts) {
  const CompletionRequest two = request(
      R"({"model":"m","prompt":["a","b"],"echo":true,"stream":true,"stream_options":{"include_usage":true}})");
  const auto encoder = openai_completions::stream_encoder(two, {.now_s = 5});
  std::string raw;
  for (std::size_t prompt : {0u, 1u}) {
    for (const Delta& delta : deltas_of(reply("x", FinishReason::Kind::kStop)))
      encoder->write(prompt, delta, raw);
  }
  const std::vector<Event> events = split_events(raw);
  ASSERT_EQ(events.size(), 6u) << raw;
  EXPECT_EQ(parse(events[0].data).pointer("/choices/0/text")->as_string(), "ax");
  EXPECT_EQ(parse(events[1].data).pointer("/choices/0/finish_reason")->as_string(), "stop");
  EXPECT_EQ(parse(events[2].data).pointer("/choices/0/index")->to_int(), 1);
  EXPECT_EQ(parse(events[4].data).pointer("/usage/total_tokens")->to_int(), 10);
  EXPECT_EQ(events[5].data, "[DONE]");
}

TEST(Completions, ABrokenStreamHasNoEndMark) {
  const CompletionRequest one = request(R"({"model":"m","prompt":"a"})");
  const auto encoder = openai_completions::stream_encoder(one);
  std::string raw;
  encoder->write(0, StreamStart{.id = "i"}, raw);
  encoder->write(0, StreamError{{.kind = Kind::kUpstream, .message = "cut"}}, raw);
  encoder->write(0, End{}, raw);
  EXPECT_NE(raw.find("\"message\":\"cut\""), std::string::npos);
  EXPECT_EQ(raw.find("[DONE]"), std::string::npos);
}

}  // namespace
}  // namespace sighter::wire
