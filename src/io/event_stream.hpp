#pragma once
// application/vnd.amazon.eventstream, byte for byte, in both directions: the framing in which
// Amazon Bedrock streams. No sockets, and no knowledge of what the messages say.
//
// A message is its length and that of its headers (4 bytes each, big-endian), the CRC-32 of these
// eight bytes, the headers, the payload, and the CRC-32 of all that.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace sighter::io {

// Of the Content-Type of such a stream.
inline constexpr std::string_view kEventStreamType = "application/vnd.amazon.eventstream";

struct EventHeader {
  // As numbered on the wire.
  enum class Type : std::uint8_t {
    kTrue,
    kFalse,
    kByte,
    kShort,
    kInteger,
    kLong,
    kBytes,
    kString,
    kTimestamp,
    kUuid,
  };
  std::string_view name{};  // 1 to 255 bytes
  Type type = Type::kString;
  std::string_view value{};  // its bytes, big-endian where it is a number; kBytes, kString: 65,535
                             // at most; kTrue, kFalse: none
};

struct EventMessage {
  std::span<const EventHeader> headers{};
  std::string_view payload{};

  // The value of the first header of that name that is a string; "" when there is none. What a
  // message is: ":message-type" ("event", "exception", "error"), and by that ":event-type",
  // ":exception-type" or ":error-code" with ":error-message".
  std::string_view header(std::string_view name) const;
};

// Splits a stream into messages, however the bytes are cut into pieces. A length is believed only
// after its checksum. One stream an object, one thread at a time.
class EventStreamReader {
 public:
  explicit EventStreamReader(std::size_t message_bytes_max = limits::kEventBytesMax);

  void feed(std::string_view bytes);
  // The next complete message, its views valid until the next call of anything here; nullopt when
  // more bytes are needed. Errors stay for ever: kTooLarge for a message beyond the limit, told as
  // soon as its length is known; kUpstream for a wrong checksum, and for lengths or headers that
  // cannot be.
  Result<std::optional<EventMessage>> next();
  // After the last byte, when next() has nothing more: kUpstream when a message is cut off, or the
  // error of before.
  Status finish() const;
  // How many of the bytes that were fed lie before the end of what next() gave out last: for those
  // who pass messages on as they came.
  std::uint64_t consumed() const { return fed_ - (buffer_.size() - start_); }

 private:
  Status split(std::string_view& message);
  Status read_headers(std::string_view bytes);

  std::size_t message_bytes_max_;
  std::string buffer_;  // bytes not given out yet, from start_
  std::size_t start_ = 0;
  std::uint64_t fed_ = 0;
  std::vector<EventHeader> headers_;
  std::optional<Error> broken_;
};

// One message, ready for the socket. The headers are as EventHeader says, 128 KiB of them at most,
// and the whole is less than 4 GiB (CHECKed).
std::string event_message(std::span<const EventHeader> headers, std::string_view payload);

}  // namespace sighter::io
