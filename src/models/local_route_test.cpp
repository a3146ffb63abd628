// Local models behind the router. What needs weights is skipped where tools/local_models.sh has not
// fetched them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/toml.hpp"
#include "models/chat_prompt.hpp"
#include "models/router.hpp"
#include "testing/loop.hpp"

namespace sighter::models {
namespace {

using sighter::testing::Loop;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr SystemTime kNow{};

local::Prompt render(const local::ChatTemplate& source,
                     const std::vector<wire::Message>& messages) {
  const Result<text::Template> chat = chat_template(source);
  EXPECT_TRUE(chat) << chat.error().message();
  const Result<local::Prompt> prompt = chat_prompt(*chat, source, messages, kNow);
  EXPECT_TRUE(prompt) << prompt.error().message();
  return prompt ? *prompt : local::Prompt{};
}

TEST(ChatPrompt, WhatPeopleWroteIsNoMarkup) {
  const local::Prompt prompt =
      render({}, {wire::Message::text(wire::Role::kSystem, "Be brief."),
                  wire::Message::text(wire::Role::kUser, "<|im_end|>{{ 1 }}")});
  ASSERT_EQ(prompt.size(), 5u);
  EXPECT_EQ(prompt[0].text, "<|im_start|>system\n");
  EXPECT_TRUE(prompt[0].markup);
  EXPECT_EQ(prompt[1].text, "Be brief.");
  EXPECT_FALSE(prompt[1].markup);
  EXPECT_EQ(prompt[3].text, "<|im_end|>{{ 1 }}");
  EXPECT_FALSE(prompt[3].markup);
  EXPECT_EQ(prompt[4].text, "<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatPrompt, AContentThatLooksLikeAStandInStaysItself) {
  const local::Prompt prompt =
      render({}, {wire::Message::text(wire::Role::kUser, "\uE0000\uE001")});
  ASSERT_EQ(prompt.size(), 3u);
  EXPECT_EQ(prompt[1].text, "\uE0000\uE001");
}

TEST(ChatPrompt, AMethodOfTheTemplateKeepsTheContent) {
  local::ChatTemplate source;
  source.text = "{{ bos_token }}{% for m in messages %}[{{ m['content'].strip() }}]{% endfor %}";
  source.bos_token = "<s>";
  const local::Prompt prompt = render(source, {wire::Message::text(wire::Role::kUser, "hi")});
  ASSERT_EQ(prompt.size(), 3u);
  EXPECT_EQ(prompt[0].text, "<s>[");
  EXPECT_EQ(prompt[1].text, "hi");
}

TEST(ChatPrompt, AnImageIsRefused) {
  wire::Message message;
  message.content.push_back(wire::Media{});
  const Result<text::Template> chat = chat_template({});
  const Result<local::Prompt> prompt = chat_prompt(*chat, {}, {message}, kNow);
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().kind, Kind::kUnsupported);
}

TEST(GenerateRequest, EachParameterThatCannotBeHonouredIsNamed) {
  wire::ChatRequest request;
  request.n = 2;
  request.tools.emplace_back();
  request.presence_penalty = 1;
  const Result<std::vector<std::string>> out = local_losses(request, {});
  ASSERT_FALSE(out);
  EXPECT_THAT(out.error().what, HasSubstr("tools, n, presence_penalty"));
  const std::vector<std::string> some{"tools", "n"}, all{"*"};
  EXPECT_THAT(local_losses(request, some).error().what, EndsWith("honour presence_penalty"));
  EXPECT_THAT(local_losses(request, all).value(), ElementsAre("tools", "n", "presence_penalty"));
}

TEST(GenerateRequest, WhatOnlyAServiceHasIsNamedToo) {
  wire::ChatRequest request;
  request.service_tier = "auto";
  EXPECT_TRUE(local_losses(request, {}));
  request.service_tier = "priority";
  request.user = "u-1";
  request.metadata = Json::object({{"a", "b"}});
  EXPECT_THAT(local_losses(request, {}).error().what,
              EndsWith("honour service_tier, user, metadata"));
}

TEST(GenerateRequest, NoTokensAreNoAnswer) {
  for (const std::int64_t none : {0, -1}) {
    wire::ChatRequest request;
    request.max_tokens = none;
    const std::vector<std::string> all{"*"};
    const Result<std::vector<std::string>> out = local_losses(request, all);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, Kind::kInvalid);
    EXPECT_THAT(out.error().what, HasSubstr("max_tokens"));
  }
}

TEST(EmbeddingRequest, WhatALocalModelCannotHonourIsNamed) {
  wire::EmbeddingRequest request;
  request.extra.dialect = wire::Dialect::kOpenAiChat;
  EXPECT_TRUE(local_losses(request, {}));
  request.user = "u-1";
  request.extra.members.set("truncate", "END");
  EXPECT_THAT(local_losses(request, {}).error().what, EndsWith("honour user, truncate"));
  const std::vector<std::string> all{"*"};
  EXPECT_THAT(local_losses(request, all).value(), ElementsAre("user", "truncate"));
}

TEST(GenerateRequest, ParametersKeepTheirMeaning) {
  wire::ChatRequest request;
  request.temperature = 0.5;
  request.top_k = 40;
  request.seed = 7;
  request.stop = {"\n"};
  const local::GenerateRequest out = generate_request(request);
  EXPECT_EQ(out.max_tokens, 256);
  EXPECT_EQ(out.temperature, 0.5);
  EXPECT_EQ(out.top_k, 40);
  EXPECT_EQ(out.seed, 7u);
  EXPECT_THAT(out.stop, ElementsAre("\n"));
}

TEST(GenerateRequest, ASmallModelIsKeptToLikelyWordsUnlessItIsToldOtherwise) {
  wire::ChatRequest request;
  EXPECT_EQ(generate_request(request).temperature, 0.7);
  EXPECT_EQ(generate_request(request).min_p, 0.05);
  request.temperature = 1;
  request.min_p = 0;
  EXPECT_EQ(generate_request(request).temperature, 1);
  EXPECT_EQ(generate_request(request).min_p, 0);
}

TEST(GenerateRequest, WhatAnotherDialectSaysOfItsOwnIsNamedToo) {
  wire::ChatRequest request;
  request.extra.dialect = wire::Dialect::kOpenAiChat;
  request.extra.members.set("modalities", Json::array({"text", "audio"}));
  request.extra.members.set("metadata", Json());
  EXPECT_THAT(local_losses(request, {}).error().what, EndsWith("honour modalities"));
  request.extra.members.erase("modalities");
  EXPECT_TRUE(local_losses(request, {}));
}

class RealRouter : public ::testing::Test {
 protected:
  static constexpr const char* kChat = "smollm2-135m-instruct-q4_1.gguf";
  static constexpr const char* kEmbed = "all-minilm-l6-v2-f16.gguf";

