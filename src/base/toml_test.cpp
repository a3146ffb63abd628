#include "base/toml.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter {
namespace {

std::unique_ptr<TomlDocument> parsed(std::string_view text) {
  auto document = toml_parse(text, "s.toml");
  EXPECT_TRUE(document) << document.error().what;
  return std::move(*document);
}

TEST(Toml, ReadsEveryType) {
  const auto document =
      parsed("s = 'x'\ni = 3\nf = 0.5\nb = true\nl = ['a', 'b']\n[t]\nk = 1979-05-27\n");
  const TomlTable root = document->root();
  EXPECT_EQ(root.string("s"), "x");
  EXPECT_EQ(root.integer("i", 0, 9), 3);
  EXPECT_EQ(root.number("f", 0, 1), 0.5);
  EXPECT_EQ(root.number("i", 0, 9), 3.0);
  EXPECT_EQ(root.boolean("b"), true);
  EXPECT_EQ(root.strings("l"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(root.table("t").json("k")->as_string(), "1979-05-27");
  EXPECT_TRUE(document->finish());
}

TEST(Toml, NanIsNoNumberOfJson) {
  const auto document = parsed("a = { x = nan }\nb = [1.5, inf]\nc = { x = 1.5 }\n");
  EXPECT_FALSE(document->root().json("a"));
  EXPECT_FALSE(document->root().json("b"));
  EXPECT_TRUE(document->root().json("c"));
  const Status read = document->finish();
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find(":1:5: 'a' holds nan"), std::string::npos)
      << read.error().message();
}

TEST(Toml, KeepsTheOrderOfTheFile) {
  const auto document = parsed("[variants.z]\n[variants.a]\n[variants.m]\n");
  EXPECT_EQ(document->root().table("variants").keys(), (std::vector<std::string>{"z", "a", "m"}));
}

TEST(Toml, AnAbsentTableReadsAsAnEmptyOne) {
  const auto document = parsed("");
  const TomlTable serve = document->root().table("serve");
  EXPECT_FALSE(serve.present());
  EXPECT_EQ(serve.string("listen", "default"), "default");
  EXPECT_TRUE(document->finish());
}

TEST(Toml, SuggestsTheKeyThatWasMeant) {
  const auto document = parsed("[serve]\nlsten = 'x'\n");
  document->root().table("serve").string("listen");
  const Status status = document->finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "s.toml:2:1: unknown key 'lsten'\n  did you mean 'listen'?");
}

TEST(Toml, NamesTheWrongType) {
  const auto document = parsed("\nport = 'x'\n");
  EXPECT_EQ(document->root().integer("port", 1, 65535), std::nullopt);
  EXPECT_EQ(document->finish().error().what, "s.toml:2:8: 'port' must be an integer, not a string");
}

TEST(Toml, NamesWhatIsOutOfRange) {
  const auto document = parsed("at_least = 90\n");
  document->root().number("at_least", 0, 1);
  EXPECT_EQ(document->finish().error().what, "s.toml:1:12: 'at_least' must be from 0 to 1, not 90");
}

TEST(Toml, NamesTheWordThatWasMeant) {
  const auto document = parsed("kind = 'promt'\n");
  document->root().word("kind", {"code", "learned", "prompt"});
  EXPECT_EQ(document->finish().error().message(),
            "s.toml:1:8: 'kind' cannot be 'promt'\n  did you mean 'prompt'?");
}

TEST(Toml, TellsTheFirstMistakeOfTheFile) {
  const auto document = parsed("a = 1\nb = 2\n");
  document->root().string("b");
  document->root().string("a");
  EXPECT_EQ(document->finish().error().what, "s.toml:1:5: 'a' must be a string, not an integer");
}

TEST(Toml, NamesThePlaceOfASyntaxError) {
  const auto document = toml_parse("a = 1\nb = = 2\n", "s.toml");
  ASSERT_FALSE(document);
  EXPECT_TRUE(document.error().what.starts_with("s.toml:2:5: ")) << document.error().what;
}

TEST(Toml, LettersBeyondAsciiOutsideOfStringsAreMistakesOrComments) {
  EXPECT_FALSE(toml_parse("\xC3\xA9 = 1\n", "s.toml"));
  EXPECT_FALSE(toml_parse("a\xC3\xA9 = 1\n", "s.toml"));
  EXPECT_EQ(parsed("a = 'x' # \xC3\xA9\n")->root().string("a"), "x");
}

TEST(TomlFuzz, DamagedTextIsAnErrorOrADocument) {
  const std::string seed = "[a.b]\nc = \"x\" # y\nd = [1, 2.5, {e = true}]\n[[f]]\ng = '''h'''\n";
  Random random(11);
  const FuzzRounds fuzz(5000);
  for (int round = 0; fuzz.has(round); ++round) {
    std::string text = seed;
    for (std::uint64_t i = 0, n = 1 + random.below(3); i < n && !text.empty(); ++i) {
      const std::size_t at = random.below(text.size());
      if (random.below(2) == 0)
        text.erase(at, 1 + random.below(4));
      else
        text[at] = static_cast<char>(random.below(256));
    }
    const auto document = toml_parse(text, "s.toml");
    if (document) continue;
    EXPECT_TRUE(document.error().what.starts_with("s.toml:")) << document.error().what;
  }
}

}  // namespace
}  // namespace sighter
