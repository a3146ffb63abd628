// What the room does around the engine, with a toy for an engine: needs no weights, runs in every
// build.

#include "local/model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/random.hpp"
#include "local/engine_fake.hpp"
#include "local/logits.hpp"

namespace sighter::local {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Model> model_over(FakeWork& work, int contexts = 1, bool embeds = false) {
  ModelOptions options;
  options.contexts_max = contexts;
  options.context_tokens = 0;
  return std::move(*Model::over(std::make_unique<FakeEngine>(work, embeds), options));
}

// What a score must be, computed the slow way.
double expected_logprob(const FakeWork& work, const std::string& before, const std::string& text) {
  double sum = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto logits = fake_logits(work, before + text.substr(0, i));
    sum += static_cast<double>(logits[static_cast<unsigned char>(text[i])]) - log_sum_exp(logits);
  }
  return sum;
}

ScoreRequest score_request(std::string prefix,
                           const std::vector<std::pair<std::string, std::string>>& items) {
  ScoreRequest request;
  request.prefix = prompt_of(std::move(prefix));
  for (const auto& [context, text] : items)
    request.items.push_back({prompt_of(context), {text, false}});
  return request;
}

GenerateRequest writing(FakeWork& work, std::string prompt, std::string text) {
  work.prompt_bytes = prompt.size();
  work.writes = std::move(text);
  GenerateRequest request;
  request.prompt = prompt_of(std::move(prompt));
  request.temperature = 0;
  request.max_tokens = 40;
  return request;
}

// A vocabulary that puts '<' before every prompt, and prompts that begin with it by themselves, as
// those of a chat template that prints {{ bos_token }}.
TEST(Prompts, TheTokenBeforeAPromptIsThereOnce) {
  FakeWork work;
  ModelOptions options;
  options.context_tokens = 0;
  const auto model = std::move(
      *Model::over(std::make_unique<FakeEngine>(work, false, std::vector<Token>{'<'}), options));
  EXPECT_EQ(model->count_tokens(prompt_of("pre")).value(), 4);
  EXPECT_EQ(model->count_tokens(prompt_of("<pre")).value(), 4);
  EXPECT_EQ(model->count_tokens({{"<", true}, {"<pre", false}}).value(), 5);
  for (const std::string prompt : {"pre", "<pre"}) {
    const auto scored = model->score(score_request(prompt, {{"", "abc"}}));
    ASSERT_TRUE(scored) << scored.error().message();
    EXPECT_NEAR(scored->logprobs[0], expected_logprob(work, "<pre", "abc"), 1e-9) << prompt;
    GenerateRequest request = writing(work, "<pre", "xy");
    request.prompt = prompt_of(prompt);
    const auto written = model->generate(request);
    ASSERT_TRUE(written) << written.error().message();
    EXPECT_EQ(written->prompt_tokens, 4) << prompt;
    EXPECT_EQ(written->text, "xy") << prompt;
  }
}

TEST(Score, IsTheSumOfLogProbabilities) {
  FakeWork work;
  const auto model = model_over(work);
  const auto reply = model->score(score_request("pre", {{"", "abc"}}));
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_NEAR(reply->logprobs[0], expected_logprob(work, "pre", "abc"), 1e-6);
  EXPECT_EQ(reply->tokens[0], 3);
}

TEST(Score, OfNothingIsCertain) {
  FakeWork work;
  const auto model = model_over(work);
  const auto reply = model->score(score_request("pre", {{"c", ""}}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->logprobs[0], 0);
  EXPECT_EQ(work.decoded, 0);
}

TEST(Score, WithoutAnythingBeforeStartsAtTheStartToken) {
  FakeWork work;
  const auto model = model_over(work);
  const auto reply = model->score(score_request("", {{"", "a"}}));
  ASSERT_TRUE(reply);
  EXPECT_NEAR(reply->logprobs[0], expected_logprob(work, "\1", "a"), 1e-6);
}

TEST(Score, ComputesASharedBeginningOnce) {
  FakeWork work;
  const auto model = model_over(work);
  const auto reply =
      model->score(score_request("shared ", {{"x", "one"}, {"x", "on"}, {"y", "two"}}));
  ASSERT_TRUE(reply);
  // "shared " + "x" "o" "n" + "y" "t" "w"
  EXPECT_EQ(reply->prompt_tokens, 7 + 3 + 3);
  EXPECT_EQ(work.decoded, 13);
}

TEST(Score, ReusesWhatTheLastRequestLeft) {
  FakeWork work;
  const auto model = model_over(work);
  ASSERT_TRUE(model->score(score_request("the same beginning: row 1", {{"", "a"}, {"", "bc"}})));
  work.decoded = 0;
  const auto second =
      model->score(score_request("the same beginning: row 2", {{"", "a"}, {"", "bc"}}));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->cached_tokens, 24);
  EXPECT_EQ(work.decoded, 2);
}

