#include "functions/cases.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "functions/test_folder.hpp"

namespace sighter::functions {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CaseFile, reads_json_lines_with_byte_order_mark_and_crlf) {
  const TestFolder folder;
  const auto path = folder.write("cases.jsonl",
                                 "\xEF\xBB\xBF{\"id\": \"a\", \"input\": \"x\", \"expect\": "
                                 "1}\r\n\r\n{\"input\": \"y\", \"label\": 2}\r\n");
  const Result<CaseFile> file = CaseFile::open(path);
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_EQ(file->size(), 2u);
  EXPECT_EQ(file->at(0)->id, "a");
  EXPECT_EQ(*file->at(1)->expect, Json(2));
  EXPECT_EQ(file->at(1)->line, 3);
}

TEST(CaseFile, reads_flat_rows_as_input) {
  const TestFolder folder;
  const Result<CaseFile> file =
      CaseFile::open(folder.write("cases.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->at(0)->input, Json::object({{"question", "q"}}));
  EXPECT_EQ(*file->at(0)->expect, Json("a"));
}

TEST(CaseFile, reads_csv_with_quoted_line_ends_and_semicolons) {
  const TestFolder folder;
  const Result<CaseFile> file = CaseFile::open(folder.write(
      "cases.csv", "text;label\r\n\"two\r\nlines; \"\"quoted\"\"\";bug\r\nplain;billing\r\n"));
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_EQ(file->size(), 2u);
  EXPECT_THAT(file->columns(), ElementsAre("text", "label"));
  EXPECT_EQ(file->at(0)->input, Json::object({{"text", "two\r\nlines; \"quoted\""}}));
  EXPECT_EQ(file->at(1)->line, 4);
}

TEST(CaseFile, names_the_line_and_column_of_bytes_that_are_not_utf8) {
  const TestFolder folder;
  const Result<CaseFile> file =
      CaseFile::open(folder.write("cases.jsonl", "{\"input\": \"x\"}\n{\"input\": \"\xff\"}\n"));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().what, AllOf(HasSubstr("cases.jsonl:2:12"), HasSubstr("UTF-8")));
}

TEST(CaseFile, refuses_a_nul_byte_with_its_place) {
  const TestFolder folder;
  const Result<CaseFile> file =
      CaseFile::open(folder.write("cases.jsonl", std::string("{\"input\": \"a\0b\"}\n", 18)));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().what, HasSubstr("cases.jsonl:1:"));
}

TEST(CaseFile, finds_the_broken_line_far_down) {
  const TestFolder folder;
  std::string text;
  for (int i = 1; i <= 200'000; ++i)
    text += i == 150'000 ? "{\"input\": \n" : "{\"input\": \"row " + std::to_string(i) + "\"}\n";
  const Result<CaseFile> file = CaseFile::open(folder.write("cases.jsonl", text));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().what, HasSubstr("cases.jsonl:150000:"));
}

TEST(CaseFile, refuses_an_id_that_was_used) {
  const TestFolder folder;
  const Result<CaseFile> file = CaseFile::open(folder.write(
      "cases.jsonl", "{\"id\": 1, \"input\": \"x\"}\n{\"id\": 1, \"input\": \"y\"}\n"));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().what, HasSubstr("line 1"));
}

TEST(CaseFile, keeps_the_key_of_a_case_with_an_id_when_its_text_changes) {
  const TestFolder folder;
  const Result<CaseFile> before =
      CaseFile::open(folder.write("a.jsonl", "{\"id\": \"k\", \"input\": \"x\"}\n"));
  const Result<CaseFile> after =
      CaseFile::open(folder.write("b.jsonl", "\n{\"id\": \"k\", \"input\": \"changed\"}\n"));
  ASSERT_TRUE(before && after);
  EXPECT_EQ(before->key(0), after->key(0));
}

TEST(CaseFile, a_row_with_too_few_fields_is_named) {
  const TestFolder folder;
  const Result<CaseFile> file = CaseFile::open(folder.write("cases.csv", "text,label\nx,bug\ny\n"));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().what, HasSubstr("cases.csv:3"));
}

}  // namespace
}  // namespace sighter::functions
