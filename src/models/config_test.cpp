#include "models/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include "models/purse.hpp"

namespace sighter::models {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Read {
  ModelsConfig config;
  Status status;
};

Read read(std::string_view text) {
  auto document = toml_parse(text, "sighter.toml");
  EXPECT_TRUE(document) << document.error().message();
  Read out;
  out.config.read((*document)->root(), "/project");
  out.status = (*document)->finish();
  return out;
}

TEST(Config, ProvidersThatEverybodyKnowsNeedNoFile) {
  const ModelsConfig config;
  const Result<ModelSpec> model = config.find("openai/gpt-5-mini");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->routes[0].provider, "openai");
  EXPECT_EQ(model->routes[0].upstream, "gpt-5-mini");
  EXPECT_EQ(config.provider("anthropic")->authentication, Authentication::kHeader);
  EXPECT_EQ(config.provider("ollama")->authentication, Authentication::kNone);
}

TEST(Config, AModelWithoutItsProviderIsToldWithIt) {
  const ModelsConfig config;
  EXPECT_EQ(config.find("gpt-5-mini").error().hint, "did you mean 'openai/gpt-5-mini'?");
  EXPECT_EQ(config.find("claude-haiku-4-5").error().hint,
            "did you mean 'anthropic/claude-haiku-4-5'?");
}

TEST(Config, AnUpstreamNameMayHoldSlashesAndColons) {
  const ModelsConfig config;
  EXPECT_EQ(config.find("openrouter/meta/llama:free")->routes[0].upstream, "meta/llama:free");
  EXPECT_EQ(config.find("ollama:qwen3:4b")->routes[0].upstream, "qwen3:4b");
}

TEST(Config, AProviderIsReadWhole) {
  const Read r = read(R"([providers.lab]
base_url = "http://lab:8000/v1/"
dialect = "anthropic"
key = "env:LAB"
timeout_s = 1.5
retries = 1
parallel_max = 4
headers = { X-Team = "a" }
)");
  ASSERT_TRUE(r.status) << r.status.error().message();
  const Provider* lab = r.config.provider("lab");
  ASSERT_NE(lab, nullptr);
  EXPECT_EQ(lab->base_url, "http://lab:8000/v1");
  EXPECT_EQ(lab->authentication, Authentication::kHeader);
  EXPECT_EQ(lab->timeouts.total, std::chrono::milliseconds(1500));
  EXPECT_EQ(lab->retries, 1);
  EXPECT_EQ(lab->parallel_max, 4);
  ASSERT_EQ(lab->headers.size(), 1u);
}

// TOML has no null.
TEST(Config, AMemberIsRemovedByExtraBodyAsJson) {
  const Read r = read("[providers.openai]\nextra_body = '{\"/metadata\": null, \"/a/b\": 0.10}'\n");
  ASSERT_TRUE(r.status) << r.status.error().message();
  std::string body = R"({"metadata":{"x":1},"m":1})";
  ASSERT_TRUE(edit_body(body, r.config.provider("openai")->extra_body));
  EXPECT_EQ(body, R"({"m":1,"a":{"b":0.10}})");
}

TEST(Config, GeminisOwnDialectKnowsItsAddress) {
  const Read r = read(
      "[providers.gemini]\ndialect = \"gemini\"\n[providers.mine]\ndialect = "
      "\"gemini\"\nkey = \"env:K\"\n[providers.other]\ndialect = \"gemini\"\n"
      "base_url = \"http://lab/v1beta\"\nkey = \"env:K\"\n");
  ASSERT_TRUE(r.status) << r.status.error().message();
  const std::string google = "https://generativelanguage.googleapis.com/v1beta";
  for (const char* name : {"gemini", "mine"}) {
    EXPECT_EQ(r.config.provider(name)->base_url, google);
    EXPECT_EQ(r.config.provider(name)->authentication, Authentication::kHeader);
    EXPECT_EQ(r.config.provider(name)->key_name, "x-goog-api-key");
  }
  EXPECT_EQ(r.config.provider("gemini")->key, "env:GEMINI_API_KEY");
  EXPECT_EQ(r.config.provider("other")->base_url, "http://lab/v1beta");
  EXPECT_EQ(ModelsConfig().provider("gemini")->base_url, google + "/openai");
}

