#include "serve/routes.hpp"

#include <gtest/gtest.h>

#include "serve/multipart.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

std::string_view found(std::string_view method, std::string_view path) {
  const Match match = find_route(method, path);
  return match.route == nullptr ? "" : match.route->path;
}

TEST(Routes, AreFoundWithAndWithoutTheVersion) {
  EXPECT_EQ(found("POST", "/v1/chat/completions"), "/v1/chat/completions");
  EXPECT_EQ(found("POST", "/chat/completions"), "/v1/chat/completions");
  EXPECT_EQ(found("POST", "/messages"), "/v1/messages");
  EXPECT_EQ(found("GET", "/healthz"), "/healthz");
  EXPECT_EQ(found("GET", "/v1/healthz"), "");
}

TEST(Routes, KnowAPathWhoseMethodIsWrong) {
  const Match match = find_route("GET", "/v1/chat/completions");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_TRUE(match.path_known);
  EXPECT_FALSE(find_route("GET", "/v1/nothing").path_known);
}

TEST(Routes, SayWhichMethodsAPathTakes) {
  EXPECT_EQ(methods_of("/v1/chat/completions"), "POST");
  EXPECT_EQ(methods_of("/responses/resp_1"), "GET, HEAD, DELETE");
  EXPECT_EQ(methods_of("/v1/files"), "GET, HEAD, POST");
}

TEST(Routes, TakeNamesWithSlashesAndEscapes) {
  EXPECT_EQ(find_route("GET", "/v1/models/openai/gpt-5-mini").value, "openai/gpt-5-mini");
  EXPECT_EQ(find_route("GET", "/v1/models/openai%2Fgpt-5-mini").value, "openai/gpt-5-mini");
  EXPECT_EQ(find_route("GET", "/v1/models/a%20b").value, "a b");
}

TEST(Routes, HaveNoTricksWithPaths) {
  for (const char* path :
       {"/v1/../v1/models", "//v1/models", "/v1/models/", "/v1/./models", "/v1/models/%00",
        "/v1/models/%2e%2e", "/v1/models/..%2fx", "/v1/models/%zz", "/v1/models/%f",
        "/v1/models/%ff", "", "v1/models", "*"})
    EXPECT_EQ(found("GET", path), "") << path;
}

TEST(Form, AFieldIsFoundWhereverItStands) {
  const std::string_view type = "multipart/form-data; boundary=\"x\"";
  const std::string body =
      "preamble\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n"
      "content-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x--";
  const auto found = find_form_field(type, body, "model");
  ASSERT_TRUE(found);
  EXPECT_EQ(body.substr(found->begin, found->end - found->begin), "m");
  EXPECT_FALSE(find_form_field(type, body, "b"));
  EXPECT_FALSE(find_form_field("multipart/form-data", body, "model"));
  for (std::size_t size = 0; size + 5 < body.size(); ++size)
    EXPECT_FALSE(find_form_field(type, std::string_view(body).substr(0, size), "model")) << size;
}

TEST(Form, ANameIsQuotedOrNot) {
  const auto value = [](const std::string& parameters) -> std::string {
    const std::string body = "--x\r\nContent-Type: text/plain\r\nContent-Disposition: form-data" +
                             parameters + "\r\n\r\nm\r\n--x--";
    const auto found = find_form_field("multipart/form-data; boundary=x", body, "model");
    return found ? body.substr(found->begin, found->end - found->begin) : "none";
  };
  for (const char* right :
       {"; name=model", ";name=\"model\"", "; Name = model ", "; a=\"b;\\\"c\"; name=model"})
    EXPECT_EQ(value(right), "m") << right;
  for (const char* other :
       {"; name=models", "; filename=model", "; a=\"; name=model\"", "; x-name=model",
        "; name=model; filename=\"a\"", "; name=model; filename*=UTF-8''a", ""})
    EXPECT_EQ(value(other), "none") << other;
}

TEST(Query, ValuesAreDecoded) {
  EXPECT_EQ(query_value("a=1&limit=10", "limit"), "10");
  EXPECT_EQ(query_value("name=a+b%26c", "name"), "a b&c");
  EXPECT_EQ(query_value("name", "name"), "");
  EXPECT_EQ(query_value("names=1", "name"), std::nullopt);
  EXPECT_EQ(query_value("name=%0a", "name"), std::nullopt);
}

}  // namespace
}  // namespace sighter::serve
