#include "functions/case_check.hpp"

#include <algorithm>

namespace sighter::functions {
namespace {

// A column of answers under a name of its own looks like one more field of the input.
std::string hint_for(const Error& error, const Function& function, const Case& row,
                     const std::string& pointer) {
  const InputContract& input = function.input;
  const bool unknown = input.form() == InputContract::Form::kFields && pointer.size() > 1 &&
                       std::ranges::none_of(input.fields(), [&](const Field& field) {
                         return field.name == std::string_view(pointer).substr(1);
                       });
  if (!unknown || row.expect) return error.hint;
  return fmt::format("{}; if '{}' holds the expected answer, call it expect or label", error.hint,
                     pointer.substr(1));
}

}  // namespace

Result<Json> admit_case(const Function& function, const CaseFile& cases, std::size_t index,
                        const Case& row, bool exact) {
  Result<Json> input = function.input.admit(row.input);
  if (!input) {
    const std::string pointer = function.input.mistaken(row.input);
    Error error = input.error().in(cases.where(index, "input" + pointer));
    error.hint = hint_for(input.error(), function, row, pointer);
    return std::unexpected(std::move(error));
  }
  const bool labels = exact && function.output.form() == OutputContract::Form::kLabels;
  if (!labels || !row.expect) return input;
  if (Status good = function.output.check(*row.expect); !good)
    return std::unexpected(good.error().in(cases.where(index, "expect")));
  return input;
}

}  // namespace sighter::functions