TEST(Config, AzureGetsItsKeyInItsOwnHeader) {
  const Read r = read(R"([providers.a]
base_url = "https://x.openai.azure.com/openai/v1"
key = "env:K"
[providers.b]
base_url = "https://x.cognitiveservices.azure.com/openai"
key = "env:K"
api_version = "2024-10-21"
[providers.bare]
base_url = "https://x.openai.azure.com"
key = "env:K"
[providers.bare_dated]
base_url = "https://x.openai.azure.com/"
key = "env:K"
api_version = "2024-10-21"
[providers.token]
base_url = "https://x.openai.azure.com/openai/v1"
key = "env:K"
authentication = "bearer"
[providers.near]
base_url = "https://openai.azure.com.example/openai"
key = "env:K"
)");
  ASSERT_TRUE(r.status) << r.status.error().message();
  for (const char* name : {"a", "b", "bare", "bare_dated"}) {
    EXPECT_EQ(r.config.provider(name)->authentication, Authentication::kHeader) << name;
    EXPECT_EQ(r.config.provider(name)->key_name, "api-key") << name;
  }
  EXPECT_EQ(r.config.provider("bare")->base_url, "https://x.openai.azure.com/openai/v1");
  EXPECT_EQ(r.config.provider("bare_dated")->base_url, "https://x.openai.azure.com/openai");
  EXPECT_EQ(r.config.provider("token")->authentication, Authentication::kBearer);
  EXPECT_EQ(r.config.provider("near")->authentication, Authentication::kBearer);
}

TEST(Config, AnApiVersionIsAzuresWhateverTheHost) {
  Provider provider;
  provider.name = "x";
  provider.base_url = "https://apim.example.com/openai";
  EXPECT_EQ(quirks_of(provider).provider, "");
  provider.api_version = "2024-10-21";
  EXPECT_EQ(quirks_of(provider).provider, "azure");
  provider.base_url = "https://n.services.ai.azure.com/openai";
  EXPECT_TRUE(quirks_of(provider).max_completion_tokens);
  provider.base_url = "https://n.services.ai.azure.com/models";
  EXPECT_FALSE(quirks_of(provider).max_completion_tokens);
}

TEST(Config, ALocalFileIsRelativeToTheProject) {
  const Read r = read("[models.tiny]\nfile = \"models/tiny.gguf\"\nthreads = 2\n");
  ASSERT_TRUE(r.status) << r.status.error().message();
  const Result<ModelSpec> tiny = r.config.find("tiny");
  ASSERT_TRUE(tiny && tiny->local);
  EXPECT_EQ(tiny->local->path, "/project/models/tiny.gguf");
  EXPECT_EQ(tiny->local->threads, 2);
}

