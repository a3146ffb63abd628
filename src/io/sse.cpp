#include "io/sse.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"

namespace sighter::io {
namespace {

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
  fed_ += bytes.size();
  if (start_ > 0) {
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
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
  if (has_data_) data_ += '\n';
  data_.append(value);
  has_data_ = true;
}

void SseReader::on_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    on_data(value);
  } else if (field == "event") {
    name_ = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    id_ = value;
  }
}

SseEvent SseReader::take_event() {
  given_ = true;
  event_bytes_ = 0;
  return {name_, data_, id_};
}

Result<std::optional<SseEvent>> SseReader::next() {
  if (given_) {
    given_ = has_data_ = false;
    name_.clear();
    data_.clear();
    id_.clear();
  }
  if (!begun_) {
    // The mark itself may come in pieces.
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    const std::string_view head = std::string_view(buffer_).substr(0, kMark.size());
    if (head.size() < kMark.size() && kMark.starts_with(head)) return std::nullopt;
    if (head == kMark) start_ = scanned_ = kMark.size();
    begun_ = true;
  }
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