TEST(Score, AnIdenticalRequestComputesOnlyWhatIsAsked) {
  FakeWork work;
  const auto model = model_over(work);
  const auto request = score_request("beginning", {{"", "ab"}, {"", "cd"}});
  const auto first = model->score(request);
  work.decoded = 0;
  const auto second = model->score(request);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->logprobs, second->logprobs);
  EXPECT_EQ(work.decoded, 3);  // the last shared token, for its log-odds, and "a", "c"
}

TEST(Score, TakesMoreItemsThanSequencesAndMoreTokensThanABatch) {
  FakeWork work;
  const auto model = model_over(work);
  std::vector<std::pair<std::string, std::string>> items;
  for (int i = 0; i < 11; ++i)
    items.push_back(
        {std::string(static_cast<std::size_t>(i % 4), 'c'), "text " + std::to_string(i)});
  const auto reply = model->score(score_request("a longer prefix", items));
  ASSERT_TRUE(reply) << reply.error().message();
  for (std::size_t i = 0; i < items.size(); ++i)
    EXPECT_NEAR(reply->logprobs[i],
                expected_logprob(work, "a longer prefix" + items[i].first, items[i].second), 1e-5);
}

// Random requests, one after the other on the same contexts, against the slow way.
TEST(Score, AgreesWithTheSlowWayOnRandomRequests) {
  FakeWork work;
  const auto model = model_over(work, 2);
  Random random(20240611);
  const auto letters = [&](std::uint64_t most) {
    std::string out;
    for (std::uint64_t n = random.below(most + 1); n > 0; --n)
      out += static_cast<char>('a' + random.below(2));
    return out;
  };
  for (int round = 0; round < 300; ++round) {
    const std::string prefix = "p" + letters(12);
    std::vector<std::pair<std::string, std::string>> items;
    for (std::uint64_t n = 1 + random.below(8); n > 0; --n)
      items.push_back({letters(5), letters(6)});
    const auto reply = model->score(score_request(prefix, items));
    ASSERT_TRUE(reply) << reply.error().message();
    for (std::size_t i = 0; i < items.size(); ++i)
      ASSERT_NEAR(reply->logprobs[i],
                  expected_logprob(work, prefix + items[i].first, items[i].second), 1e-5)
          << "round " << round << ", item " << i;
  }
}

TEST(Score, AfterAFailedBatchTheNextRequestIsRight) {
  for (int n = 0; n < 6; ++n) {
    FakeWork work;
    const auto model = model_over(work);
    const auto request =
        score_request("some prefix here", {{"", "abcdefgh"}, {"x", "ijk"}, {"y", "lm"}});
    work.fail_at_batch = n;
    (void)model->score(request);
    work.fail_at_batch = -1;
    const auto reply = model->score(request);
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_NEAR(reply->logprobs[0], expected_logprob(work, "some prefix here", "abcdefgh"), 1e-5);
  }
}

TEST(Score, TooLongSaysHowLongAndTheLimit) {
  FakeWork work;
  const auto model = model_over(work);
  const auto reply = model->score(score_request(std::string(70, 'x'), {{"", "abc"}}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Kind::kTooLarge);
  EXPECT_THAT(reply.error().what, HasSubstr("72 tokens; fake holds 64"));
}

TEST(Generate, WritesUntilTheModelEndsItsTurn) {
  FakeWork work;
  const auto model = model_over(work);
  const auto reply = model->generate(writing(work, "say", "hello"));
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->text, "hello");
  EXPECT_EQ(reply->finish, FinishReason::kStop);
  EXPECT_EQ(reply->generated_tokens, 5);
  EXPECT_EQ(reply->prompt_tokens, 3);
}

