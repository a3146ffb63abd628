#include "wire/call_id.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace sighter::wire {

std::string made_call_id(std::string_view reply_id, std::size_t number) {
  // Chat Completions takes ids of up to 40 letters.
  constexpr std::size_t kMax = 28;
  std::string id = "call_";
  if (reply_id.size() <= kMax) {
    for (const char c : reply_id) {
      const bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      id += fits ? c : '_';
    }
  } else {
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a
    for (const char c : reply_id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    id += fmt::format("{:x}", hash);
  }
  return fmt::format("{}_{}", id, number);
}

}  // namespace sighter::wire
