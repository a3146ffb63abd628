#pragma once
// Server-sent events (WHATWG HTML, section 9.2), byte for byte, in both directions. No sockets.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace sighter::io {

struct SseEvent {
  std::string_view name;  // of the `event:` field, "" when absent
  std::string_view data;  // the `data:` lines joined by LF
  std::string_view id;    // of this event's own `id:` field, "" when absent
  // The bytes as they came, comments before it included: for those who pass events on. (The LF of
  // a CRLF that comes later belongs to the next event.) Many comments in a row are left out.
  std::string_view raw;
};

// Splits a stream into events, however the bytes are cut into pieces. Lines end at LF, CR or CRLF;
// an event ends at an empty line, also when that line's CR is the last byte that has come. A byte
// order mark at the start is skipped, comments and unknown fields too, and events without a data
// line. Everything else, NUL and invalid UTF-8 included, is passed on as it is.
class SseReader {
 public:
  explicit SseReader(std::size_t event_bytes_max = limits::kEventBytesMax);

  void feed(std::string_view bytes);
  // The next complete event, its views valid until the next call of anything here; nullopt when
  // more bytes are needed. kTooLarge, for ever, once an event is larger than the limit.
  Result<std::optional<SseEvent>> next();
  // After the last byte: an event whose closing empty line is missing. (A browser would drop it;
  // several model servers end so after a complete `data:` line.)
  Result<std::optional<SseEvent>> finish();

 private:
  bool take_simple();
  bool take_line(std::string_view& line);
  void on_line(std::string_view line);
  void on_data(std::string_view value);
  void keep_data();
  void begin_event();
  SseEvent take_event();

  std::size_t event_bytes_max_;
  std::string buffer_;         // the bytes from the event on that is not complete
  std::size_t raw_start_ = 0;  // of it in the buffer
  std::size_t start_ = 0;      // of what is not yet split into lines
  std::size_t scanned_ = 0;    // of the buffer, where no line end was found
  std::size_t event_bytes_ = 0;
  std::string name_, id_;
  // The data: in the buffer as long as it is one line, else here.
  std::string data_;
  std::size_t data_at_ = 0, data_bytes_ = 0;
  bool in_place_ = false;
  bool has_data_ = false;
  bool begun_ = false;     // the byte order mark was looked for
  bool after_cr_ = false;  // an LF that comes next belongs to the line end before
  bool given_ = false;     // the strings above hold an event that was handed out
  bool too_large_ = false;
};

// "event: NAME\ndata: ...\n\n", with one data line for each line of `data` (LF, CR or CRLF).
// No event line when the name is empty. The name holds no line end (CHECKed).
std::string sse_event(std::string_view name, std::string_view data);
// ": TEXT\n\n", for keeping a silent connection alive.
std::string sse_comment(std::string_view text);

}  // namespace sighter::io
