#include "base/id.hpp"

#include <mutex>

#include "base/random.hpp"

namespace sighter {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

}  // namespace

bool Id::is_nil() const {
  return *this == Id{};
}

std::string Id::to_string() const {
  std::string text(36, '-');
  char* at = text.data();
  for (std::size_t i = 0; i < 16; ++i) {
    if (dash_before(i)) ++at;
    *at++ = kHex[bytes[i] >> 4];
    *at++ = kHex[bytes[i] & 15];
  }
  return text;
}

std::optional<Id> Id::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Id id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    if (dash_before(i) && text[at++] != '-') return std::nullopt;
    const int high = hex_value(text[at]);
    const int low = hex_value(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    at += 2;
  }
  return id;
}

std::int64_t Id::unix_ms() const {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | bytes[i];
  return ms;
}

struct IdMaker::State {
  std::mutex mutex;
  Random random{secure_seed()};
  std::int64_t last_ms = 0;
  std::uint32_t counter = 0;  // 26 bits behind the milliseconds; the carry advances the time
};

IdMaker::IdMaker(const Clock& clock) : clock_(clock), state_(new State) {}
IdMaker::~IdMaker() {
  delete state_;
}

Id IdMaker::next() {
  const auto now = clock_.system_now().time_since_epoch();
  const std::int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  std::int64_t ms;
  std::uint32_t counter;
  std::uint64_t tail;
  {
    const std::lock_guard lock(state_->mutex);
    if (now_ms > state_->last_ms) {
      state_->last_ms = now_ms;
      state_->counter = static_cast<std::uint32_t>(state_->random.below(1u << 25));
    } else if (++state_->counter >= 1u << 26) {
      state_->counter = 0;
      ++state_->last_ms;
    }
    ms = state_->last_ms;
    counter = state_->counter;
    tail = state_->random.next();
  }
  Id id;
  for (int i = 0; i < 6; ++i)
    id.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (counter >> 22 & 0x0f));
  id.bytes[7] = static_cast<std::uint8_t>(counter >> 14);
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (counter >> 8 & 0x3f));
  id.bytes[9] = static_cast<std::uint8_t>(counter);
  for (std::size_t i = 10; i < 16; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(tail >> (8 * (i - 10)));
  return id;
}

}  // namespace sighter
