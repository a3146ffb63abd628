// Seeded mutations of good documents and streams: nothing crashes, what is accepted survives.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"
#include "wire/codec.hpp"
#include "wire/embeddings.hpp"
#include "wire/proof.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

const std::chrono::milliseconds kEach = fuzz_time(std::chrono::milliseconds(700));

constexpr Dialect kDialects[] = {Dialect::kOpenAiChat, Dialect::kAnthropic,
                                 Dialect::kOpenAiResponses, Dialect::kGemini, Dialect::kBedrock};

Json any_value(Random& random) {
  switch (random.below(12)) {
    case 0:
      return Json();
    case 1:
      return Json(true);
    case 2:
      return Json(-1);
    case 3:
      return Json(JsonNumber{"1e400"});
    case 4:
      return Json(JsonNumber{"123456789012345678901"});
    case 5:
      return Json("");
    case 6:
      return Json("text");
    case 7:
      return Json(JsonArray{});
    case 8:
      return Json(JsonObject{});
    case 9:
      return Json::array({1, "x", Json()});
    case 10:
      return Json::object({{"type", "text"}, {"text", "x"}});
    default:
      return Json::object({{"type", "unheard_of"}, {"y", 1.5}});
  }
}

// Every value below `at`, itself included.
void collect(Json& at, std::vector<Json*>& out) {
  out.push_back(&at);
  if (at.is_array()) {
    for (Json& one : at.as_array()) collect(one, out);
  } else if (at.is_object()) {
    for (auto& [name, value] : at.as_object()) collect(value, out);
  }
}

void mutate(Json& json, Random& random) {
  for (std::uint64_t i = random.below(3) + 1; i > 0; --i) {
    std::vector<Json*> all;
    collect(json, all);
    Json& target = *all[random.below(all.size())];
    if (target.is_object() && !target.as_object().empty() && random.below(2) == 0) {
      const std::string name =
          (target.as_object().begin() +
           static_cast<std::ptrdiff_t>(random.below(target.as_object().size())))
              ->first;
      if (random.below(2) == 0) {
        target.as_object().erase(name);
      } else {
        target.as_object().set("unknown", any_value(random));
      }
    } else if (target.is_array() && !target.as_array().empty() && random.below(2) == 0) {
      const Json copy = target.as_array()[random.below(target.as_array().size())];
      target.as_array().push_back(copy);
    } else {
      target = any_value(random);
    }
  }
}

