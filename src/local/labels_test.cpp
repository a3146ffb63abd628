#include "local/labels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "local/gbnf.hpp"

namespace sighter::local {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string all_text(const Prompt& prompt) {
  std::string out;
  for (const PromptPiece& piece : prompt) out += piece.text;
  return out;
}

// Answers from a function of (text before, text), and remembers what it was asked.
class ScriptedScorer final : public Scorer {
 public:
  std::function<double(const std::string&, const std::string&)> logprob =
      [](const auto&, const auto&) { return -1.0; };
  GenerateReply writes;
  std::vector<std::pair<std::string, std::string>> asked;
  GenerateRequest generate_asked;

  Result<ScoreReply> score(const ScoreRequest& request) override {
    ScoreReply reply;
    for (const ScoreItem& item : request.items) {
      asked.emplace_back(all_text(request.prefix) + all_text(item.context), item.text.text);
      reply.logprobs.push_back(logprob(asked.back().first, asked.back().second));
    }
    reply.prompt_tokens = 10;
    reply.cached_tokens = 4;
    return reply;
  }
  Result<GenerateReply> generate(const GenerateRequest& request) override {
    generate_asked = request;
    return writes;
  }
};

LabelTask task();

TEST(Labels, channel_scoring_shows_meanings_in_place_of_labels) {
  LabelTask asked = task();
  asked.meanings = {"a question about money", "something is broken"};
  asked.examples = {{"my invoice", "billing"}};
  const LabelRequest request = label_request(asked, LabelScoring::kChannel, "it crashed");
  EXPECT_THAT(all_text(request.shared), HasSubstr("a question about money"));
  EXPECT_THAT(all_text(request.label_contexts.at(1)), HasSubstr(": something is broken\n"));
  EXPECT_EQ(request.labels.at(1), "bug");
  EXPECT_THAT(all_text(label_request(asked, LabelScoring::kDirect, "x").prompt),
              ::testing::Not(HasSubstr("something is broken")));
}

LabelTask task() {
  LabelTask out;
  out.labels = {"billing", "bug"};
  out.examples = {{"charged\ntwice", "billing"}, {"it crashes", "bug"}};
  return out;
}

TEST(Labels, DirectScoresTheLabelBehindThePrompt) {
  ScriptedScorer scorer;
  scorer.logprob = [](const std::string&, const std::string& text) {
    return std::log(text == " bug" ? 0.3 : 0.1);
  };
  const auto reply =
      score_labels(scorer, label_request(task(), LabelScoring::kDirect, "help"), nullptr);
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->best, 1u);
  EXPECT_NEAR(reply->probabilities[1], 0.75, 1e-12);
  EXPECT_EQ(reply->prompt_tokens, 10);
  EXPECT_EQ(scorer.asked[0].first,
            "Label is one of: billing, bug.\n\n"
            "Message: charged twice\nLabel: billing\n\n"
            "Message: it crashes\nLabel: bug\n\n"
            "Message: help\nLabel:");
}

TEST(Labels, CalibratedTakesAwayWhatTheModelLikesAnyway) {
  ScriptedScorer scorer;
  scorer.logprob = [](const std::string& before, const std::string& text) {
    const bool with_input = before.find("Message: help") != std::string::npos;
    if (text == " billing") return std::log(with_input ? 0.6 : 0.8);
    return std::log(with_input ? 0.3 : 0.1);
  };
  const auto reply =
      score_labels(scorer, label_request(task(), LabelScoring::kCalibrated, "help"), nullptr);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->best, 1u);
  EXPECT_NEAR(reply->probabilities[1], 3.0 / (3.0 + 0.75), 1e-12);
}

TEST(Labels, ThePriorOfAPromptIsAskedForOnce) {
  ScriptedScorer scorer;
  PriorCache priors;
  ASSERT_TRUE(
      score_labels(scorer, label_request(task(), LabelScoring::kCalibrated, "one"), &priors));
  EXPECT_EQ(scorer.asked.size(), 4u);
  ASSERT_TRUE(
      score_labels(scorer, label_request(task(), LabelScoring::kCalibrated, "two"), &priors));
  EXPECT_EQ(scorer.asked.size(), 6u);
}

