// With real weights, when tools/local_models.sh has fetched them. Never exact text: it differs
// between instruction sets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <thread>

#include "base/file.hpp"
#include "base/utf8.hpp"
#include "local/labels.hpp"
#include "local/model.hpp"

namespace sighter::local {
namespace {

using ::testing::HasSubstr;

std::filesystem::path file_of(const std::string& name) {
  return user_cache_folder() / "models" / name;
}

std::string why_not(const std::string& name) {
  if (!available()) return engine_description();
  if (!std::filesystem::exists(file_of(name)))
    return file_of(name).string() + " is not there: run tools/local_models.sh models";
  return {};
}

class RealModels : public ::testing::Test {
 protected:
  static constexpr const char* kChat = "smollm2-135m-instruct-q4_1.gguf";
  static constexpr const char* kEmbed = "all-minilm-l6-v2-f16.gguf";

  void SetUp() override {
    for (const char* name : {kChat, kEmbed})
      if (const std::string why = why_not(name); !why.empty()) GTEST_SKIP() << why;
  }

  static Model& chat() {
    static const auto model = load(kChat);
    return *model;
  }
  static Model& embedder() {
    static const auto model = load(kEmbed);
    return *model;
  }
  static std::unique_ptr<Model> load(const char* name, int context_tokens = 1024) {
    ModelOptions options;
    options.file = file_of(name);
    options.context_tokens = context_tokens;
    auto model = Model::load(options);
    EXPECT_TRUE(model.has_value()) << model.error().message();
    return std::move(*model);
  }
  static GenerateRequest request(std::string text, int max_tokens = 16) {
    GenerateRequest out;
    out.prompt = prompt_of(std::move(text), false);
    out.max_tokens = max_tokens;
    return out;
  }
};

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

TEST_F(RealModels, DescribesTheChatModel) {
  const ModelInfo& info = chat().info();
  EXPECT_EQ(info.architecture, "llama");
  EXPECT_NEAR(static_cast<double>(info.parameters), 135e6, 5e6);
  EXPECT_EQ(info.trained_tokens, 8192);
  EXPECT_EQ(info.context_tokens, 1024);
  EXPECT_TRUE(info.generates);
  EXPECT_FALSE(info.embeds);
}

TEST_F(RealModels, HandsOutTheChatTemplateWithItsSpecialTokens) {
  EXPECT_THAT(chat().chat_template().text, HasSubstr("<|im_start|>"));
  EXPECT_EQ(chat().chat_template().bos_token, "<|im_start|>");
  EXPECT_EQ(chat().chat_template().eos_token, "<|im_end|>");
}

TEST_F(RealModels, MarkupIsATokenAndDataIsNot) {
  EXPECT_EQ(chat().count_tokens(prompt_of("<|im_end|>", true)).value(), 1);
  EXPECT_GT(chat().count_tokens(prompt_of("<|im_end|>", false)).value(), 3);
}

TEST_F(RealModels, TheLikeliestTextIsTheSameEachTime) {
  GenerateRequest ask = request("The capital of France is", 12);
  ask.temperature = 0;
  const auto first = chat().generate(ask);
  const auto second = chat().generate(ask);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->text.empty());
  EXPECT_EQ(first->text, second->text);
  EXPECT_GE(second->cached_tokens, second->prompt_tokens - 1);
}

TEST_F(RealModels, ASeedRepeatsAText) {
  GenerateRequest ask = request("Once upon a time", 20);
  ask.seed = 7;
  const auto first = chat().generate(ask);
  const auto again = chat().generate(ask);
  ask.seed = 8;
  const auto other = chat().generate(ask);
  ASSERT_TRUE(first && again && other);
  EXPECT_EQ(first->text, again->text);
  EXPECT_NE(first->text, other->text);
}

TEST_F(RealModels, StreamsWhatItReplies) {
  std::string streamed;
  GenerateRequest ask = request("Schreibe über Bäume, 木, 🌳:", 48);
  ask.on_text = [&](std::string_view text) {
    EXPECT_FALSE(find_invalid_utf8(text));
    streamed += text;
  };
  const auto reply = chat().generate(ask);
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(streamed, reply->text);
}

TEST_F(RealModels, EndsAtTheLimitOfTokens) {
  const auto reply = chat().generate(request("Once upon a time", 5));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->finish, FinishReason::kLength);
  EXPECT_EQ(reply->generated_tokens, 5);
}

