#pragma once
// The tables, their version, and the way from an older version to this one. For this room only.

#include <span>

#include "base/error.hpp"
#include "store/sqlite.hpp"

namespace sighter::store {

// "SGHT" in the file's header, so that another program's file is not taken for a store.
inline constexpr std::int64_t kApplicationId = 0x53474854;

// The step to version `to` from the one before it.
struct Migration {
  int to;
  const char* sql;
};

struct Schema {
  int version;
  const char* create;                     // all tables of this version
  std::span<const Migration> migrations;  // oldest first
};

// What this program writes.
const Schema& current_schema();

// Makes the connection's file a store of the schema's version: creates, migrates (in a transaction,
// after a copy to PATH.v<N>.bak), or leaves it as it is. kConflict: the file is newer, or not ours.
Status establish(Connection& connection, const Schema& schema, int busy_ms);
// The same checks for a file that will only be read: kConflict when it is not of this very version.
Status recognise(Connection& connection, const Schema& schema);

// A consistent copy of the file, readable by its owner alone; replaced at once or not at all.
Status copy_into(Connection& connection, const std::filesystem::path& target);

}  // namespace sighter::store
