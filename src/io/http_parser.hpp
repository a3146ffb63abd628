#pragma once
// One HTTP/1.1 message out of bytes, however they are cut. Beast's parser, with what it lets
// through and we do not: folded header lines, several lengths, transfer codings other than
// "chunked", a missing or doubled Host, headers and chunk lines without end. No sockets.

#include <cstddef>
#include <cstdint>
#include <memory>
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
  ~HttpParser();
  HttpParser(HttpParser&&) noexcept;
  HttpParser& operator=(HttpParser&&) noexcept;

  // Parses as far as it can and returns how many bytes it has taken; what is left is to be given
  // again with more behind it. It takes nothing beyond the message's end. kInvalid (kUpstream for a
  // response) for what is no HTTP, kTooLarge for the header; nothing can follow an error.
  Result<std::size_t> feed(std::string_view bytes);
  // The other side closed: an error unless the message ends there.
  Status end_of_input();

  // For a response to HEAD, and for any that is known to have no body: before the header is done.
  void skip_body();

  bool begun() const;  // at least one byte was taken
  bool header_done() const;
  bool done() const;
  bool version_1_1() const;
  bool keep_alive() const;  // as the message says; header_done()
  bool chunked() const;
  std::optional<std::uint64_t> content_length() const;
  std::uint64_t body_bytes() const;  // taken so far

  int status() const;
  const std::string& reason() const;
  const std::string& method() const;
  const std::string& target() const;
  Headers& headers();
  const Headers& headers() const;
  // Body bytes since it was last emptied; the caller moves them out or clears them.
  std::string& body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sighter::io
