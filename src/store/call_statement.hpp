#pragma once
// The statements that write calls: of every column, or of those alone that a plain model request
// fills; of one row, or of several at once, which costs the database's machine two thirds a row.
// For this room only.

#include <cstdint>
#include <optional>
#include <string>

#include "store/rows.hpp"
#include "store/sqlite.hpp"

namespace sighter::store {

// Ids of the texts and hashes that a call names; nullopt: it has none.
struct CallNames {
  using Name = std::optional<std::int64_t>;
  Name function, variant, config, key, model, route, finish_reason, error_kind;
};

// Which columns a statement fills; all others are NULL.
enum class CallColumns { kAll, kFew };
// kFew where the call's other columns are NULL.
CallColumns columns_of(const CallRow& row);

// Rows of a statement of several.
inline constexpr std::size_t kCallsTogether = 16;
// Inserts one call or kCallsTogether; one that is there already is left as it is.
const std::string& insert_calls(CallColumns columns, bool together);
// Binds the next row of such a statement. `row` lives until the statement is reset.
void bind_call(Statement& statement, CallColumns columns, const CallRow& row,
               const CallNames& names);

// Latency apart, what calls and attempts have in common.
void bind_usage(Statement& statement, const std::optional<Tokens>& tokens,
                const std::optional<NanoUsd>& cost);

}  // namespace sighter::store
