#include "io/http_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>

#include "base/check.hpp"

namespace sighter::io {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr std::size_t kChunkLineBytesMax = 8192;

struct Message {
  bool version_1_1 = false;
  int status = 0;
  std::string reason;
  std::string method;
  std::string target;
  Headers headers;
  std::string body;
  std::uint64_t body_bytes = 0;
  bool header_done = false;
  bool finished = false;
};

// What Beast calls back for both kinds of message.
template <bool kIsRequest>
class Beast final : public http::basic_parser<kIsRequest> {
 public:
  explicit Beast(Message& message) : message_(message) {}

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code& ec) override {
    message_.method = std::string(method);
    message_.target = std::string(target);
    message_.version_1_1 = version == 11;
    ec = {};
  }
  void on_response_impl(int status, string_view reason, int version, error_code& ec) override {
    message_.status = status;
    message_.reason = std::string(reason);
    message_.version_1_1 = version == 11;
    ec = {};
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code& ec) override {
    // Trailers are dropped: nobody who reads a header expects it to change after the body.
    if (!message_.header_done) message_.headers.add(std::string(name), std::string(value));
    ec = {};
  }
  // Newer versions of Beast give trailers to this one; in 1.81 nothing calls it.
  void on_trailer_field_impl(http::field, string_view, string_view, error_code& ec) { ec = {}; }
  void on_header_impl(error_code& ec) override {
    message_.header_done = true;
    ec = {};
  }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code& ec) override {
    ec = {};
  }
  std::size_t on_body_impl(string_view bytes, error_code& ec) override {
    message_.body.append(bytes.data(), bytes.size());
    message_.body_bytes += bytes.size();
    ec = {};
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code& ec) override { ec = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(error_code& ec) override {
    message_.finished = true;
    ec = {};
  }

  Message& message_;
};

}  // namespace

struct HttpParser::Impl {
  Impl(Role r, std::size_t bytes_max)
      : role(r), header_bytes_max(bytes_max), request(message), response(message) {
    const auto limit = static_cast<std::uint32_t>(
        std::min<std::size_t>(bytes_max, std::numeric_limits<std::uint32_t>::max()));
    request.header_limit(limit);
    response.header_limit(limit);
    request.body_limit(boost::none);
    response.body_limit(boost::none);
  }

  // Calls `use` with the parser of this role.
  template <class F>
  auto with(F use) {
    return role == Role::kRequest ? use(request) : use(response);
  }
  template <class F>
  auto with(F use) const {
    return role == Role::kRequest ? use(request) : use(response);
  }

  Kind bad() const { return role == Role::kRequest ? Kind::kInvalid : Kind::kUpstream; }
  Error malformed(std::string_view how) const {
    return Error{bad(), fmt::format("malformed HTTP: {}", how), {}};
  }
  Error too_large() const {
    return Error{
        Kind::kTooLarge, fmt::format("an HTTP header of more than {} bytes", header_bytes_max), {}};
  }

  Result<std::size_t> feed_header(std::string_view bytes);
  Result<std::size_t> feed_body(std::string_view bytes);
  Status check_header() const;
  Status check_request() const;

  Role role;
  std::size_t header_bytes_max;
  std::size_t header_bytes = 0;
  bool begun = false;
  Message message;
  Beast<true> request;
  Beast<false> response;
};

Result<std::size_t> HttpParser::Impl::feed_header(std::string_view bytes) {
  std::size_t taken = 0;
  // An empty line before a request is tolerated (RFC 9112, section 2.2).
  while (role == Role::kRequest && !begun && bytes.substr(taken).starts_with("\r\n") && taken < 4) {
    taken += 2;
  }
  const std::string_view rest = bytes.substr(taken);
  if (rest.empty() || (role == Role::kRequest && !begun && rest == "\r")) return taken;
  begun = true;
  error_code ec;
  const std::size_t n = with([&](auto& parser) {
    return parser.put({rest.data(), rest.size()}, ec);
  });
  header_bytes += n;
  const std::string_view lines = rest.substr(0, n);
  // Beast joins folded lines; two readers who disagree about them see two different messages.
  if (role == Role::kRequest && (lines.find("\n ") != std::string_view::npos ||
                                 lines.find("\n\t") != std::string_view::npos)) {
    return std::unexpected(malformed("a folded header line"));
  }
  if (ec && ec != http::error::need_more) {
    if (ec == http::error::header_limit) return std::unexpected(too_large());
    return std::unexpected(malformed(ec.message()));
  }
  if (header_bytes + (message.header_done ? 0 : rest.size() - n) > header_bytes_max) {
    return std::unexpected(too_large());
  }
  if (message.header_done) {
    const Status good = check_header();
    if (!good) return std::unexpected(good.error());
  }
  return taken + n;
}

