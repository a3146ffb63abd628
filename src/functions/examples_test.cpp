#include "functions/examples.hpp"

#include <gtest/gtest.h>

#include "functions/test_folder.hpp"

namespace sighter::functions {
namespace {

// A function over a file of rows, as `sighter ready FILE` makes it.
Function over(const std::filesystem::path& file, CaseColumns columns) {
  Function function;
  function.name = "tickets";
  function.cases = file;
  function.case_columns = std::move(columns);
  function.input = InputContract::of_fields({{"message", "string", true}});
  function.output = OutputContract::of_labels({"bug", "sales"});
  return function;
}

TEST(ExampleSet, takesTheColumnsThatTheFunctionNames) {
  TestFolder folder;
  const auto file = folder.write("tickets.csv",
                                 "id,message,team\n1,It crashes,bug\n2,What does it cost?,sales\n");
  const auto set = ExampleSet::read(over(file, {{"message"}, "team"}));
  ASSERT_TRUE(set.has_value()) << set.error().message();
  ASSERT_EQ((*set)->examples().size(), 2u);
  EXPECT_EQ((*set)->examples()[0].text, "It crashes");
  EXPECT_EQ((*set)->examples()[1].label, 1);
}

TEST(ExampleSet, otherColumnsOfTheSameFileAreAnotherSet) {
  TestFolder folder;
  const auto file = folder.write("tickets.csv", "message,team,first\nhello,bug,sales\n");
  const auto team = ExampleSet::read(over(file, {{"message"}, "team"}));
  const auto first = ExampleSet::read(over(file, {{"message"}, "first"}));
  ASSERT_TRUE(team.has_value() && first.has_value());
  EXPECT_NE((*team)->digest(), (*first)->digest());
}

}  // namespace
}  // namespace sighter::functions