TEST(Generate, AStopStringOverSeveralTokensIsNotShown) {
  FakeWork work;
  const auto model = model_over(work);
  auto request = writing(work, "say", "answer\nUser: more");
  request.stop = {"\nUser:"};
  std::string streamed;
  request.on_text = [&](std::string_view text) { streamed += text; };
  const auto reply = model->generate(request);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "answer");
  EXPECT_EQ(streamed, "answer");
  EXPECT_EQ(reply->stop, "\nUser:");
}

TEST(Generate, StreamsWholeCharacters) {
  FakeWork work;
  const auto model = model_over(work);
  auto request = writing(work, "say", "ä木🌳");
  std::vector<std::string> pieces;
  request.on_text = [&](std::string_view text) { pieces.emplace_back(text); };
  ASSERT_TRUE(model->generate(request));
  EXPECT_THAT(pieces, ::testing::ElementsAre("ä", "木", "🌳"));
}

TEST(Generate, ACharacterThatTheLimitCutIsReplaced) {
  FakeWork work;
  const auto model = model_over(work);
  auto request = writing(work, "say", "a木");
  request.max_tokens = 2;
  const auto reply = model->generate(request);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "a\uFFFD");
  EXPECT_EQ(reply->finish, FinishReason::kLength);
}

TEST(Generate, AConversationReusesItsOwnReply) {
  FakeWork work;
  const auto model = model_over(work);
  ASSERT_TRUE(model->generate(writing(work, "question one?", "answer")));
  const auto reply = model->generate(writing(work, "question one?answer, question two?", "yes"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "yes");
  EXPECT_EQ(reply->cached_tokens, 19);
}

TEST(Generate, ReportsLogProbabilitiesWithAlternatives) {
  FakeWork work;
  const auto model = model_over(work);
  auto request = writing(work, "say", "ab");
  request.logprobs = 2;
  const auto reply = model->generate(request);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->logprobs.size(), 2u);
  EXPECT_NEAR(reply->logprobs[0].logprob, expected_logprob(work, "say", "a"), 1e-5);
  EXPECT_EQ(reply->logprobs[0].likeliest.front().text, "a");
  EXPECT_EQ(reply->logprobs[0].likeliest.size(), 2u);
}

TEST(Generate, CancelledInABatchItKeepsWhatThereWas) {
  FakeWork work;
  const auto model = model_over(work);
  std::stop_source stop;
  auto request = writing(work, "say", "hello");
  request.cancel = stop.get_token();
  request.on_text = [&](std::string_view text) {
    if (text == "l") work.stop_at_batch = &stop;
  };
  const auto reply = model->generate(request);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "hel");
  EXPECT_EQ(reply->finish, FinishReason::kCancelled);
  work.stop_at_batch = nullptr;
  EXPECT_EQ(model->generate(writing(work, "say", "hello"))->text, "hello");
}

TEST(Generate, AfterAFailedBatchTheNextRequestIsRight) {
  for (int n = 0; n < 6; ++n) {
    FakeWork work;
    const auto model = model_over(work);
    work.fail_at_batch = n;
    (void)model->generate(writing(work, "a prompt of 24 bytes ...", "text"));
    work.fail_at_batch = -1;
    const auto reply = model->generate(writing(work, "a prompt of 24 bytes ...", "text"));
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text, "text");
  }
}

TEST(Generate, ParametersOutOfRangeAreNamed) {
  FakeWork work;
  const auto model = model_over(work);
  auto request = writing(work, "say", "x");
  request.top_p = 1.5;
  EXPECT_THAT(model->generate(request).error().what, HasSubstr("top_p = 1.5"));
  request.top_p = 1;
  request.stop = {""};
  EXPECT_EQ(model->generate(request).error().kind, Kind::kInvalid);
}

TEST(Pool, ASecondPromptSparesWhatTheFirstLeft) {
  FakeWork work;
  const auto model = model_over(work, 2);
  const auto ask = [&](const std::string& prompt) {
    return model->score(score_request(prompt, {{"", "ab"}})).value();
  };
  ask("the first prompt, quite long, row 1");
  ask("another prompt, no shorter, row 1");
  EXPECT_EQ(ask("the first prompt, quite long, row 2").cached_tokens, 34);
  EXPECT_EQ(ask("another prompt, no shorter, row 2").cached_tokens, 32);
  EXPECT_EQ(work.sessions, 2);
}