void break_bytes(std::string& text, Random& random) {
  for (std::uint64_t i = random.below(4) + 1; i > 0 && !text.empty(); --i) {
    const std::size_t at = random.below(text.size());
    switch (random.below(3)) {
      case 0:
        text[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        text.erase(at, random.below(20));
        break;
      default:
        text.insert(at, text.substr(random.below(text.size()), random.below(20)));
    }
  }
}

// Runs `step` with seed after seed until its time is over.
template <class Step>
void for_a_while(Step&& step) {
  const auto end = std::chrono::steady_clock::now() + kEach;
  for (std::uint64_t seed = 1; std::chrono::steady_clock::now() < end; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    step(random);
    if (::testing::Test::HasFailure()) return;
  }
}

std::vector<std::pair<Dialect, Json>> requests() {
  std::ifstream file(std::string(SIGHTER_SOURCE_DIR) + "/tests/cases/wire/requests.txt");
  std::vector<std::pair<Dialect, Json>> out;
  std::string before;
  for (std::string line; std::getline(file, line); before = line) {
    if (!line.starts_with('{') || before == "=>") continue;
    const Dialect dialect = dialect_from(before.substr(0, before.find(' '))).value();
    out.emplace_back(dialect, json_parse(line).value());
  }
  return out;
}

std::vector<std::pair<Dialect, Json>> replies() {
  const auto parse = [](const char* text) { return json_parse(text).value(); };
  return {
      {Dialect::kOpenAiChat,
       parse(
           R"({"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","logprobs":null,"message":{"role":"assistant","content":"x","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"u","start_index":0,"end_index":1}}],"reasoning_content":"h","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":1}},"x":[{"y":1.50}]})")},
      {Dialect::kOpenAiChat,
       parse(
           R"({"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},{"type":"text","text":"b"}],"reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"r","signature":"s","index":0},{"type":"reasoning.encrypted","data":"d"}],"function_call":{"name":"f","arguments":"{}"}}}]})")},
      {Dialect::kAnthropic,
       parse(
           R"({"id":"i","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"text","text":"x","citations":[{"type":"char_location","cited_text":"c"}]},{"type":"tool_use","id":"t","name":"f","input":{"a":1.0}},{"type":"server_tool_use","id":"t","name":"f","input":{}},{"type":"web_search_tool_result","tool_use_id":"t","content":[]}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2,"server_tool_use":{"web_search_requests":1}}})")},
      {Dialect::kOpenAiResponses,
       parse(
           R"({"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","error":null,"output":[{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"h"},{"type":"summary_text","text":"k"}],"encrypted_content":"e"},{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":1}],"logprobs":[]},{"type":"refusal","refusal":"no"}]},{"id":"fc_1","type":"function_call","status":"completed","call_id":"a","name":"f","arguments":"{}"},{"id":"ct_1","type":"custom_tool_call","call_id":"b","name":"g","input":"i"},{"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search"}}],"usage":{"input_tokens":1,"input_tokens_details":{"cached_tokens":1},"output_tokens":2},"x":[{"y":1.50}]})")},
      {Dialect::kBedrock,
       parse(
           R"({"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"h","signature":"s"}}},{"reasoningContent":{"redactedContent":"ZA=="}},{"text":"x"},{"citationsContent":{"content":[{"text":"c"}],"citations":[{"title":"t","location":{"web":{"url":"u"}}}]}},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":1.0},"type":"tool_use"}},{"toolUse":{"toolUseId":"t","name":"f","input":{},"type":"server_tool_use"}},{"toolResult":{"toolUseId":"t","content":[{"json":{"a":1}}],"type":"nova_x"}},{"image":{"format":"png","source":{"bytes":"AAAA"}}}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":2,"cacheDetails":[{"inputTokens":1,"ttl":"1h"}]},"metrics":{"latencyMs":4},"serviceTier":{"type":"flex"},"x":[{"y":1.50}]})")},
  };
}

TEST(Robust, MutatedRequestsAreRefusedOrSurvive) {
  const auto corpus = requests();
  ASSERT_GT(corpus.size(), 20u);
  const std::vector<std::string> all{"*"};
  int survived = 0;
  for_a_while([&](Random& random) {
    auto [dialect, json] = corpus[random.below(corpus.size())];
    mutate(json, random);
    Result<ChatRequest> request = codec_of(dialect)->decode_request(json);
    if (!request) {
      EXPECT_EQ(request.error().kind, Kind::kInvalid);
      return;
    }
    ++survived;
    const Result<Encoded> same = codec_of(dialect)->encode_request(*request, {});
    ASSERT_TRUE(same) << same.error().what << json_write(json);
    // Another provider's proofs are taken out.
    EXPECT_TRUE(holds_marked_proof(json_write(json)) || json_parse(same->body).value() == json)
        << json_canonical(json) << "\n"
        << json_canonical(json_parse(same->body).value());
    for (const Dialect other : kDialects) {
      const Result<Encoded> encoded =
          codec_of(other)->encode_request(*request, {.allow_drop = all});
      if (!encoded) {  // nothing but what nobody takes, whatever may be dropped
        const std::string& what = encoded.error().what;
        EXPECT_TRUE(what.starts_with("messages.role: ") || what.starts_with("n: ")) << what;
        continue;
      }
      const Result<Json> back = json_parse(encoded->body);
      ASSERT_TRUE(back) << back.error().what << encoded->body;
    }
  });
  EXPECT_GT(survived, 50);
}

TEST(Robust, MutatedRepliesAreRefusedOrSurvive) {
  const auto corpus = replies();
  int survived = 0;
  for_a_while([&](Random& random) {
    auto [dialect, json] = corpus[random.below(corpus.size())];
    mutate(json, random);
    Result<ChatReply> reply = codec_of(dialect)->decode_reply(json, nullptr);
    if (!reply) {
      EXPECT_EQ(reply.error().kind, Kind::kUpstream);
      return;
    }
    ++survived;
    const Encoded same = codec_of(dialect)->encode_reply(*reply, {});
    EXPECT_TRUE(json_parse(same.body).value() == json)
        << json_canonical(json) << "\n"
        << json_canonical(json_parse(same.body).value());
    for (const Dialect other : kDialects) {
      const Result<Json> back = json_parse(codec_of(other)->encode_reply(*reply, {}).body);
      ASSERT_TRUE(back) << back.error().what;
    }
  });
  EXPECT_GT(survived, 50);
}

