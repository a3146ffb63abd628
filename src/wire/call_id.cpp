#include "wire/call_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/hash.hpp"

namespace sighter::wire {
namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string made_call_id(std::string_view reply_id, std::size_t number) {
  // Chat Completions takes ids of up to 40 letters.
  constexpr std::size_t kMax = 28;
  std::string id = "call_";
  if (reply_id.size() <= kMax) {
    for (const char c : reply_id) id += is_alphanumeric(c) ? c : '_';
  } else {
    id += fmt::format("{:x}", hash64(reply_id));
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
  const std::string mark = fmt::format("_{:016x}", hash64(id));
  out.resize(std::min(out.size(), kMax - mark.size()));
  return out + mark;
}

std::string short_call_id(std::string_view id, std::size_t length) {
  if (id.size() == length && std::all_of(id.begin(), id.end(), is_alphanumeric))
    return std::string(id);
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::uint64_t hash = hash64(id);
  std::string out;
  for (std::size_t i = 0; i < length; ++i) {
    out += kDigits[hash % kDigits.size()];
    hash = hash / kDigits.size() + i * 0x9E3779B97F4A7C15u;
  }
  return out;
}

}  // namespace sighter::wire