TEST(Pool, NeverMakesMoreContextsThanAllowed) {
  FakeWork work;
  const auto model = model_over(work, 2);
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(
        model->score(score_request(std::string(20, static_cast<char>('a' + i)), {{"", "x"}})));
  EXPECT_EQ(work.sessions, 2);
}

TEST(Pool, ManyThreadsGetTheSameNumbers) {
  FakeWork unused;
  const auto model = model_over(unused, 3);
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string prefix = "thread " + std::to_string(t % 3) + " asks";
      for (int i = 0; i < 50; ++i) {
        const std::string text = "item " + std::to_string(i);
        const auto reply = model->score(score_request(prefix, {{"", text}, {"x", text}}));
        right += reply &&
                 std::abs(reply->logprobs[0] - expected_logprob(FakeWork{}, prefix, text)) < 1e-5;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right.load(), 400);
}

TEST(Pool, WaitingForAContextEndsWhenCancelled) {
  FakeWork work;
  const auto model = model_over(work, 1);
  std::stop_source stop;
  auto holder = writing(work, "say", "hello");
  std::optional<Result<ScoreReply>> waited;
  holder.on_text = [&](std::string_view text) {
    if (text != "h") return;
    std::jthread other([&] {
      auto request = score_request("other", {{"", "x"}});
      request.cancel = stop.get_token();
      waited = model->score(request);
    });
    stop.request_stop();
  };
  ASSERT_TRUE(model->generate(holder));
  ASSERT_TRUE(waited && !*waited);
  EXPECT_EQ(waited->error().kind, Kind::kCancelled);
}

TEST(Embed, VectorsHaveLengthOneAndTheOrderOfTheTexts) {
  FakeWork work;
  const auto model = model_over(work, 1, true);
  const auto reply = model->embed({{"four", "a", "two"}, {}});
  ASSERT_TRUE(reply) << reply.error().message();
  ASSERT_EQ(reply->vectors.size(), 3u);
  EXPECT_NEAR(reply->vectors[0][0], 4 / std::sqrt(17.0), 1e-6);
  EXPECT_NEAR(reply->vectors[1][0], 1 / std::sqrt(2.0), 1e-6);
  EXPECT_EQ(reply->tokens, 8);
}

TEST(Embed, ATextLongerThanABatchIsCutAndNamed) {
  FakeWork work;
  const auto model = model_over(work, 1, true);
  const auto reply = model->embed({{"short", "longer than eight"}, {}});
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->truncated, ::testing::ElementsAre(1u));
}

TEST(Embed, ATextThatMustBeWholeIsRefusedWithItsLengthAndTheLimit) {
  FakeWork work;
  const auto model = model_over(work, 1, true);
  const auto reply = model->embed({{"short", "longer than eight"}, {}, true});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Kind::kTooLarge);
  EXPECT_THAT(reply.error().what, HasSubstr("input[1]: has 17 tokens; fake reads 8"));
  EXPECT_TRUE(model->embed({{"short"}, {}, true}));
}

TEST(Model, AMissingFileIsNamed) {
  ModelOptions options;
  options.file = "no/such/model.gguf";
  const auto model = Model::load(options);
  ASSERT_FALSE(model);
  if (available()) {
    EXPECT_EQ(model.error().kind, Kind::kNotFound);
    EXPECT_THAT(model.error().what, HasSubstr("no/such/model.gguf"));
  } else {
    EXPECT_EQ(model.error().kind, Kind::kUnsupported);
    EXPECT_EQ(model.error().what, "this build has no local model");
  }
}

TEST(Model, OptionsOutOfRangeAreRefused) {
  ModelOptions options;
  options.contexts_max = 0;
  EXPECT_EQ(Model::load(options).error().kind, Kind::kInvalid);
}

TEST(Prompt, NeighboursOfOneSortAreOnePiece) {
  FakeWork work;
  const auto model = model_over(work);
  EXPECT_EQ(model->count_tokens({{"ab", true}, {"", false}, {"c", true}}).value(), 3);
}

}  // namespace
}  // namespace sighter::local