TEST_F(RealModels, EndsItsTurnByItself) {
  GenerateRequest ask;
  ask.prompt = {{"<|im_start|>user\n", true},
                {"Say yes.", false},
                {"<|im_end|>\n<|im_start|>assistant\n", true}};
  ask.temperature = 0;
  ask.max_tokens = 600;
  const auto reply = chat().generate(ask);
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->finish, FinishReason::kStop);
  EXPECT_THAT(reply->text, ::testing::Not(HasSubstr("<|im_end|>")));
}

TEST_F(RealModels, StopsBeforeAStopString) {
  GenerateRequest ask = request("1 2 3 4 5 6 7 8 9 10 11 12", 60);
  ask.temperature = 0;
  ask.stop = {"16 17"};
  const auto reply = chat().generate(ask);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->stop, "16 17");
  EXPECT_EQ(reply->finish, FinishReason::kStop);
  EXPECT_THAT(reply->text, ::testing::EndsWith("15 "));
}

TEST_F(RealModels, AGrammarLetsNothingElseThrough) {
  GenerateRequest ask = request("Is water wet?", 20);
  ask.grammar = "root ::= \" \" (\"yes\" | \"no\") \"!\" [0-9]{3}";
  ask.temperature = 1.5;
  for (ask.seed = 0; ask.seed < 8; ++ask.seed) {
    const auto reply = chat().generate(ask);
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_THAT(reply->text, ::testing::MatchesRegex(" (yes|no)![0-9][0-9][0-9]"));
    EXPECT_EQ(reply->finish, FinishReason::kStop);
  }
}

TEST_F(RealModels, ABadGrammarIsToldWithItsPlace) {
  GenerateRequest ask = request("x");
  ask.grammar = "root ::= \"a\" |\n  thing";
  EXPECT_THAT(chat().generate(ask).error().what,
              HasSubstr("grammar:2:3: there is no rule 'thing'"));
}

TEST_F(RealModels, AGrammarThatBeginsWithItselfIsRefused) {
  GenerateRequest ask = request("x");
  ask.grammar = "root ::= root \"a\"";
  const auto reply = chat().generate(ask);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().what, HasSubstr("left recursion"));
}

TEST_F(RealModels, LogProbabilitiesAreThoseOfScoring) {
  GenerateRequest ask = request("The capital of France is", 2);
  ask.temperature = 0;
  ask.logprobs = 3;
  const auto reply = chat().generate(ask);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->logprobs.size(), 2u);
  double sum = 0;
  for (const TokenLogprob& token : reply->logprobs) {
    ASSERT_EQ(token.likeliest.size(), 3u);
    EXPECT_DOUBLE_EQ(token.likeliest.front().logprob, token.logprob);
    EXPECT_EQ(token.likeliest.front().text, token.text);
    sum += token.logprob;
  }
  const auto scored = chat().score({ask.prompt, {{{}, {reply->text, false}}}, {}});
  ASSERT_TRUE(scored);
  EXPECT_NEAR(scored->logprobs[0], sum, 0.05);
}

// Together and one by one, after one another and after other prompts: the same numbers.
TEST_F(RealModels, ScoresDoNotDependOnWhatIsScoredBesideThem) {
  const std::vector<std::string> texts = {" Paris", " London", " Paris, of course", " a city",
                                          " Lyon"};
  ScoreRequest all;
  all.prefix = prompt_of("Geography.\nThe capital of France is", false);
  for (const std::string& text : texts) all.items.push_back({{}, {text, false}});
  const auto together = chat().score(all);
  ASSERT_TRUE(together) << together.error().message();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ScoreRequest one{all.prefix, {{{}, {texts[i], false}}}, {}};
    const auto alone = chat().score(one);
    ASSERT_TRUE(alone);
    EXPECT_NEAR(alone->logprobs[0], together->logprobs[i], 0.05) << texts[i];
  }
  EXPECT_GT(together->logprobs[0], together->logprobs[4]);
}