struct Mistake {
  const char* text;
  const char* where;
  const char* words;
};
class Mistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreToldWithTheirPlace) {
  const Read r = read(GetParam().text);
  ASSERT_FALSE(r.status);
  EXPECT_THAT(r.status.error().what, StartsWith(GetParam().where));
  EXPECT_THAT(r.status.error().message(), HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Config, Mistakes,
    ::testing::Values(
        Mistake{"[models.a]\nroutes = [\"opnai/gpt\"]\n",
                "sighter.toml:2:", "did you mean 'openai'"},
        Mistake{"[providers.a]\nbase_url = \"https://x.openai.azure.com/openai\"\nkey = "
                "\"env:K\"\n",
                "sighter.toml:1:", "needs an api_version"},
        Mistake{"[models.a]\nroutes = [\"gpt\"]\n", "sighter.toml:2:", "write provider/model"},
        Mistake{"[models.a]\nprice = { input = 1, output = 1 }\n",
                "sighter.toml:1:", "neither 'routes' nor 'file'"},
        Mistake{"[models.a]\nfile = \"a.gguf\"\nroutes = [\"openai/x\"]\n",
                "sighter.toml:3:", "both"},
        Mistake{"[models.a]\nroutes = [\"openai/x\"]\nprice = { input = -1, output = 1 }\n",
                "sighter.toml:3:", "input"},
        Mistake{"[providers.lab]\nkey = \"env:X\"\n", "sighter.toml:1:", "no base_url"},
        Mistake{"[providers.function]\nbase_url = \"http://x\"\n", "sighter.toml:1:", "'function'"},
        Mistake{"[models.\"function/a\"]\nroutes = [\"openai/x\"]\n",
                "sighter.toml:1:", "would be a function"},
        Mistake{"[providers.openai]\nkey = \"sk-123\"\n", "sighter.toml:2:", "by reference"},
        Mistake{"[providers.openai]\nbase_url = \"ftp://x\"\n", "sighter.toml:2:", "http"},
        Mistake{"[providers.anthropic]\ncompletions = true\n", "sighter.toml:2:", "speaks OpenAI"},
        Mistake{"[providers.openai]\nbase_url = \"http://me:pw@x.org/v1\"\n",
                "sighter.toml:2:", "password"},
        Mistake{"[providers.openai]\nbase_url = \"http://x.org:99999/v1\"\n",
                "sighter.toml:2:", "from 1 to 65535"},
        Mistake{"[providers.openai]\nbase_url = \"x.org/v1\"\n", "sighter.toml:2:", "http://"},
        Mistake{"[providers.openai]\nheaders = { \"x y\" = \"1\" }\n",
                "sighter.toml:2:", "name of a header"},
        Mistake{"[providers.openai]\nheaders = { \"x\" = \"1\\n2\" }\n",
                "sighter.toml:2:", "control character"},
        Mistake{"[providers.openai]\nheaders = { \"content-length\" = \"5\" }\n",
                "sighter.toml:2:", "'content-length' is set for each request by itself"},
        Mistake{"[providers.openai]\nheaders = { \"x\" = \"1\", \"Host\" = \"h\" }\n",
                "sighter.toml:2:", "'Host' is set"},
        Mistake{"[providers.openai]\nheaders = { \"transfer-encoding\" = \"chunked\" }\n",
                "sighter.toml:2:", "'transfer-encoding' is set"},
        Mistake{"[providers.openai]\nheaders = { \"accept-encoding\" = \"gzip\" }\n",
                "sighter.toml:2:", "not decompressed"},
        Mistake{"[providers.openai]\nextra_body = '{\"/a\": nul}'\n", "sighter.toml:2:14",
                "extra_body is no JSON"},
        Mistake{"[providers.openai]\nextra_body = '[]'\n", "sighter.toml:2:14", "a JSON object"},
        Mistake{"[providers.openai]\nextra_body = '\"{}\"'\n", "sighter.toml:2:14",
                "a JSON object"},
        Mistake{"[providers.openai]\nextra_body = '{\"a\": 1}'\n", "sighter.toml:2:14",
                "cannot be set"},
        Mistake{"[models.a]\nroutes = []\n", "sighter.toml:2:", "is empty"},
        Mistake{"[providers.openai]\nretrys = 2\n", "sighter.toml:2:", "retries"},
        Mistake{"[providers.openai]\nkey = [\"env:A\", \"sk-1\"]\n",
                "sighter.toml:2:", "by reference"},
        Mistake{"[providers.openai]\nkey = []\n", "sighter.toml:2:", "empty"},
        Mistake{"[providers.openai]\nbreaker = { failures = 0 }\n", "sighter.toml:2:", "failures"},
        Mistake{"[providers.openai]\nbreaker = { open_s = 9, open_max_s = 5 }\n",
                "sighter.toml:2:", "shorter than open_s"},
        Mistake{"[models.a]\nroutes = [{ route = \"opnai/x\" }]\n",
                "sighter.toml:2:", "did you mean 'openai'"},
        Mistake{"[models.a]\nroutes = [{ route = \"openai/x\", wieght = 2 }]\n",
                "sighter.toml:2:", "weight"},
        Mistake{"[models.a]\nroutes = [{ route = \"openai/x\", weight = 0 }]\n",
                "sighter.toml:2:", "weight"},
        Mistake{"[models.a]\nroutes = [\"openai/x\"]\nbalance = \"least-loaded\"\n",
                "sighter.toml:3:", "did you mean 'least_loaded'"},
        Mistake{"[models.a]\nroutes = [\"openai/x\"]\nfallback = [\"a\"]\n",
                "sighter.toml:3:", "falls back to itself"},
        Mistake{"[models.big]\nroutes = [\"openai/x\"]\n[models.a]\nroutes = "
                "[\"openai/x\"]\nfallback = [\"bigg\"]\n",
                "sighter.toml:5:", "did you mean 'big'"},
        Mistake{"[models.a]\nroutes = [\"openai/x\"]\nfallback_on = [\"rate_limit\"]\n",
                "sighter.toml:3:", "did you mean 'rate_limited'"},
        Mistake{"[models.a]\nroutes = [\"openai/x\"]\nhedge = { share = 2 }\n",
                "sighter.toml:3:", "share"}));

TEST(Config, RoutesAreNamesOrTables) {
  const Read r = read(R"([models.b]
routes = ["openai/x", "groq/y"]
[models.a]
routes = [
  { route = "openai/x", weight = 3, retries = 0, may_repeat = false },
  { route = "groq/y", first_byte_timeout_s = 2.5, timeout_s = 9 },
]
balance = "weighted"
sticky = true
hedge = { share = 0.1 }
fallback = ["b", "mistral/z"]
fallback_on = ["rate_limited", "too_large"]
)");
  ASSERT_TRUE(r.status) << r.status.error().message();
  const Result<ModelSpec> plain = r.config.find("b");
  ASSERT_TRUE(plain);
  ASSERT_EQ(plain->routes.size(), 2u);
  EXPECT_EQ(plain->routing.balance, Balance::kOrdered);
  EXPECT_FALSE(plain->routing.hedge.enabled);
  EXPECT_FALSE(plain->routing.fallback_on);
  const Result<ModelSpec> model = r.config.find("a");
  ASSERT_TRUE(model);
  ASSERT_EQ(model->routes.size(), 2u);
  EXPECT_EQ(model->routes[0].weight, 3);
  EXPECT_EQ(model->routes[0].retries, 0);
  EXPECT_FALSE(model->routes[0].may_repeat);
  EXPECT_TRUE(model->routes[1].may_repeat);
  EXPECT_EQ(model->routes[1].timeouts.first_byte, std::chrono::milliseconds(2500));
  EXPECT_EQ(model->routes[1].timeouts.total, std::chrono::seconds(9));
  EXPECT_FALSE(model->routes[1].timeouts.gap);
  const Routing& routing = model->routing;
  EXPECT_EQ(routing.balance, Balance::kWeighted);
  EXPECT_TRUE(routing.sticky);
  EXPECT_TRUE(routing.hedge.enabled);
  EXPECT_EQ(routing.hedge.share, 0.1);
  EXPECT_EQ(routing.hedge.quantile, 0.95);
  EXPECT_THAT(routing.fallback, ::testing::ElementsAre("b", "mistral/z"));
  ASSERT_TRUE(routing.fallback_on);
  EXPECT_THAT(*routing.fallback_on,
              ::testing::UnorderedElementsAre(Kind::kRateLimited, Kind::kTooLarge));
}

TEST(Config, AProviderMayHaveSeveralKeysAndABreaker) {
  const Read r = read(R"([providers.openai]
key = ["env:A", "env:B", "file:c"]
breaker = { failures = 3, open_s = 1, open_max_s = 8 }
[providers.groq]
breaker = false
)");
  ASSERT_TRUE(r.status) << r.status.error().message();
  const Provider* openai = r.config.provider("openai");
  EXPECT_EQ(openai->key, "env:A");
  EXPECT_THAT(openai->more_keys, ::testing::ElementsAre("env:B", "file:c"));
  EXPECT_TRUE(openai->breaker.enabled);
  EXPECT_EQ(openai->breaker.consecutive, 3);
  EXPECT_EQ(openai->breaker.open_first, std::chrono::seconds(1));
  EXPECT_EQ(openai->breaker.open_max, std::chrono::seconds(8));
  EXPECT_FALSE(r.config.provider("groq")->breaker.enabled);
}

TEST(Config, AKeyInAFileLosesItsLineBreak) {
  const auto path = std::filesystem::temp_directory_path() / ("key_" + std::to_string(::getpid()));
  std::ofstream(path) << "sk-abc\n";
  const Result<std::string> key = resolve_key("file:" + path.string());
  std::filesystem::remove(path);
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, "sk-abc");
}

