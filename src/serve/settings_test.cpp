#include "serve/settings.hpp"

#include <gtest/gtest.h>

namespace sighter::serve {
namespace {

Result<Settings> read(std::string_view json) {
  return read_settings(*json_parse(json), "/project");
}

TEST(Settings, AreLoopbackWithoutAnyFile) {
  const auto settings = read_settings(Json(), "");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->listen.text(), "127.0.0.1:7777");
  EXPECT_TRUE(settings->listen.is_loopback());
  EXPECT_EQ(settings->ops_listen->text(), "127.0.0.1:7778");
}

TEST(Settings, ReadsWhatIsWritten) {
  const auto settings = read(R"({"listen": "[::1]:80", "ops_listen": "off", "key": "env:K",
    "origins": ["https://a"], "record": "metadata", "certificate": "c.pem",
    "certificate_key": "/k.pem", "grace_s": 0})");
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->listen.text(), "[::1]:80");
  EXPECT_FALSE(settings->ops_listen);
  EXPECT_EQ(settings->key, "env:K");
  EXPECT_EQ(settings->origins.size(), 1u);
  EXPECT_EQ(settings->record, functions::RecordLevel::kMetadata);
  EXPECT_EQ(settings->certificate, "/project/c.pem");
  EXPECT_EQ(settings->certificate_key, "/k.pem");
  EXPECT_EQ(settings->grace.count(), 0);
}

TEST(Settings, RefusesWhatItDoesNotUnderstand) {
  for (const char* text :
       {R"({"listen": 1})", R"({"listen": "7777"})", R"({"listen": "::1:80"})",
        R"({"listen": "a:99999"})", R"({"key": "sk-secret"})", R"({"record": "all"})",
        R"({"origins": "x"})", R"({"certificate": "c.pem"})", R"({"grace_s": -1})",
        R"({"in_flight_max": 0})", R"({"lissten": "127.0.0.1:1"})", "[]"}) {
    const auto settings = read(text);
    ASSERT_FALSE(settings) << text;
    EXPECT_EQ(settings.error().kind, Kind::kInvalid) << text;
    EXPECT_EQ(settings.error().message().find("sk-secret"), std::string::npos);
  }
}

TEST(Settings, ANameThatMayBeDroppedIsSpelledRight) {
  for (const char* text :
       {R"({"allow_drop": ["*", "logit_bias", "top_k", "a_parameter_of_some_provider"]})",
        R"({"allow_drop": ["messages.content.custom_tool_call", "messages.content.empty"]})",
        R"({"allow_drop": ["tools.custom", "prompt_cache_options", "reasoning.effort"]})",
        R"({"allow_drop": ["prompt_cache_retention", "safety_identifier", "user", "audio"]})",
        R"({"allow_drop": []})"})
    EXPECT_TRUE(read(text)) << text;
  const auto settings = read(R"({"allow_drop": ["logit_bais"]})");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().hint, "did you mean 'logit_bias'?");
}

TEST(Settings, AnOriginIsWrittenAsBrowsersSendIt) {
  EXPECT_TRUE(read(R"({"origins": ["*", "null", "https://a.example", "http://localhost:3000",
    "http://[::1]:8080", "chrome-extension://abcdef"]})"));
  for (const auto& [origin, hint] : {std::pair("https://x/path", "write \"https://x\""),
                                     {"https://x/", "write \"https://x\""},
                                     {"HTTPS://X.Example:8443", "write \"https://x.example:8443\""},
                                     {"https://x:443", "write \"https://x\""},
                                     {"app.example", "scheme, host and port alone"},
                                     {"localhost:3000", "scheme, host and port alone"},
                                     {"https://*.example", "scheme, host and port alone"},
                                     {"https://", "scheme, host and port alone"},
                                     {"https://me@x", "scheme, host and port alone"},
                                     {"", "scheme, host and port alone"}}) {
    const auto settings = read(json_write(Json::object({{"origins", Json::array({origin})}})));
    ASSERT_FALSE(settings) << origin;
    EXPECT_EQ(settings.error().kind, Kind::kInvalid);
    EXPECT_TRUE(settings.error().what.contains("[serve] origins")) << settings.error().what;
    EXPECT_TRUE(settings.error().hint.contains(hint)) << settings.error().hint;
  }
}

TEST(Settings, TheSecondPortMayBeOff) {
  EXPECT_FALSE(*parse_ops_address("off"));
  EXPECT_EQ((*parse_ops_address("127.0.0.1:0"))->port, 0);
  EXPECT_FALSE(parse_ops_address("of"));
}

TEST(Settings, KnowsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"})
    EXPECT_TRUE(parse_address(text)->is_loopback()) << text;
  for (const char* text : {":1", "0.0.0.0:1", "[::]:1", "10.0.0.1:1"})
    EXPECT_FALSE(parse_address(text)->is_loopback()) << text;
}

}  // namespace
}  // namespace sighter::serve
