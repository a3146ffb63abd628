#include "local/gguf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter::local {
namespace {

using ::testing::HasSubstr;

template <class T>
std::string bytes(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}
std::string text(const std::string& value) {
  return bytes<std::uint64_t>(value.size()) + value;
}

// Three pairs and one F16 tensor of 8 x 4 values: 64 bytes of data behind the aligned description.
std::string small_file() {
  std::string out =
      "GGUF" + bytes<std::uint32_t>(3) + bytes<std::uint64_t>(1) + bytes<std::uint64_t>(4);
  out += text("general.architecture") + bytes<std::uint32_t>(8) + text("toy");
  out += text("toy.context_length") + bytes<std::uint32_t>(4) + bytes<std::uint32_t>(512);
  out += text("toy.epsilon") + bytes<std::uint32_t>(6) + bytes<float>(0.5f);
  out += text("tokens") + bytes<std::uint32_t>(9) + bytes<std::uint32_t>(8) +
         bytes<std::uint64_t>(2) + text("a") + text("bc");
  out += text("weight") + bytes<std::uint32_t>(2) + bytes<std::uint64_t>(8) +
         bytes<std::uint64_t>(4) + bytes<std::uint32_t>(1) + bytes<std::uint64_t>(0);
  out.resize((out.size() + 31) / 32 * 32);
  return out + std::string(64, 'w');
}

class Gguf : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  Result<GgufHeader> read(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
    return read_gguf_header(path_);
  }

  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("gguf_test_" + std::to_string(getpid()) + ".gguf");
};

TEST_F(Gguf, ReadsTheDescription) {
  const auto header = read(small_file());
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(header->string("general.architecture"), "toy");
  EXPECT_EQ(header->integer("toy.context_length"), 512);
  EXPECT_EQ(header->integer("toy.none"), std::nullopt);
  EXPECT_EQ(header->tensors, 1);
}

TEST_F(Gguf, EveryCutIsNoticed) {
  const std::string whole = small_file();
  for (std::size_t length = 4; length < whole.size(); ++length) {
    const auto header = read(whole.substr(0, length));
    ASSERT_FALSE(header) << length;
    EXPECT_THAT(header.error().what, HasSubstr("is cut short")) << length;
  }
}

TEST_F(Gguf, ACutSaysByHowMuch) {
  const std::string whole = small_file();
  EXPECT_THAT(read(whole.substr(0, whole.size() - 10)).error().what,
              HasSubstr("has " + std::to_string(whole.size() - 10) +
                        " bytes, its description needs " + std::to_string(whole.size())));
}

TEST_F(Gguf, OtherFilesAreNamedAsSuch) {
  EXPECT_THAT(read("PK\3\4 something else").error().what, HasSubstr("is not a GGUF file"));
  EXPECT_THAT(read("").error().what, HasSubstr("is not a GGUF file"));
}

TEST_F(Gguf, AnUnknownVersionIsNamed) {
  std::string content = small_file();
  content[4] = 9;
  EXPECT_THAT(read(content).error().what, HasSubstr("GGUF version 9"));
}

TEST_F(Gguf, AFolderIsNamedAsSuch) {
  EXPECT_THAT(read_gguf_header(std::filesystem::temp_directory_path()).error().what,
              HasSubstr("is a folder"));
}

TEST_F(Gguf, AbsurdLengthsAreDamage) {
  std::string content = small_file();
  std::memset(content.data() + 24, 0xff, 8);  // length of the first key
  EXPECT_THAT(read(content).error().what, HasSubstr("is damaged"));
}

TEST_F(Gguf, MutatedFilesNeverHangOrCrash) {
  const std::string whole = small_file();
  Random random(11);
  int refused = 0;
  const FuzzRounds fuzz(600);
  for (int i = 0; fuzz.has(i); ++i) {
    std::string content = whole;
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n)
      content[random.below(content.size() - 64)] = static_cast<char>(random.below(256));
    refused += !read(content);
  }
  EXPECT_GT(refused, 120);
}

}  // namespace
}  // namespace sighter::local