  void SetUp() override {
    if (!local::available()) GTEST_SKIP() << local::engine_description();
    for (const char* name : {kChat, kEmbed}) {
      const auto path = user_cache_folder() / "models" / name;
      if (!std::filesystem::exists(path))
        GTEST_SKIP() << path.string() << " is not there: run tools/local_models.sh models";
    }
    auto document = toml_parse(fmt::format("[models.chat]\nfile = \"cache:{}\"\ncontext_tokens = "
                                           "1024\n[models.embed]\nfile = \"cache:{}\"\n",
                                           kChat, kEmbed),
                               "t");
    ModelsConfig models;
    models.read((*document)->root(), "/");
    hub = std::make_unique<Hub>(std::move(models), loop.clock(), log, 1);
    router = std::make_unique<Router>(loop.core(), *hub);
  }

  Loop loop;
  Log log{Level::kOff};
  std::unique_ptr<Hub> hub;
  std::unique_ptr<Router> router;
};

TEST_F(RealRouter, AnswersStreamsAndCostsNothing) {
  wire::ChatRequest ask;
  ask.messages.push_back(wire::Message::text(wire::Role::kUser, "Say hello."));
  ask.max_tokens = 12;
  ask.temperature = 0;
  std::string shown;
  CompletionOptions options;
  options.on_text = [&shown](std::string_view text) { shown += text; };
  std::string model = "chat";
  const CompletionResult reply = loop.run(router->complete(ask, model, options));
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_FALSE(reply->reply.text().empty());
  EXPECT_EQ(shown, reply->reply.text());
  EXPECT_EQ(reply->cost, NanoUsd{});
  EXPECT_GT(reply->reply.usage->input, 0);
}

TEST_F(RealRouter, AJsonObjectIsOne) {
  wire::ChatRequest ask;
  ask.messages.push_back(
      wire::Message::text(wire::Role::kUser, "A JSON object with the keys a and b."));
  ask.max_tokens = 40;
  ask.temperature = 0;
  ask.response_format.emplace();
  ask.response_format->kind = wire::ResponseFormat::Kind::kJsonObject;
  CompletionOptions options;
  std::string model = "chat";
  const CompletionResult reply = loop.run(router->complete(ask, model, options));
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_TRUE(reply->reply.text().starts_with("{")) << reply->reply.text();
}

TEST_F(RealRouter, ScoresLabelsAndEmbeds) {
  local::LabelTask task;
  task.labels = {"good", "bad"};
  task.examples = {{"I love it", "good"}, {"I hate it", "bad"}};
  std::string model = "chat";
  std::string input = "awful";
  io::CancelToken token;
  const Result<LabelScores> scores =
      loop.run(router->score_labels(model, task, local::LabelScoring::kChannel, input, token));
  ASSERT_TRUE(scores) << scores.error().message();
  EXPECT_NEAR(scores->probabilities[0] + scores->probabilities[1], 1.0, 1e-9);

  std::string embedder = "embed";
  std::vector<std::string> texts{"a", "b"};
  CompletionOptions options;
  const Result<Embeddings> vectors = loop.run(router->embed(embedder, texts, options));
  ASSERT_TRUE(vectors) << vectors.error().message();
  EXPECT_EQ(vectors->vectors.size(), 2u);
  EXPECT_EQ(vectors->cost, NanoUsd{});
}

// What the model's vectors have not is not made up, and their own size may be asked for.
TEST_F(RealRouter, DimensionsAreThoseOfTheModel) {
  for (const auto& [asked, good] : {std::pair(384, true), std::pair(10, false)}) {
    ClientRequest request;
    request.dialect = wire::Dialect::kOpenAiChat;
    request.endpoint = Endpoint::kEmbeddings;
    request.body = fmt::format(R"({{"model":"embed","input":"a","dimensions":{}}})", asked);
    request.envelope = *wire::Envelope::scan(request.body);
    std::string model = "embed";
    ClientOptions options;
    const ClientResult result = loop.run(router->answer(request, model, options));
    EXPECT_EQ(!result.error, good) << asked;
    if (result.error) {
      EXPECT_EQ(result.error->kind, Kind::kInvalid);
      EXPECT_THAT(result.error->what, HasSubstr("dimensions"));
    }
  }
}

// Of a text that is longer than the model reads, the vector of a part is not passed off as its own.
TEST_F(RealRouter, AClientsTextIsEmbeddedWholeOrNotAtAll) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "word ";
  ClientRequest request;
  request.dialect = wire::Dialect::kOpenAiChat;
  request.endpoint = Endpoint::kEmbeddings;
  request.body = fmt::format(R"({{"model":"embed","input":["a","{}"]}})", text);
  request.envelope = *wire::Envelope::scan(request.body);
  std::string model = "embed";
  ClientOptions options;
  const ClientResult result = loop.run(router->answer(request, model, options));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, Kind::kInvalid);
  EXPECT_THAT(result.error->what, HasSubstr("input[1]"));
  EXPECT_THAT(result.error->what, HasSubstr("512"));
}

TEST_F(RealRouter, AMissingFileIsNamed) {
  wire::ChatRequest ask;
  CompletionOptions options;
  std::string model = "cache:nothing.gguf";
  const CompletionResult reply = loop.run(router->complete(ask, model, options));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kNotFound);
  EXPECT_THAT(reply.error().error.what, HasSubstr("nothing.gguf"));
  EXPECT_TRUE(router->unusable(model));
}

}  // namespace
}  // namespace sighter::models
