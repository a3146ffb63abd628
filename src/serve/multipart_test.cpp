#include "serve/multipart.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter::serve {
namespace {

const std::vector<std::string> kSeeds = {
    "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\nx\r\n--b\r\n"
    "Content-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--b--\r\n",
    "preamble\r\n--b\r\ncontent-disposition: form-data; name=\"model\"\r\nX: y\r\n\r\n\r\n--b--",
    "--b\r\n\r\n--b\r\n\r\n--b--"};
const std::vector<std::string> kPieces = {"\r\n",
                                          "\r\n\r\n",
                                          "--b",
                                          "--b--",
                                          "\r\n--b\r\n",
                                          "\n",
                                          "--",
                                          "b",
                                          "\"",
                                          " name=\"model\"",
                                          ";",
                                          ":",
                                          "Content-Disposition: form-data; name=\"model\"\r\n\r\n",
                                          std::string(1, '\0'),
                                          "\xFF"};
const std::vector<std::string> kTypes = {"multipart/form-data; boundary=b",
                                         "multipart/form-data; boundary=\"b\"",
                                         "multipart/form-data; boundary=\"b", "boundary=", "b"};

// Whatever comes: nothing, or a value between the end of a part's head and the next mark.
TEST(Form, MutatedFormsHaveTheirFieldWholeOrNotAtAll) {
  Random random(17);
  int found = 0;
  const FuzzRounds fuzz(30'000);
  for (int round = 0; fuzz.has(round); ++round) {
    std::string body = kSeeds[random.below(kSeeds.size())];
    for (std::uint64_t n = random.below(5); n > 0; --n) {
      const std::size_t at = random.below(body.size() + 1);
      if (random.below(2) == 0) {
        body.insert(at, kPieces[random.below(kPieces.size())]);
      } else {
        body.erase(at, random.below(12));
      }
    }
    const std::string& type = kTypes[random.below(kTypes.size())];
    const std::optional<FormField> field = find_form_field(type, body, "model");
    if (!field) continue;
    ++found;
    ASSERT_LE(field->begin, field->end) << body;
    ASSERT_LE(field->end, body.size()) << body;
    EXPECT_EQ(body.substr(field->begin - 4, 4), "\r\n\r\n") << body;
    EXPECT_EQ(body.substr(field->end, 5), "\r\n--b") << body;
    const std::string value = body.substr(field->begin, field->end - field->begin);
    EXPECT_EQ(value.find("\r\n--b"), value.npos) << body;
    // Another value in its place is found again.
    std::string other = body;
    other.replace(field->begin, value.size(), "another");
    const std::optional<FormField> again = find_form_field(type, other, "model");
    ASSERT_TRUE(again) << other;
    EXPECT_EQ(other.substr(again->begin, again->end - again->begin), "another") << other;
  }
  EXPECT_GT(found, 1'000);
}

}  // namespace
}  // namespace sighter::serve
