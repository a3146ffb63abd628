#include "base/json.hpp"

#include <gtest/gtest.h>

#include "base/json_place.hpp"
#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter {
namespace {

std::string error_of(std::string_view text) {
  const Result<Json> value = json_parse(text, "f.json");
  return value ? "no error" : value.error().what;
}

TEST(Json, KeepsNumbersAsTheyWereWritten) {
  const std::string text = R"({"a":0.70,"b":1e400,"c":123456789012345678901,"d":-0.0,"e":1E+2})";
  EXPECT_EQ(json_write(*json_parse(text)), text);
}

TEST(Json, KeepsTheOrderOfMembers) {
  const std::string text = R"({"z":1,"a":{"y":[],"b":{}},"m":null})";
  EXPECT_EQ(json_write(*json_parse(text)), text);
}

TEST(Json, KeepsStringsByteForByte) {
  const std::string text = "[\"\xE2\x80\xA8\xF0\x9F\x98\x80 \\\" \\\\ \\n \\u0001\"]";
  EXPECT_EQ(json_write(*json_parse(text)), text);
}

TEST(Json, RefusesDuplicateNames) {
  EXPECT_EQ(error_of("{\"a\":1,\n \"a\":2}"), "f.json:2:4: the member \"a\" occurs twice");
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += fmt::format("\"k{}\":0,", i);
  EXPECT_NE(error_of(many + "\"k7\":1}").find("\"k7\" occurs twice"), std::string::npos);
}

TEST(Json, NamesThePlaceOfAMistake) {
  EXPECT_EQ(error_of("{\"a\": tru}"), "f.json:1:7: unexpected 't'");
  EXPECT_EQ(error_of("{\"a\": 1,}"), "f.json:1:9: unexpected '}' (a comma too many before it?)");
  EXPECT_EQ(error_of("{'a': 1}"), "f.json:1:2: strings need double quotes");
  EXPECT_EQ(error_of("[1, 2"), "f.json:1:6: the JSON ends too early");
  EXPECT_EQ(error_of("[1] x"), "f.json:1:5: more text behind the JSON value");
  EXPECT_EQ(error_of("[1,\n\n  NaN]"), "f.json:3:3: unexpected 'N'");
  EXPECT_EQ(error_of("\"a\nb\""), "f.json:1:3: the line ends inside a string");
  EXPECT_EQ(error_of(""), "f.json:1:1: the JSON ends too early");
}

TEST(Json, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(error_of("[\"ab\xff\"]"), "f.json:1:5: bytes that are not UTF-8");
  EXPECT_NE(error_of("[\"\xed\xa0\x80\"]"), "no error");
}

// The grammar allows them, and a character cut apart by a stream is one.
TEST(Json, ReadsHalfAPairAsTheReplacementCharacter) {
  const auto read = [](std::string_view text) { return json_write(json_parse(text).value()); };
  EXPECT_EQ(read(R"(["a\ud83d"])"), "[\"a\xef\xbf\xbd\"]");
  EXPECT_EQ(read(R"(["\ude00\ud83d\u0041"])"),
            "[\"\xef\xbf\xbd\xef\xbf\xbd"
            "A\"]");
  EXPECT_EQ(read(R"(["\ud83d\ud83d\ude00"])"), "[\"\xef\xbf\xbd\xf0\x9f\x98\x80\"]");
  EXPECT_EQ(read(R"({"\ud83d":"\\ud83d"})"), "{\"\xef\xbf\xbd\":\"\\\\ud83d\"}");
  EXPECT_EQ(error_of(R"(["\ud83d", tru])"), "f.json:1:12: unexpected 't'");
  EXPECT_NE(error_of(R"(["\ud83x"])"), "no error");
}

TEST(Json, LimitsTheDepth) {
  EXPECT_TRUE(json_parse(std::string(256, '[') + std::string(256, ']')));
  EXPECT_NE(error_of(std::string(300, '[')).find("nested deeper than 256"), std::string::npos);
}

TEST(Json, SkipsAByteOrderMark) {
  EXPECT_EQ(json_write(*json_parse("\xEF\xBB\xBF[1]")), "[1]");
}

TEST(Json, ComparesByValue) {
  EXPECT_EQ(*json_parse(R"({"a":1.0,"b":[true]})"), *json_parse(R"({"b":[true],"a":10e-1})"));
  EXPECT_FALSE(*json_parse("9007199254740993") == *json_parse("9007199254740992"));
  EXPECT_FALSE(*json_parse("{\"a\":null}") == *json_parse("{\"b\":null}"));
  EXPECT_EQ(*json_parse("-0"), *json_parse("0.00e9"));
}

TEST(Json, CanonicalTextIsTheSameForEqualValues) {
  EXPECT_EQ(json_canonical(*json_parse(R"({"b":1.50,"a":[]})")),
            json_canonical(*json_parse(R"({"a":[],"b":15e-1})")));
}

TEST(Json, ReadsNumbers) {
  EXPECT_EQ(Json(JsonNumber{"1e2"}).to_int(), 100);
  EXPECT_EQ(Json(JsonNumber{"3.0"}).to_int(), 3);
  EXPECT_EQ(Json(JsonNumber{"3.5"}).to_int(), std::nullopt);
  EXPECT_EQ(Json(JsonNumber{"9223372036854775808"}).to_int(), std::nullopt);
  EXPECT_EQ(Json(JsonNumber{"-9223372036854775808"}).to_int(), INT64_MIN);
  EXPECT_EQ(Json(JsonNumber{"1e400"}).to_double(), std::nullopt);
  EXPECT_EQ(Json(JsonNumber{"1e-400"}).to_double(), 0.0);
  EXPECT_EQ(Json(0.1).number_text(), "0.1");
}

TEST(Json, FollowsPointers) {
  const Json value = *json_parse(R"({"a/b":[{"~c":7}],"":1})");
  EXPECT_EQ(value.pointer("/a~1b/0/~0c")->to_int(), 7);
  EXPECT_EQ(value.pointer("/")->to_int(), 1);
  EXPECT_EQ(value.pointer("/a~1b/1"), nullptr);
  EXPECT_EQ(value.pointer(""), &value);
}

TEST(Json, SetReplacesAtItsPlace) {
  Json value = *json_parse(R"({"a":1,"b":2})");
  value.as_object().set("a", "x");
  value.as_object().set("c", nullptr);
  EXPECT_EQ(json_write(value), R"({"a":"x","b":2,"c":null})");
}

TEST(JsonFuzz, DamagedTextIsAnErrorOrAValueThatSurvives) {
  const std::string seed = R"({"id":"x","n":[1,-2.5e3,true,null,"é😀\u00e9"],"o":{"p":{"q":[[]]}}})";
  Random random(7);
  const FuzzRounds fuzz(20000);
  for (int round = 0; fuzz.has(round); ++round) {
    std::string text = seed;
    for (std::uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) {
      const std::size_t at = random.below(text.size());
      if (random.below(3) == 0)
        text.erase(at, 1 + random.below(5));
      else if (random.below(2) == 0)
        text[at] = static_cast<char>(random.below(256));
      else
        text.insert(at, 1, "{}[],:\"\\e.-0"[random.below(12)]);
      if (text.empty()) text = " ";
    }
    const Result<Json> value = json_parse(text);
    if (!value) continue;
    const Result<Json> again = json_parse(json_write(*value));
    ASSERT_TRUE(again) << text;
    ASSERT_EQ(*value, *again) << text;
  }
}

TEST(Json, SaysWhatToDoAboutEachMistake) {
  for (const std::string& text :
       {std::string("{\"a\": "), std::string("[1, ]"), std::string("{'a': 1}"), std::string("1 2"),
        std::string("\"a\nb\""), std::string("\"a\0b\"", 5), std::string("\"\xff\""),
        std::string("nope"), std::string("{\"a\":1,\"a\":2}"), std::string(5000, '[')}) {
    const Result<Json> value = json_parse(text, "f.json");
    ASSERT_FALSE(value) << text;
    EXPECT_FALSE(value.error().hint.empty()) << value.error().what;
  }
}

TEST(JsonPlace, AStepOfAPointerIsUnescaped) {
  EXPECT_EQ(pointer_step("a~1b~0c"), "a/b~c");
  EXPECT_EQ(pointer_step("~01"), "~1");
  EXPECT_EQ(pointer_step("~2~"), "~2~");
}

struct Place {
  const char* pointer;
  JsonPart part;
  const char* position;
};

class JsonPlace : public ::testing::TestWithParam<Place> {};

TEST_P(JsonPlace, IsWhereTheValueStands) {
  const std::string text =
      "\xEF\xBB\xBF{ \"a\" : [1, {\"b/c\": \"}\"}, 3],\n  \"\\u00e9\": {\"x~y\": -2}, \"e\": {}}\n";
  ASSERT_TRUE(json_parse(text));
  EXPECT_EQ(at("f", json_position(text, GetParam().pointer, GetParam().part)), GetParam().position);
}

INSTANTIATE_TEST_SUITE_P(Pointers, JsonPlace,
                         ::testing::Values(Place{"", JsonPart::kValue, "f:1:1"},
                                           Place{"/a", JsonPart::kName, "f:1:3"},
                                           Place{"/a", JsonPart::kValue, "f:1:9"},
                                           Place{"/a/0", JsonPart::kName, "f:1:10"},
                                           Place{"/a/1/b~1c", JsonPart::kValue, "f:1:21"},
                                           Place{"/a/2", JsonPart::kValue, "f:1:27"},
                                           Place{"/\u00e9/x~0y", JsonPart::kName, "f:2:14"},
                                           Place{"/\u00e9/x~0y", JsonPart::kValue, "f:2:21"},
                                           Place{"/e/none", JsonPart::kName, "f:2:26"},
                                           Place{"/none", JsonPart::kValue, "f:1:1"}));

}  // namespace
}  // namespace sighter
