#pragma once
// Numbers as bytes, little-endian on every machine. Private to the room.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace sighter::learn {

class ByteWriter {
 public:
  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u32(std::uint32_t value) { fixed(value, 4); }
  void u64(std::uint64_t value) { fixed(value, 8); }
  void f32(float value) { u32(std::bit_cast<std::uint32_t>(value)); }
  void f64(double value) { u64(std::bit_cast<std::uint64_t>(value)); }
  // Seven bits a byte, low ones first, the high bit says that more follow.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) u8(static_cast<std::uint8_t>(value | 0x80));
    u8(static_cast<std::uint8_t>(value));
  }
  void text(std::string_view value) {
    varint(value.size());
    out_.append(value);
  }
  std::string take() { return std::move(out_); }

 private:
  void fixed(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) u8(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  std::string out_;
};

// Reads what ByteWriter wrote. After the first fault (the end, or a number out of range) `ok()` is
// false and every read gives zero or nothing, so that a caller may check once at the end of a
// block.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}
  bool ok() const { return ok_; }
  std::size_t left() const { return left_.size(); }
  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
  std::uint64_t u64() { return fixed(8); }
  float f32() { return std::bit_cast<float>(u32()); }
  double f64() { return std::bit_cast<double>(u64()); }
  // At most `max`.
  std::uint64_t varint(std::uint64_t max) {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && ok_; shift += 7) {
      const std::uint8_t byte = u8();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value <= max ? value : fault();
    }
    return fault();
  }
  std::string_view bytes(std::uint64_t count) {
    if (!ok_ || count > left_.size()) {
      fault();
      return {};
    }
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  std::string_view text() { return bytes(varint(left_.size())); }
  std::uint64_t fault() {
    ok_ = false;
    left_ = {};
    return 0;
  }

 private:
  std::uint64_t fixed(std::size_t count) {
    const std::string_view raw = bytes(count);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    }
    return value;
  }
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace sighter::learn