Result<std::size_t> HttpParser::Impl::feed_body(std::string_view bytes) {
  std::size_t taken = 0;
  while (!message.finished && taken < bytes.size()) {
    const std::string_view rest = bytes.substr(taken);
    error_code ec;
    const std::size_t n = with([&](auto& parser) {
      return parser.put({rest.data(), rest.size()}, ec);
    });
    taken += n;
    if (ec == http::error::need_more) {
      // Only a chunk's line, or the trailer, is waited for whole.
      if (bytes.size() - taken > std::min(kChunkLineBytesMax, header_bytes_max)) {
        return std::unexpected(malformed("a chunk line or trailer without end"));
      }
      break;
    }
    if (ec) return std::unexpected(malformed(ec.message()));
  }
  return taken;
}

Status HttpParser::Impl::check_header() const {
  const auto codings = message.headers.all("Transfer-Encoding");
  if (!codings.empty()) {
    if (codings.size() > 1 || !equals_ignoring_case(codings.front(), "chunked")) {
      return std::unexpected(malformed("a transfer coding other than chunked"));
    }
    if (!message.version_1_1) {
      return std::unexpected(malformed("a transfer coding in HTTP/1.0"));
    }
  }
  const auto lengths = message.headers.all("Content-Length");
  if (lengths.size() > 1 || (lengths.size() == 1 && lengths.front().find_first_not_of(
                                                        "0123456789") != std::string::npos)) {
    return std::unexpected(malformed("more than one Content-Length, or one that is no number"));
  }
  return role == Role::kRequest ? check_request() : Status{};
}

Status HttpParser::Impl::check_request() const {
  const auto hosts = message.headers.all("Host");
  if (hosts.size() > 1 || (hosts.empty() && message.version_1_1)) {
    return std::unexpected(malformed(hosts.empty() ? "no Host" : "more than one Host"));
  }
  if (!hosts.empty() && hosts.front().find_first_of(" \t,/@") != std::string_view::npos) {
    return std::unexpected(malformed("a Host that is none"));
  }
  return {};
}

HttpParser::HttpParser(Role role, std::size_t header_bytes_max)
    : impl_(std::make_unique<Impl>(role, header_bytes_max)) {}
HttpParser::~HttpParser() = default;
HttpParser::HttpParser(HttpParser&&) noexcept = default;
HttpParser& HttpParser::operator=(HttpParser&&) noexcept = default;

Result<std::size_t> HttpParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  if (!impl_->message.header_done) {
    auto header = impl_->feed_header(bytes);
    if (!header || !impl_->message.header_done) return header;
    taken = *header;
  }
  auto body = impl_->feed_body(bytes.substr(taken));
  if (!body) return body;
  return taken + *body;
}

Status HttpParser::end_of_input() {
  if (done()) return {};
  if (!impl_->begun) {
    return fail(impl_->bad(), "the connection was closed before anything came");
  }
  if (!impl_->message.header_done) {
    return fail(impl_->bad(), "the connection was closed in the middle of the header");
  }
  if (const auto length = content_length()) {
    return fail(impl_->bad(), fmt::format("the connection was closed after {} of {} bytes",
                                          impl_->message.body_bytes, *length));
  }
  if (chunked()) {
    return fail(impl_->bad(), "the connection was closed before the last chunk");
  }
  error_code ec;
  impl_->with([&](auto& parser) { parser.put_eof(ec); });
  if (ec) return fail(impl_->bad(), fmt::format("malformed HTTP: {}", ec.message()));
  return {};
}

void HttpParser::skip_body() {
  CHECK(!impl_->begun);
  impl_->with([](auto& parser) { parser.skip(true); });
}

bool HttpParser::begun() const {
  return impl_->begun;
}
bool HttpParser::header_done() const {
  return impl_->message.header_done;
}
bool HttpParser::done() const {
  return impl_->message.finished;
}
bool HttpParser::version_1_1() const {
  return impl_->message.version_1_1;
}
bool HttpParser::keep_alive() const {
  return impl_->with([](const auto& parser) { return parser.keep_alive(); });
}
bool HttpParser::chunked() const {
  return impl_->with([](const auto& parser) { return parser.chunked(); });
}
std::optional<std::uint64_t> HttpParser::content_length() const {
  const auto length = impl_->with([](const auto& parser) { return parser.content_length(); });
  if (!length) return std::nullopt;
  return *length;
}
std::uint64_t HttpParser::body_bytes() const {
  return impl_->message.body_bytes;
}
int HttpParser::status() const {
  return impl_->message.status;
}
const std::string& HttpParser::reason() const {
  return impl_->message.reason;
}
const std::string& HttpParser::method() const {
  return impl_->message.method;
}
const std::string& HttpParser::target() const {
  return impl_->message.target;
}
Headers& HttpParser::headers() {
  return impl_->message.headers;
}
const Headers& HttpParser::headers() const {
  return impl_->message.headers;
}
std::string& HttpParser::body() {
  return impl_->message.body;
}

}  // namespace sighter::io
