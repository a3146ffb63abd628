#pragma once
// One HTTP/1.1 message out of bytes, however they are cut (RFC 9112). Strict where two readers
// could see two different messages: lines end in CRLF, a header has at most one Content-Length or
// else exactly "Transfer-Encoding: chunked", a request no folded lines and exactly one Host;
// headers and chunk lines are limited. No sockets.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "io/http.hpp"

namespace sighter::io {

class HttpParser {
 public:
  enum class Role { kRequest, kResponse };

  // `header_bytes_max` counts start line, header and trailer.
  HttpParser(Role role, std::size_t header_bytes_max);
  // For the next message; keeps memory.
  void restart();

  // Parses as far as it can and returns how many bytes it has taken; what is left is to be given
  // again with more behind it. It takes nothing beyond the message's end. kInvalid (kUpstream for a
  // response) for what is no HTTP, kTooLarge for the header; nothing can follow an error.
  Result<std::size_t> feed(std::string_view bytes);
  // The other side closed: an error unless the message ends there.
  Status end_of_input();

  // For a response to HEAD, and for any that is known to have no body: before the header is done.
  void skip_body();

  bool begun() const { return begun_; }  // at least one byte of it has come
  bool header_done() const { return part_ >= Part::kBody; }
  bool done() const { return part_ == Part::kDone; }
  bool version_1_1() const { return version_1_1_; }
  bool keep_alive() const;  // as the message says; header_done()
  bool chunked() const { return chunked_; }
  std::optional<std::uint64_t> content_length() const { return length_; }
  std::uint64_t body_bytes() const { return body_bytes_; }  // taken so far

  int status() const { return status_; }
  const std::string& reason() const { return reason_; }
  const std::string& method() const { return method_; }
  const std::string& target() const { return target_; }
  Headers& headers() { return headers_; }
  const Headers& headers() const { return headers_; }
  // Body bytes since it was last emptied; the caller moves them out or clears them.
  std::string& body() { return body_; }

 private:
  enum class Part {
    kStartLine,
    kFields,
    kBody,       // of `left_` bytes more
    kBodyToEnd,  // until the other side closes
    kChunkLine,
    kChunk,  // of `left_` bytes more
    kChunkEnd,
    kTrailer,
    kDone,
  };
  // What is wrong, in words; null: nothing.
  using Wrong = const char*;
  struct Fields;

  bool in_lines() const;
  // The next whole line of `bytes` behind `taken`, without its end; nullopt when it is not there,
  // or `wrong` is set.
  std::optional<std::string_view> next_line(std::string_view bytes, std::size_t& taken,
                                            Wrong& wrong);
  Wrong check_pending(std::string_view pending) const;
  Wrong on_line(std::string_view line);
  Wrong on_start_line(std::string_view line);
  Wrong on_request_line(std::string_view line);
  Wrong on_status_line(std::string_view line);
  Wrong on_field(std::string_view line);
  Wrong on_header_end();
  Wrong check_framing(const Fields& fields);
  Wrong on_chunk_line(std::string_view line);
  std::size_t on_bytes(std::string_view bytes, Wrong& wrong);
  Error error_of(Wrong wrong) const;
  std::size_t line_bytes_max() const;  // of chunk lines and trailers

  Role role_;
  Part part_ = Part::kStartLine;
  std::size_t header_bytes_max_;
  std::size_t line_bytes_ = 0;  // of the header so far, or of the trailer
  std::size_t searched_ = 0;    // of the next line, where no end was found
  std::uint64_t left_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::optional<std::uint64_t> length_;
  int status_ = 0;
  int empty_lines_ = 0;  // before the start line
  bool begun_ = false;
  bool skip_body_ = false;
  bool version_1_1_ = false;
  bool chunked_ = false;
  bool close_ = false;       // "Connection: close"
  bool keep_alive_ = false;  // "Connection: keep-alive"
  bool until_close_ = false;
  std::string reason_;
  std::string method_;
  std::string target_;
  Headers headers_;
  std::string body_;
};

}  // namespace sighter::io
