#pragma once
// The envelope of a model file. Private to the room; tests use it to reach the reader behind it.

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sighter::learn {

// 8 bytes "sightmod", u32 version, u64 length of the payload, the payload, and SHA-256 of all that
// stands before it. Little-endian.
std::string seal(std::string_view payload);
// The payload; or what is wrong with the file and what to do.
Result<std::string_view> unseal(std::string_view file);

}  // namespace sighter::learn
