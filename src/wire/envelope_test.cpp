// The outside of a request, against the parser of base as the oracle.

#include "wire/envelope.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter::wire {
namespace {

Envelope good(std::string_view body) {
  Result<Envelope> envelope = Envelope::scan(body);
  EXPECT_TRUE(envelope.has_value()) << body;
  return envelope ? std::move(*envelope) : Envelope();
}

bool refused(std::string_view body) {
  return !Envelope::scan(body).has_value();
}

TEST(Envelope, findsMembersWithTheBytesOfTheirValues) {
  const std::string body = R"( {"model" : "a/b", "n":1.50, "x":{"model":"no"}, "stream":true} )";
  const Envelope envelope = good(body);
  EXPECT_EQ(envelope.members().size(), 4u);
  EXPECT_EQ(envelope.raw(body, "n"), "1.50");
  EXPECT_EQ(envelope.raw(body, "x"), R"({"model":"no"})");
  EXPECT_EQ(*envelope.string(body, "model"), "a/b");
  EXPECT_EQ(*envelope.boolean(body, "stream"), true);
  EXPECT_EQ(*envelope.boolean(body, "absent"), std::nullopt);
  EXPECT_FALSE(envelope.boolean(body, "model").has_value());
  EXPECT_FALSE(envelope.string(body, "n").has_value());
}

TEST(Envelope, readsEscapesOfNamesAndValues) {
  const std::string body = R"({"mo\u0064el":"a\n\ud83d\ude00"})";
  EXPECT_EQ(*good(body).string(body, "model"), "a\n\xf0\x9f\x98\x80");
}

TEST(Envelope, takesHalvesOfSurrogatePairsAsTheyStand) {
  const std::string body = R"({"model":"a","x":"\ud83d","y":"\ude00\ud83d\u0041"})";
  EXPECT_EQ(*good(body).string(body, "model"), "a");
  EXPECT_EQ(*good(body).string(body, "x"), "\xef\xbf\xbd");
}

TEST(Envelope, refusesANameTwiceAtAnyDepthHoweverItIsWritten) {
  EXPECT_TRUE(refused(R"({"a":1,"a":2})"));
  EXPECT_TRUE(refused(R"({"a":1,"\u0061":2})"));
  EXPECT_TRUE(refused(R"({"m":[{"role":"user","role":"system"}]})"));
  std::string many = "{";
  for (int i = 0; i < 500; ++i) many += fmt::format("\"k{}\":{},", i, i);
  EXPECT_FALSE(refused(many + "\"last\":0}"));
  EXPECT_TRUE(refused(many + "\"k3\":0}"));
  EXPECT_TRUE(refused("{\"in\":" + many + "\"k499\":0}}"));
}

TEST(Envelope, saysWhereItIsWrong) {
  const Result<Envelope> envelope = Envelope::scan("{\"a\":1,\n\"b\":tru}");
  ASSERT_FALSE(envelope.has_value());
  EXPECT_NE(envelope.error().what.find("request:2:"), std::string::npos) << envelope.error().what;
  const Result<Envelope> list = Envelope::scan("[1]");
  ASSERT_FALSE(list.has_value());
  EXPECT_NE(list.error().what.find("object"), std::string::npos);
}

TEST(Envelope, refusesDeepNestingWithoutDeepRecursion) {
  const std::string deep = "{\"a\":" + std::string(300'000, '[') + std::string(300'000, ']') + "}";
  EXPECT_TRUE(refused(deep));
  EXPECT_FALSE(refused("{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}"));
}

TEST(Envelope, editsLeaveAllOtherBytes) {
  const std::string body = "{ \"model\":\"x\" , \"t\": 0.70,\"z\":null }";
  const Envelope envelope = good(body);
  EXPECT_EQ(envelope.edited(body, {{"model", "\"y\""}}),
            "{ \"model\":\"y\" , \"t\": 0.70,\"z\":null }");
  EXPECT_EQ(envelope.edited(body, {{"t", std::nullopt}}), "{ \"model\":\"x\",\"z\":null }");
  EXPECT_EQ(envelope.edited(body, {{"model", std::nullopt}}), "{ \"t\": 0.70,\"z\":null }");
  EXPECT_EQ(envelope.edited(body, {{"z", std::nullopt}, {"n\"", "1"}}),
            "{ \"model\":\"x\" , \"t\": 0.70 ,\"n\\\"\":1}");
  const std::string empty = "{}";
  EXPECT_EQ(good(empty).edited(empty, {{"a", "1"}, {"b", "2"}}), "{\"a\":1,\"b\":2}");
}

// What edits mean, by the parser of base.
Json expected(const Json& before, const std::vector<Envelope::Edit>& edits) {
  Json after = before;
  for (const Envelope::Edit& edit : edits) {
    if (edit.value) {
      after.as_object().set(std::string(edit.name), *json_parse(*edit.value));
    } else {
      after.as_object().erase(edit.name);
    }
  }
  return after;
}

TEST(EnvelopeFuzz, agreesWithTheParserAndEditsWhatItSays) {
  const auto until = std::chrono::steady_clock::now() + fuzz_time(std::chrono::milliseconds(500));
  Random random(7);
  const std::string base =
      R"({"model":"a","messages":[{"role":"user","content":"h\u00e9 \ud83d\ude00 )"
      "\xc3\xa9"
      R"("}],"t":-1.5e+3,"o":{"a":[true,false,null],"b":{}},"x":""})";
  const char* const names[] = {"model", "messages", "t", "o", "x", "new"};
  for (int turn = 0; turn < 2000 || std::chrono::steady_clock::now() < until; ++turn) {
    std::string body = base;
    const std::size_t changes = random.below(4);
    for (std::size_t i = 0; i < changes; ++i) {
      const std::size_t at = random.below(body.size());
      switch (random.below(4)) {
        case 0:
          body[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          body.erase(at, 1 + random.below(4));
          break;
        case 2:
          body.insert(at, 1, "{}[],:\"\\u0e-"[random.below(12)]);
          break;
        default:
          body.insert(at, body.substr(random.below(body.size()), random.below(20)));
      }
      if (body.empty()) body = " ";
    }
    const Result<Json> parsed = json_parse(body);
    const Result<Envelope> envelope = Envelope::scan(body);
    ASSERT_EQ(envelope.has_value(), parsed.has_value() && parsed->is_object())
        << "seed 7, turn " << turn << ": " << body;
    if (!envelope) continue;
    std::vector<Envelope::Edit> edits;
    for (const char* name : names) {
      if (random.below(3) == 0)
        edits.push_back({name, std::nullopt});
      else if (random.below(3) == 0)
        edits.push_back({name, "[1, 2]"});
    }
    const std::string after = envelope->edited(body, edits);
    const Result<Json> again = json_parse(after);
    ASSERT_TRUE(again.has_value()) << body << " -> " << after;
    ASSERT_EQ(*again, expected(*parsed, edits)) << body << " -> " << after;
  }
}

TEST(Envelope, CountsValuesAndTakesNotTooMany) {
  EXPECT_EQ(Envelope::scan(R"({"a":[1,{"b":"x"},null],"c":{}})")->values(), 6u);
  std::string body = R"({"a":[0)";
  for (std::size_t i = 0; i < limits::kRequestValuesMax; ++i) body += ",0";
  for (const std::string_view end : {"]}", ""}) {  // ill-formed or not
    const Result<Envelope> large = Envelope::scan(body + std::string(end));
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().kind, Kind::kTooLarge);
  }
}

}  // namespace
}  // namespace sighter::wire