TEST(Labels, AnotherPromptHasAnotherPrior) {
  ScriptedScorer scorer;
  PriorCache priors;
  LabelTask other = task();
  other.examples.pop_back();
  ASSERT_TRUE(
      score_labels(scorer, label_request(task(), LabelScoring::kCalibrated, "one"), &priors));
  ASSERT_TRUE(
      score_labels(scorer, label_request(other, LabelScoring::kCalibrated, "one"), &priors));
  EXPECT_EQ(scorer.asked.size(), 8u);
}

TEST(Labels, ChannelScoresTheInputBehindEachLabel) {
  ScriptedScorer scorer;
  scorer.logprob = [](const std::string& before, const std::string& text) {
    EXPECT_EQ(text, " help");
    return before.ends_with("Label: bug\nMessage:") ? -1.0 : -3.0;
  };
  const auto reply =
      score_labels(scorer, label_request(task(), LabelScoring::kChannel, "help"), nullptr);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->best, 1u);
  EXPECT_NEAR(reply->probabilities[1], 1 / (1 + std::exp(-2.0)), 1e-12);
}

TEST(Labels, ChannelAddsThePriors) {
  ScriptedScorer scorer;
  auto request = label_request(task(), LabelScoring::kChannel, "help");
  request.log_priors = {std::log(0.9), std::log(0.1)};
  const auto reply = score_labels(scorer, request, nullptr);
  ASSERT_TRUE(reply);
  EXPECT_NEAR(reply->probabilities[0], 0.9, 1e-12);
}

TEST(Labels, GrammarTakesTheProbabilityAmongWhatWasAllowed) {
  ScriptedScorer scorer;
  scorer.writes.text = " bug";
  scorer.writes.logprobs = {{" bug", -5, std::log(0.8), {}}};
  const auto reply =
      score_labels(scorer, label_request(task(), LabelScoring::kGrammar, "help"), nullptr);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->best, 1u);
  EXPECT_THAT(reply->probabilities,
              ElementsAre(::testing::DoubleNear(0.2, 1e-9), ::testing::DoubleNear(0.8, 1e-9)));
  EXPECT_TRUE(check_grammar(scorer.generate_asked.grammar, "root"));
  EXPECT_TRUE(all_text(scorer.generate_asked.prompt).ends_with("Label:"));
}

TEST(Labels, SomethingElseThanALabelIsAnError) {
  ScriptedScorer scorer;
  scorer.writes.text = " bu";
  const auto reply =
      score_labels(scorer, label_request(task(), LabelScoring::kGrammar, "help"), nullptr);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().what, HasSubstr("' bu', which is no label"));
}

TEST(Labels, EmptyAndRepeatedLabelsAreRefused) {
  ScriptedScorer scorer;
  LabelRequest request;
  EXPECT_FALSE(score_labels(scorer, request, nullptr));
  request.labels = {"a", ""};
  EXPECT_FALSE(score_labels(scorer, request, nullptr));
  request.labels = {"a", "a"};
  EXPECT_THAT(score_labels(scorer, request, nullptr).error().what, HasSubstr("'a' is there twice"));
}

TEST(Labels, TheGrammarQuotesWhatGbnfWouldRead) {
  const std::string grammar = labels_grammar({"a \"b\"", "c\\d", "new\nline", "ä"});
  EXPECT_EQ(grammar, "root ::= \"a \\\"b\\\"\" | \"c\\\\d\" | \"new\\x0aline\" | \"ä\"\n");
  EXPECT_TRUE(check_grammar(grammar, "root"));
}

TEST(Labels, WordsReadBack) {
  for (const std::string& word : label_scoring_words())
    EXPECT_EQ(to_string(*label_scoring_from(word)), word);
  EXPECT_EQ(label_scoring_from("chanel"), std::nullopt);
}

TEST(PriorCache, ForgetsTheOldest) {
  PriorCache cache;
  for (int i = 0; i < 1025; ++i) cache.add(std::to_string(i), {1.0});
  EXPECT_FALSE(cache.find("0"));
  EXPECT_TRUE(cache.find("1"));
  EXPECT_TRUE(cache.find("1024"));
}

}  // namespace
}  // namespace sighter::local