TEST(Config, AKeyWithALineBreakInsideIsRefusedUnseen) {
  ::setenv("SIGHTER_TEST_BROKEN_KEY", "sk-abc\ndef", 1);
  const Result<std::string> key = resolve_key("env:SIGHTER_TEST_BROKEN_KEY");
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().message().find("abc"), std::string::npos);
}

TEST(Prices, ADatedNameHasThePriceOfItsModel) {
  ASSERT_TRUE(listed_price("anthropic", "claude-haiku-4-5-20251001"));
  EXPECT_EQ(listed_price("anthropic", "claude-haiku-4-5-20251001")->input, 1.0);
  EXPECT_EQ(listed_price("openai", "gpt-5-2025-08-07")->input, 1.25);
  EXPECT_EQ(listed_price("openai", "gpt-5-mini-2025-08-07")->input, 0.25);
}

TEST(Prices, AnotherModelIsNotPricedByItsBeginning) {
  EXPECT_FALSE(listed_price("openai", "gpt-5-turbo-max"));
  EXPECT_FALSE(listed_price("nobody", "gpt-5"));
}

TEST(Prices, TheTableHasADate) {
  EXPECT_EQ(price_table_date().size(), 10u);
}

TEST(Prices, CachedInputCostsItsOwnPrice) {
  wire::Usage usage;
  usage.input = 1000;
  usage.cache_read = 600;
  usage.output = 10;
  const Price price{.input = 1, .output = 10, .cache_read = 0.1, .cache_write = {}};
  EXPECT_EQ(cost_of(usage, price), NanoUsd{400'000 + 60'000 + 100'000});
}

TEST(Prices, WhatTheProviderChargedComesFirst) {
  wire::Usage usage;
  usage.input = 1000;
  usage.cost_usd = wire::Number(0.5);
  EXPECT_EQ(cost_of(usage, Price{1, 1, {}, {}}), NanoUsd{500'000'000});
}

TEST(Prices, NumbersThatNobodyCanMeanAreNotBelieved) {
  wire::Usage usage;
  usage.input = 1'000'000;
  usage.output = 200;
  EXPECT_TRUE(is_plausible(usage));
  usage.input = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(is_plausible(usage));
  usage.input = -5;
  EXPECT_FALSE(is_plausible(usage));
  usage.input = 1;
  for (const char* charged : {"-5", "1e400", "1e9"}) {
    usage.cost_usd = wire::Number(JsonNumber{charged});
    EXPECT_FALSE(is_plausible(usage)) << charged;
  }
  usage.cost_usd = wire::Number(0.25);
  EXPECT_TRUE(is_plausible(usage));
}

TEST(Purse, HoldsAndGivesBack) {
  Purse purse(NanoUsd{100});
  {
    const Result<Hold> hold = purse.reserve(NanoUsd{60});
    ASSERT_TRUE(hold);
    EXPECT_EQ(purse.held(), NanoUsd{60});
    EXPECT_FALSE(purse.reserve(NanoUsd{41}));
    EXPECT_TRUE(purse.reserve(NanoUsd{40}));
  }
  EXPECT_EQ(purse.held(), NanoUsd{});
  EXPECT_EQ(purse.spent(), NanoUsd{});
}

TEST(Purse, SettlesAtTheTrueCost) {
  Purse purse(NanoUsd{100});
  Result<Hold> hold = purse.reserve(NanoUsd{60});
  ASSERT_TRUE(hold);
  hold->settle(NanoUsd{70});
  EXPECT_EQ(purse.held(), NanoUsd{});
  EXPECT_EQ(purse.spent(), NanoUsd{70});
  EXPECT_EQ(purse.reserve(NanoUsd{31}).error().kind, Kind::kBudget);
}

TEST(ModelsConfig, FilesAreModelsOfTheProgramAndOfNoClient) {
  const Read r = read("[models.tiny]\nfile = \"tiny.gguf\"\n");
  for (const char* name : {"/etc/x.gguf", "cache:x.gguf", "cache:../../x.gguf", "x.gguf"}) {
    const auto own = r.config.find(name);
    ASSERT_TRUE(own) << name;
    EXPECT_TRUE(own->local) << name;
    const auto asked = r.config.find(name, Asker::kClient);
    ASSERT_FALSE(asked) << name;
    EXPECT_EQ(asked.error().kind, Kind::kNotFound) << name;
    EXPECT_FALSE(r.config.spec(name, Asker::kClient)) << name;
  }
  EXPECT_TRUE(r.config.find("tiny", Asker::kClient));
  EXPECT_TRUE(r.config.find("openai/x.gguf", Asker::kClient)) << "a provider's own name";
}

}  // namespace
}  // namespace sighter::models