TEST_F(RealModels, SharedBeginningsAreComputedOnce) {
  const std::string shared(
      "Decide what the message is about. There are three teams: billing, bugs and sales, and each "
      "of them wants only its own messages. ");
  const auto ask = [&](const std::string& message) {
    ScoreRequest request;
    request.prefix = prompt_of(shared + message + "\nTeam:", false);
    for (const char* label : {" billing", " bugs", " sales"})
      request.items.push_back({{}, {label, false}});
    return chat().score(request).value();
  };
  ask("I was charged twice");
  const ScoreReply second = ask("It crashes on start");
  EXPECT_GE(second.cached_tokens, chat().count_tokens(prompt_of(shared, false)).value() - 3);
  EXPECT_LT(second.prompt_tokens - second.cached_tokens, 16);
}

TEST_F(RealModels, MoreItemsThanSequencesAreScoredInTurns) {
  ScoreRequest request;
  request.prefix = prompt_of("The number is", false);
  for (int i = 0; i < 150; ++i) request.items.push_back({{}, {" " + std::to_string(i * 7), false}});
  const auto reply = chat().score(request);
  ASSERT_TRUE(reply) << reply.error().message();
  for (const double logprob : reply->logprobs) {
    EXPECT_TRUE(std::isfinite(logprob));
    EXPECT_LT(logprob, 0);
  }
}

TEST_F(RealModels, ATooLongPromptSaysHowLongAndTheLimit) {
  std::string text;
  for (int i = 0; i < 1100; ++i) text += " word";
  const auto reply = chat().generate(request(text));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Kind::kTooLarge);
  EXPECT_THAT(reply.error().what, HasSubstr("1100 tokens"));
  EXPECT_THAT(reply.error().what, HasSubstr("1024"));
}

TEST_F(RealModels, AFullContextEndsTheText) {
  std::string text;
  for (int i = 0; i < 124; ++i) text += " word";
  GenerateRequest ask = request(text, 100);
  ask.grammar = "root ::= [a-z ]+";  // does not end its turn
  const auto reply = load(kChat, 128)->generate(ask);
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->finish, FinishReason::kLength);
  EXPECT_EQ(reply->generated_tokens, 5);
}

TEST_F(RealModels, CancelStopsInTheMiddleAndKeepsWhatThereWas) {
  std::stop_source stop;
  GenerateRequest ask = request("Once upon a time", 500);
  ask.cancel = stop.get_token();
  int pieces = 0;
  ask.on_text = [&](std::string_view) {
    if (++pieces == 3) stop.request_stop();
  };
  const auto reply = chat().generate(ask);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->finish, FinishReason::kCancelled);
  EXPECT_FALSE(reply->text.empty());
  EXPECT_LT(reply->generated_tokens, 50);
  const auto after = chat().generate(request("Once upon a time", 3));
  ASSERT_TRUE(after) << after.error().message();
}

TEST_F(RealModels, ManyThreadsShareThePool) {
  GenerateRequest ask = request("The capital of France is", 6);
  ask.temperature = 0;
  const std::string expected = chat().generate(ask)->text;
  std::atomic<int> equal = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 3; ++i) {
          const bool same = chat().generate(ask)->text == expected;
          const bool scored =
              chat()
                  .score(
                      {prompt_of("Thread " + std::to_string(t), false), {{{}, {" x", false}}}, {}})
                  .has_value();
          equal += same && scored;
        }
      });
  }
  EXPECT_EQ(equal.load(), 18);
}

TEST_F(RealModels, MeasuresItsSpeed) {
  const auto speed = chat().measure();
  ASSERT_TRUE(speed);
  EXPECT_GT(speed->prompt_tokens_per_s, 0);
  EXPECT_GT(speed->generated_tokens_per_s, 0);
}