TEST(Robust, MutatedStreamsEndCompleteOrBroken) {
  std::vector<std::pair<Dialect, std::string>> corpus;
  for (auto& [dialect, json] : replies()) {
    Result<ChatReply> reply = codec_of(dialect)->decode_reply(json, nullptr);
    ASSERT_TRUE(reply);
    const std::vector<Delta> deltas = deltas_of(std::move(*reply));
    for (const Dialect to : kDialects) {
      ChatRequest request;
      request.include_usage = true;
      const auto encoder = codec_of(to)->stream_encoder(request, {});
      std::string out;
      for (const Delta& delta : deltas) encoder->write(delta, out);
      corpus.emplace_back(to, std::move(out));
    }
  }
  for_a_while([&](Random& random) {
    const auto& [dialect, raw] = corpus[random.below(corpus.size())];
    std::string mutated;
    for (Event& event : split_events(raw)) {
      if (random.below(10) == 0) continue;
      if (Result<Json> json = json_parse(event.data); json && random.below(4) == 0) {
        mutate(*json, random);
        event.data = json_write(*json);
      } else if (random.below(20) == 0) {
        break_bytes(event.data, random);
      }
      mutated += "event: " + event.name + "\ndata: " + event.data + "\n\n";
    }
    Streamed streamed = read_stream(*codec_of(dialect), mutated);
    EXPECT_NE(streamed.builder.state(), ReplyBuilder::State::kOpen);
    EXPECT_EQ(streamed.builder.state() == ReplyBuilder::State::kComplete,
              std::holds_alternative<End>(streamed.deltas.empty() ? Delta(Ping{})
                                                                  : streamed.deltas.back()));
    for (const Dialect to : kDialects) {
      const auto encoder = codec_of(to)->stream_encoder({}, {});
      std::string out;
      for (const Delta& delta : streamed.deltas) encoder->write(delta, out);
      for (const Event& event : split_events(out)) {
        EXPECT_TRUE(event.data == "[DONE]" || json_parse(event.data)) << event.data;
      }
      const std::string whole = codec_of(to)->encode_reply(streamed.builder.reply(), {}).body;
      EXPECT_TRUE(json_parse(whole)) << whole;
    }
  });
}

TEST(Robust, BrokenBytesInErrorsAndEvents) {
  const std::string good =
      R"({"error":{"message":"m","type":"t","code":[1,{"a":null}],"details":[{"retryDelay":"1.5s"}]}})";
  for_a_while([&](Random& random) {
    std::string text = good;
    break_bytes(text, random);
    for (const Dialect dialect : kDialects) {
      const WireError error =
          codec_of(dialect)->decode_error(static_cast<int>(random.below(600)), text);
      EXPECT_TRUE(json_parse(codec_of(dialect)->encode_error(error)));
      std::vector<Delta> deltas;
      (void)codec_of(dialect)->stream_decoder(nullptr)->feed("error", text, deltas);
    }
    std::vector<HeaderView> headers{{"retry-after", text},
                                    {"x-ratelimit-remaining-tokens", "0"},
                                    {"x-ratelimit-reset-tokens", text}};
    (void)retry_after(headers, {});
  });
}

TEST(Robust, MutatedEmbeddings) {
  const Json request =
      json_parse(R"({"model":"m","input":["a",[1,2]],"dimensions":3,"x":1})").value();
  const Json reply =
      json_parse(
          R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,1]},{"index":1,"embedding":"AAAAPw=="}],"model":"m","usage":{"prompt_tokens":4}})")
          .value();
  for_a_while([&](Random& random) {
    Json json = request;
    mutate(json, random);
    if (const Result<EmbeddingRequest> read = openai_embeddings::decode_request(json)) {
      EXPECT_TRUE(json_parse(openai_embeddings::encode_request(*read).body)) << json_write(json);
    }
    json = reply;
    mutate(json, random);
    if (const Result<EmbeddingReply> read = openai_embeddings::decode_reply(json)) {
      EXPECT_TRUE(json_parse(openai_embeddings::encode_reply(*read))) << json_write(json);
    }
  });
}

}  // namespace
}  // namespace sighter::wire
