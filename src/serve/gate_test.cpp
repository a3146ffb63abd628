#include "serve/gate.hpp"

#include <gtest/gtest.h>

namespace sighter::serve {
namespace {

std::optional<Kind> kind(const io::Headers& headers, std::string_view key = "",
                         const Settings& settings = {}, bool open = false, bool loopback = true) {
  const std::optional<Error> error = refusal(headers, settings, {key, loopback, open});
  return error ? std::optional(error->kind) : std::nullopt;
}

TEST(Gate, WhileOpenOnlyTheMachinesOwnNamesAreHosts) {
  for (const char* host : {"127.0.0.1:7777", "localhost:7777", "LOCALHOST", "[::1]:7777",
                           "127.0.0.9", "app.localhost:1"})
    EXPECT_EQ(kind({{"Host", host}}), std::nullopt) << host;
  for (const char* host : {"evil.example", "evil.example:7777", "127.0.0.1.evil.example",
                           "localhost.evil.example", "127.evil", ""})
    EXPECT_EQ(kind({{"Host", host}}), Kind::kForbidden) << host;
}

TEST(Gate, PagesOfOtherOriginsAreRefusedAlsoWithTheRightKey) {
  EXPECT_EQ(kind({{"Host", "localhost:7777"}, {"Origin", "https://evil.example"}}),
            Kind::kForbidden);
  EXPECT_EQ(kind({{"Host", "localhost:7777"}, {"Origin", "null"}}), Kind::kForbidden);
  EXPECT_EQ(kind({{"Origin", "https://evil.example"}, {"x-api-key", "k"}}, "k"), Kind::kForbidden);
  EXPECT_EQ(kind({{"Host", "localhost:7777"}, {"Origin", "http://localhost:7777"}}), std::nullopt);
}

TEST(Gate, OriginsOfTheSettingsMayReadTheAnswer) {
  Settings settings;
  settings.origins = {"https://good.example"};
  const io::Headers good{{"Host", "localhost"}, {"Origin", "https://good.example"}};
  EXPECT_EQ(kind(good, "", settings), std::nullopt);
  io::Headers answer;
  add_cors(good, settings, answer);
  EXPECT_EQ(answer.get("access-control-allow-origin"), "https://good.example");
  io::Headers none;
  add_cors({{"Origin", "https://evil.example"}}, settings, none);
  EXPECT_TRUE(none.empty());
}

TEST(Gate, TheKeyIsTakenWhereSdksPutIt) {
  EXPECT_EQ(kind({{"Authorization", "Bearer k"}}, "k"), std::nullopt);
  EXPECT_EQ(kind({{"authorization", "bearer k"}}, "k"), std::nullopt);
  EXPECT_EQ(kind({{"x-api-key", "k"}}, "k"), std::nullopt);
  EXPECT_EQ(kind({{"api-key", "k"}}, "k"), std::nullopt);
  EXPECT_EQ(kind({{"Authorization", "Bearer old"}, {"x-api-key", "k"}}, "k"), std::nullopt);
  EXPECT_EQ(kind({{"Authorization", "Bearer k"}, {"x-api-key", "old"}}, "k"), std::nullopt);
  EXPECT_EQ(kind({{"Authorization", "Bearer old"}, {"x-api-key", ""}}, "k"), Kind::kUnauthorized);
  EXPECT_EQ(kind({}, "k"), Kind::kUnauthorized);
  EXPECT_EQ(kind({{"Authorization", "Bearer kk"}}, "k"), Kind::kUnauthorized);
  EXPECT_EQ(kind({{"Authorization", "Basic k"}}, "k"), Kind::kUnauthorized);
  EXPECT_EQ(kind({{"Host", "evil.example"}, {"x-api-key", "k"}}, "k"), std::nullopt);
}

TEST(Gate, AnOpenRouteAsksForNoKeyAndBehindAKeyAnyHostWillDo) {
  EXPECT_EQ(kind({{"Host", "gateway.example"}}, "k", {}, true), std::nullopt);
  EXPECT_EQ(kind({{"Host", "gateway.example"}}, "", {}, true), Kind::kForbidden);
  EXPECT_EQ(kind({{"Host", "gateway.example"}}, "", {}, true, false), std::nullopt);
  EXPECT_EQ(kind({{"Origin", "https://evil.example"}}, "k", {}, true), Kind::kForbidden);
}

}  // namespace
}  // namespace sighter::serve