TEST_F(RealModels, EmbedsTextsByMeaning) {
  const auto reply =
      embedder().embed({{"I was charged twice for my order.",
                         "My credit card was billed two times.", "The app crashes when I open it."},
                        {}});
  ASSERT_TRUE(reply) << reply.error().message();
  ASSERT_EQ(reply->vectors.size(), 3u);
  for (const auto& vector : reply->vectors) {
    EXPECT_EQ(vector.size(), 384u);
    EXPECT_NEAR(cosine(vector, vector), 1.0, 1e-5);
  }
  EXPECT_GT(cosine(reply->vectors[0], reply->vectors[1]), 0.6);
  EXPECT_LT(cosine(reply->vectors[0], reply->vectors[2]), 0.4);
}

// Two figures of the original model, computed from its published weights in 32-bit arithmetic.
TEST_F(RealModels, EmbeddingsAgreeWithTheOriginalModel) {
  const auto reply =
      embedder().embed({{"A man is eating food.", "A man is eating a piece of bread.",
                         "Zwei Käse, bitte: naïve café #42!"},
                        {}});
  ASSERT_TRUE(reply);
  EXPECT_NEAR(cosine(reply->vectors[0], reply->vectors[1]), 0.7553, 0.004);
  EXPECT_NEAR(cosine(reply->vectors[0], reply->vectors[2]), 0.1057, 0.004);
}

TEST_F(RealModels, AnEmbeddingDoesNotDependOnItsNeighbours) {
  std::vector<std::string> texts;
  for (int i = 0; i < 70; ++i)
    texts.push_back("Message number " + std::to_string(i) + std::string(i % 7, '!'));
  const auto together = embedder().embed({texts, {}});
  ASSERT_TRUE(together);
  for (const std::size_t i : {0u, 33u, 69u}) {
    const auto alone = embedder().embed({{texts[i]}, {}});
    ASSERT_TRUE(alone);
    EXPECT_GT(cosine(alone->vectors[0], together->vectors[i]), 0.999);
  }
}

TEST_F(RealModels, ALongTextIsCutAndSaidSo) {
  std::string text;
  for (int i = 0; i < 900; ++i) text += " word";
  const auto reply = embedder().embed({{"short", text, ""}, {}});
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_THAT(reply->truncated, ::testing::ElementsAre(1u));
}

TEST_F(RealModels, EachKindOfModelSaysWhatItCannotDo) {
  EXPECT_EQ(chat().embed({{"x"}, {}}).error().kind, Kind::kUnsupported);
  EXPECT_EQ(embedder().generate(request("x")).error().kind, Kind::kUnsupported);
  EXPECT_EQ(embedder().score({prompt_of("x"), {}, {}}).error().kind, Kind::kUnsupported);
}

TEST_F(RealModels, ACutFileSaysSo) {
  const auto path =
      std::filesystem::temp_directory_path() / ("cut_" + std::to_string(getpid()) + ".gguf");
  std::filesystem::copy_file(file_of(kEmbed), path,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(path, 20'000'000);
  ModelOptions options;
  options.file = path;
  const auto model = Model::load(options);
  std::filesystem::remove(path);
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().what,
              HasSubstr("is cut short: it has 20000000 bytes, its description needs 46223360"));
}

TEST_F(RealModels, LabelsAreScoredInFourWays) {
  LabelTask task;
  task.labels = {"positive", "negative"};
  task.examples = {{"What a wonderful film, I loved it", "positive"},
                   {"Terrible service, never again", "negative"},
                   {"Great food and friendly people", "positive"},
                   {"It broke after two days, very disappointed", "negative"}};
  PriorCache priors;
  for (const std::string& word : label_scoring_words()) {
    const auto request =
        label_request(task, *label_scoring_from(word), "Awful. The worst phone I ever had");
    const auto reply = score_labels(chat(), request, &priors);
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_NEAR(reply->probabilities[0] + reply->probabilities[1], 1.0, 1e-9) << word;
    if (request.scoring == LabelScoring::kChannel) {
      EXPECT_EQ(reply->best, 1u);
    }
  }
}

}  // namespace
}  // namespace sighter::local
