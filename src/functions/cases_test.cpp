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

struct Broken {
  const char* file;
  const char* text;
  const char* where;
  const char* what;
  const char* hint;
};

class BrokenCases : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenCases, AreToldWithTheirPlaceAndWhatToDo) {
  const TestFolder folder;
  const Broken& given = GetParam();
  const Result<CaseFile> file = CaseFile::open(folder.write(given.file, given.text));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().what, HasSubstr(std::string(given.file) + given.where));
  EXPECT_THAT(file.error().what, HasSubstr(given.what));
  EXPECT_THAT(file.error().hint, HasSubstr(given.hint));
}

INSTANTIATE_TEST_SUITE_P(
    files, BrokenCases,
    ::testing::Values(
        Broken{"c.jsonl", "{\"input\": 1, \"clustr\": 2}\n", ":1:14", "'clustr'", "'cluster'"},
        Broken{"c.jsonl", "{\"input\": 1, \"tags\": [1]}\n", ":1:22", "an object", "lang"},
        Broken{"c.jsonl", "{\"input\": 1, \"weight\": 1}\n", ":1:14", "'weight'", "known:"},
        Broken{"c.jsonl", "{\"expect\": 1}\n", ":1:1", "no input", "input"},
        Broken{"c.jsonl", "{\"label\": 1, \"x\": 2, \"answer\": 3}\n", ":1:22", "both", "--expect"},
        Broken{"c.csv", "a,label\nx\n", ":2:2", "1 fields", "missing ones"},
        Broken{"c.csv", "a,label\n\"x\ny\",b,c\n", ":3:6", "3 fields", "quote"},
        Broken{"c.csv", "a,label\n\"x,b\n", ":2:1", "no closing quote", "double the quotes"},
        Broken{"c.csv", "a,label\n\"x\"y,b\n", ":2:4", "closing quote of field 1", "double"},
        Broken{"c.csv", "a,b,a\n1,2,3\n", ":1:5", "two columns", "another name"},
        Broken{"c.csv", "input,note,label\nx,y,z\n", ":1:7", "unknown column 'note'", "known:"},
        Broken{"c.csv", "PK\x03\x04zip", ":1:1", "Excel", "CSV"},
        Broken{"c.csv", "%PDF-1.4", ":1:1", "PDF", "CSV"},
        Broken{"c.txt", "hello\n", ":1:", "unexpected", ".csv or .tsv"}));

TEST(CaseFile, a_quote_in_the_middle_of_a_field_is_a_letter) {
  const TestFolder folder;
  const Result<CaseFile> file =
      CaseFile::open(folder.write("c.csv", "text,label\n5\" wide,a\n6\" wide,b\n"));
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_EQ(file->size(), 2u);
  EXPECT_EQ(file->at(0)->input, Json::object({{"text", "5\" wide"}}));
}

TEST(CaseFile, a_null_is_as_if_it_were_not_there) {
  const TestFolder folder;
  const Result<CaseFile> file = CaseFile::open(
      folder.write("c.jsonl", "{\"input\": 1, \"id\": null, \"cluster\": null, \"tags\": null}\n"));
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->at(0)->id, "line 1");
}

TEST(CaseFile, says_where_a_part_of_a_case_stands) {
  const TestFolder folder;
  const Result<CaseFile> rows = CaseFile::open(folder.write(
      "c.jsonl", "\n{\"input\": {\"text\": \"x\"}, \"label\": \"a\"}\n{\"input\": \"x\"}\n"));
  ASSERT_TRUE(rows);
  EXPECT_THAT(rows->where(0), HasSubstr("c.jsonl:2:1"));
  EXPECT_THAT(rows->where(0, "expect"), HasSubstr("c.jsonl:2:35"));
  EXPECT_THAT(rows->where(0, "input/text"), HasSubstr("c.jsonl:2:20"));
  EXPECT_THAT(rows->where_without(), HasSubstr("c.jsonl:3"));
  const Result<CaseFile> table = CaseFile::open(folder.write("c.csv", "text,label\n\"a\nb\",c\n"));
  ASSERT_TRUE(table);
  EXPECT_THAT(table->where(0, "expect"), HasSubstr("c.csv:3:4"));
  EXPECT_THAT(table->where(0, "input/text"), HasSubstr("c.csv:2:1"));
  EXPECT_EQ(table->where_without(), "");
}

}  // namespace
}  // namespace sighter::functions
