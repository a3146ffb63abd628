#include "io/event_stream.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "base/check.hpp"

namespace sighter::io {
namespace {

constexpr std::size_t kPreludeBytes = 12;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kHeadersBytesMax = 128u << 10;
constexpr std::size_t kVariable = std::numeric_limits<std::size_t>::max();

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrc = crc_table();

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t value = ~0u;
  for (const char c : bytes)
    value = kCrc[(value ^ static_cast<unsigned char>(c)) & 0xFFu] ^ (value >> 8);
  return ~value;
}

// The first `count` bytes as a big-endian number.
std::uint32_t number_of(std::string_view bytes, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  return value;
}

void append_number(std::string& out, std::size_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8)
    out += static_cast<char>((value >> shift) & 0xFFu);
}

// How many bytes a value has; kVariable: two bytes before it say so. nullopt: no such type.
std::optional<std::size_t> size_of(EventHeader::Type type) {
  using Type = EventHeader::Type;
  switch (type) {
    case Type::kTrue:
    case Type::kFalse:
      return 0;
    case Type::kByte:
      return 1;
    case Type::kShort:
      return 2;
    case Type::kInteger:
      return 4;
    case Type::kLong:
    case Type::kTimestamp:
      return 8;
    case Type::kBytes:
    case Type::kString:
      return kVariable;
    case Type::kUuid:
      return 16;
  }
  return std::nullopt;
}

// Takes `count` bytes from the front; false when there are fewer.
bool take(std::string_view& bytes, std::size_t count, std::string_view& out) {
  if (bytes.size() < count) return false;
  out = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return true;
}

bool take_header(std::string_view& bytes, EventHeader& out) {
  std::string_view piece;
  if (!take(bytes, 1, piece)) return false;
  if (piece[0] == '\0' || !take(bytes, number_of(piece, 1), out.name)) return false;
  if (!take(bytes, 1, piece)) return false;
  out.type = static_cast<EventHeader::Type>(piece[0]);
  std::optional<std::size_t> size = size_of(out.type);
  if (!size) return false;
  if (*size == kVariable) {
    if (!take(bytes, 2, piece)) return false;
    size = number_of(piece, 2);
  }
  return take(bytes, *size, out.value);
}

}  // namespace

std::string_view EventMessage::header(std::string_view name) const {
  for (const EventHeader& one : headers)
    if (one.name == name && one.type == EventHeader::Type::kString) return one.value;
  return {};
}

EventStreamReader::EventStreamReader(std::size_t message_bytes_max)
    : message_bytes_max_(message_bytes_max) {}

void EventStreamReader::feed(std::string_view bytes) {
  if (broken_) return;
  fed_ += bytes.size();
  buffer_.erase(0, start_);
  start_ = 0;
  buffer_.append(bytes);
}

// `message` is the whole of the next one; empty when it is not complete.
Status EventStreamReader::split(std::string_view& message) {
  const std::string_view bytes = std::string_view(buffer_).substr(start_);
  message = {};
  if (bytes.size() < kPreludeBytes) return {};
  if (crc32(bytes.substr(0, 8)) != number_of(bytes.substr(8), 4))
    return fail(Kind::kUpstream, "a message of the stream has a wrong checksum of its lengths");
  const std::size_t size = number_of(bytes, 4);
  const std::size_t headers = number_of(bytes.substr(4), 4);
  if (size < kPreludeBytes + kChecksumBytes || headers > size - kPreludeBytes - kChecksumBytes ||
      headers > kHeadersBytesMax)
    return fail(Kind::kUpstream, "a message of the stream has lengths that cannot be");
  if (size > message_bytes_max_)
    return fail(Kind::kTooLarge,
                fmt::format("a message of the stream is larger than {} bytes", message_bytes_max_));
  if (bytes.size() < size) return {};
  const std::size_t summed = size - kChecksumBytes;
  if (crc32(bytes.substr(0, summed)) != number_of(bytes.substr(summed), 4))
    return fail(Kind::kUpstream, "a message of the stream has a wrong checksum");
  message = bytes.substr(0, size);
  return read_headers(message.substr(kPreludeBytes, headers));
}

Status EventStreamReader::read_headers(std::string_view bytes) {
  headers_.clear();
  while (!bytes.empty()) {
    EventHeader header;
    if (!take_header(bytes, header))
      return fail(Kind::kUpstream, "a message of the stream has headers that cannot be read");
    headers_.push_back(header);
  }
  return {};
}

Result<std::optional<EventMessage>> EventStreamReader::next() {
  std::string_view message;
  if (!broken_) {
    Status status = split(message);
    if (!status) broken_ = std::move(status.error());
  }
  if (broken_) return std::unexpected(*broken_);
  if (message.empty()) return std::nullopt;
  start_ += message.size();
  const std::size_t head = kPreludeBytes + number_of(message.substr(4), 4);
  return EventMessage{headers_, message.substr(head, message.size() - head - kChecksumBytes)};
}

Status EventStreamReader::finish() const {
  if (broken_) return std::unexpected(*broken_);
  if (start_ < buffer_.size())
    return fail(Kind::kUpstream, "the stream ended in the middle of a message");
  return {};
}

std::string event_message(std::span<const EventHeader> headers, std::string_view payload) {
  std::string head;
  for (const EventHeader& one : headers) {
    const std::optional<std::size_t> size = size_of(one.type);
    CHECK(!one.name.empty() && one.name.size() <= 0xFF);
    CHECK(size.has_value() &&
          (*size == kVariable ? one.value.size() <= 0xFFFF : one.value.size() == *size));
    append_number(head, one.name.size(), 1);
    head.append(one.name);
    append_number(head, static_cast<std::size_t>(one.type), 1);
    if (*size == kVariable) append_number(head, one.value.size(), 2);
    head.append(one.value);
  }
  const std::size_t size = kPreludeBytes + head.size() + payload.size() + kChecksumBytes;
  CHECK(head.size() <= kHeadersBytesMax && size <= std::numeric_limits<std::uint32_t>::max());
  std::string out;
  out.reserve(size);
  append_number(out, size, 4);
  append_number(out, head.size(), 4);
  append_number(out, crc32(out), 4);
  out.append(head).append(payload);
  append_number(out, crc32(out), 4);
  return out;
}

}  // namespace sighter::io
