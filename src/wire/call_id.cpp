#include "wire/call_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace sighter::wire {
namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

}  // namespace

std::string made_call_id(std::string_view reply_id, std::size_t number) {
  // Chat Completions takes ids of up to 40 letters.
  constexpr std::size_t kMax = 28;
  std::string id = "call_";
  if (reply_id.size() <= kMax) {
    for (const char c : reply_id) id += is_alphanumeric(c) ? c : '_';
  } else {
    id += fmt::format("{:x}", hash_of(reply_id));
  }
  return fmt::format("{}_{}", id, number);
}

std::string plain_call_id(std::string_view id) {
  constexpr std::size_t kMax = 64;  // toolUseId of Converse
  std::string out(id);
  for (char& c : out) {
    if (!is_alphanumeric(c) && c != '_' && c != '-') c = '_';
  }
  if (out == id && out.size() <= kMax) return out;
  // Two that differ stay two.
  const std::string mark = fmt::format("_{:016x}", hash_of(id));
  out.resize(std::min(out.size(), kMax - mark.size()));
  return out + mark;
}

}  // namespace sighter::wire
