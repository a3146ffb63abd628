#pragma once
// Whether a case fits its function.

#include "functions/cases.hpp"
#include "functions/function.hpp"

namespace sighter::functions {

// The input of case `index` as the function takes it. kInvalid says file:line:column: an input that
// no body could take and, with `exact`, an expectation that is none of the function's labels.
Result<Json> admit_case(const Function& function, const CaseFile& cases, std::size_t index,
                        const Case& row, bool exact);

}  // namespace sighter::functions
