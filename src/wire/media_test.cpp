// Media as URLs: what they are, whoever wrote them.

#include "wire/media.hpp"

#include <gtest/gtest.h>

#include "wire/codec.hpp"

namespace sighter::wire {
namespace {

Media read(std::string url) {
  Media media;
  set_url(media, std::move(url));
  return media;
}

TEST(Media, DataUrlsInEachLegalForm) {
  struct Case {
    std::string_view url;
    std::string_view type;
    std::string_view data;
  };
  const Case cases[] = {
      {"data:image/png;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="},
      {"data:image/png;charset=utf-8;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="},
      {"DATA:IMAGE/PNG;BASE64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="},
      {"data:;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="},
      {"data:;base64,/9j/AAAA", "image/jpeg", "/9j/AAAA"},
      {"data:image/jpg;base64,/9j/AAAA", "image/jpeg", "/9j/AAAA"},
      {"data:image/png;base64,iVBORw0KGgo%3D", "image/png", "iVBORw0KGgo="},
      {"data:text/plain,a%20b%zz", "text/plain", "YSBiJXp6"},
      {"data:,a", "text/plain", "YQ=="},
      {"data:text/plain;charset=UTF-8;base64,YQ==", "text/plain", "YQ=="},
  };
  for (const Case& one : cases) {
    const Media media = read(std::string(one.url));
    EXPECT_EQ(media.media_type, one.type) << one.url;
    EXPECT_EQ(media.data, one.data) << one.url;
    EXPECT_EQ(media.url, "") << one.url;
  }
  for (const std::string_view url :
       {"https://x.example/a.png", "data:image/png;base64", "data:text/plain;charset=latin1,a", ""})
    EXPECT_EQ(read(std::string(url)).url, url);
  EXPECT_EQ(url_of(read("data:image/png;base64,AAAA")), "data:image/png;base64,AAAA");
}

Result<Encoded> to_gemini(std::string_view url) {
  const Json body =
      json_parse(
          fmt::format(
              R"({{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{}"}}}}]}}]}})",
              url))
          .value();
  return codec_of(Dialect::kGemini)
      ->encode_request(codec_of(Dialect::kOpenAiChat)->decode_request(body).value(), {});
}

TEST(Media, WhatAnAddressDoesNotSayIsGuessedAloud) {
  const Encoded guessed = to_gemini("https://x.example/photo?id=1").value();
  EXPECT_NE(guessed.body.find("image/jpeg"), std::string::npos) << guessed.body;
  EXPECT_EQ(guessed.approximated, std::vector<std::string>{"messages.content.media_type"});
  const Encoded said = to_gemini("https://x.example/a.PNG#top").value();
  EXPECT_NE(said.body.find("image/png"), std::string::npos) << said.body;
  EXPECT_TRUE(said.approximated.empty());
}

}  // namespace
}  // namespace sighter::wire
