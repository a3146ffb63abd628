#include "io/sse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace sighter::io {
namespace {

constexpr std::size_t kCommentBytesMax = 16'384;  // kept for the event behind them

// Where the first CR or LF is, from `from` on; the text's size when there is none. find_first_of()
// makes a call for each byte. Piece by piece, so that many lines that end in the one are not each
// searched for the other to the end of the text.
std::size_t line_end(std::string_view text, std::size_t from) {
  constexpr std::size_t kPiece = 256;
  for (; from < text.size(); from += kPiece) {
    const std::string_view piece = text.substr(from, kPiece);
    const std::size_t lf = std::min(piece.find('\n'), piece.size());
    const std::size_t end = std::min(piece.substr(0, lf).find('\r'), lf);
    if (end < piece.size()) return from + end;
  }
  return text.size();
}

}  // namespace

SseReader::SseReader(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

void SseReader::feed(std::string_view bytes) {
  if (too_large_) return;
  if (given_) begin_event();
  keep_data();
  if (raw_start_ > 0) {
    buffer_.erase(0, raw_start_);
    start_ -= raw_start_;
    scanned_ -= raw_start_;
    raw_start_ = 0;
  }
  buffer_.append(bytes);
}

// The next line without its end; false when it is not complete.
bool SseReader::take_line(std::string_view& line) {
  if (after_cr_ && start_ < buffer_.size()) {
    after_cr_ = false;
    if (buffer_[start_] == '\n') {
      ++start_;
      if (scanned_ < start_) scanned_ = start_;
    }
  }
  const std::size_t end = line_end(buffer_, scanned_);
  if (end == buffer_.size()) {
    scanned_ = end;
    return false;
  }
  line = std::string_view(buffer_).substr(start_, end - start_);
  after_cr_ = buffer_[end] == '\r';
  event_bytes_ += end + 1 - start_;
  start_ = scanned_ = end + 1;
  return true;
}

void SseReader::on_data(std::string_view value) {
  if (!has_data_) {
    has_data_ = in_place_ = true;
    data_at_ = static_cast<std::size_t>(value.data() - buffer_.data());
    data_bytes_ = value.size();
    return;
  }
  keep_data();
  data_ += '\n';
  data_.append(value);
}

// Before the buffer moves.
void SseReader::keep_data() {
  if (std::exchange(in_place_, false)) data_.assign(buffer_, data_at_, data_bytes_);
}

void SseReader::on_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value = line.substr(std::min(colon, line.size() - 1) + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (field == "data") {
    on_data(value);
  } else if (field == "event") {
    name_ = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    id_ = value;
  }
}

// "data: ...\n\n", which most events are; false, and nothing is taken, when it is not, or not yet.
bool SseReader::take_simple() {
  constexpr std::string_view kData = "data: ";
  if (has_data_ || after_cr_ || scanned_ != start_ || event_bytes_ != 0) return false;
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (!rest.starts_with(kData)) return false;
  const std::size_t end = rest.find('\n');
  if (end == rest.npos || end + 1 == rest.size() || rest[end + 1] != '\n') return false;
  const std::string_view value = rest.substr(kData.size(), end - kData.size());
  if (value.find('\r') != value.npos || end + 2 > event_bytes_max_) return false;
  on_data(value);
  start_ = scanned_ = start_ + end + 2;
  return true;
}

void SseReader::begin_event() {
  given_ = has_data_ = in_place_ = false;
  name_.clear();
  data_.clear();
  id_.clear();
  raw_start_ = start_;
}

SseEvent SseReader::take_event() {
  given_ = true;
  event_bytes_ = 0;
  const std::string_view buffer = buffer_;
  return {name_, in_place_ ? buffer.substr(data_at_, data_bytes_) : std::string_view(data_), id_,
          buffer.substr(raw_start_, start_ - raw_start_)};
}

Result<std::optional<SseEvent>> SseReader::next() {
  if (given_) begin_event();
  if (!begun_) {
    // The mark itself may come in pieces.
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    const std::string_view head = std::string_view(buffer_).substr(0, kMark.size());
    if (head.size() < kMark.size() && kMark.starts_with(head)) return std::nullopt;
    if (head == kMark) start_ = scanned_ = kMark.size();
    begun_ = true;
  }
  if (take_simple()) return take_event();
  std::string_view line;
  while (!too_large_ && take_line(line)) {
    if (event_bytes_ > event_bytes_max_) {
      too_large_ = true;
    } else if (!line.empty()) {
      on_line(line);
    } else if (has_data_) {
      return take_event();
    } else {
      name_.clear();
      id_.clear();
      event_bytes_ = 0;
      if (start_ - raw_start_ > kCommentBytesMax) raw_start_ = start_;
    }
  }
  if (too_large_ || event_bytes_ + buffer_.size() - start_ > event_bytes_max_) {
    too_large_ = true;
    return fail(Kind::kTooLarge,
                fmt::format("an event of the stream is larger than {} bytes", event_bytes_max_));
  }
  return std::nullopt;
}

Result<std::optional<SseEvent>> SseReader::finish() {
  // The rest is taken as if its line end and the empty line had come.
  if (!begun_ && !buffer_.empty()) begun_ = true;
  auto event = next();
  if (!event || *event) return event;
  if (start_ < buffer_.size()) {
    on_line(std::string_view(buffer_).substr(start_));
    start_ = scanned_ = buffer_.size();
  }
  if (!has_data_) return std::nullopt;
  return take_event();
}

std::string sse_event(std::string_view name, std::string_view data) {
  CHECK(name.find_first_of("\r\n") == std::string_view::npos);
  std::string out;
  out.reserve(name.size() + data.size() + 24);
  if (!name.empty()) out.append("event: ").append(name).append("\n");
  for (;;) {
    const std::size_t end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    const bool pair = data.substr(end, 2) == "\r\n";
    data.remove_prefix(end + (pair ? 2 : 1));
  }
  return out.append("\n");
}

std::string sse_comment(std::string_view text) {
  CHECK(text.find_first_of("\r\n") == std::string_view::npos);
  return fmt::format(": {}\n\n", text);
}

}  // namespace sighter::io
