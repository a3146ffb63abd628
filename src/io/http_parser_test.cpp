// The parser beside one that has been attacked for years: what it takes for a message, Boost.Beast
// takes for the same message, with the same end. (Beast takes more: it is the looser of the two.)

#include "io/http_parser.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/beast/http.hpp>
#include <set>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter::io {
namespace {

namespace http = boost::beast::http;

struct Message {
  bool whole = false;
  bool chunked = false;
  bool extension = false;             // of a chunk is not understood
  std::string start;                  // method and target, or the status
  std::multiset<std::string> fields;  // Beast puts those of one name together
  std::string body;
  std::size_t bytes = 0;
};

Message ours(HttpParser::Role role, std::string_view bytes, std::size_t cut) {
  HttpParser parser(role, 4096);
  Message out;
  std::string left;
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    left += piece;
    while (!left.empty() && !parser.done()) {
      const Result<std::size_t> taken = parser.feed(left);
      if (!taken) return out;
      out.bytes += *taken;
      left.erase(0, *taken);
      if (*taken == 0) break;
    }
  }
  if (!parser.done() && !parser.end_of_input()) return out;
  out.whole = parser.done();
  out.chunked = parser.chunked();
  out.start = role == HttpParser::Role::kRequest ? parser.method() + " " + parser.target()
                                                 : std::to_string(parser.status());
  for (const auto& [name, value] : parser.headers().fields())
    out.fields.insert(fmt::format("{}:{}", name, value));
  out.body = parser.body();
  return out;
}

std::string start_of(const http::request<http::string_body>& message) {
  return std::string(message.method_string()) + " " + std::string(message.target());
}
std::string start_of(const http::response<http::string_body>& message) {
  return std::to_string(message.result_int());
}

template <bool kIsRequest>
Message theirs(std::string_view bytes) {
  http::parser<kIsRequest, http::string_body> parser;
  parser.eager(true);
  parser.body_limit(boost::none);
  Message out;
  boost::system::error_code error;
  while (out.bytes < bytes.size() && !parser.is_done()) {
    const std::string_view rest = bytes.substr(out.bytes);
    const std::size_t taken = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    out.bytes += taken;
    if (error == http::error::need_more) error = {};
    out.extension = error == http::error::bad_chunk_extension;
    if (error) return out;
    if (taken == 0) break;
  }
  if (!parser.is_done()) {
    parser.put_eof(error);
    if (error) return out;
  }
  out.whole = parser.is_done();
  out.start = start_of(parser.get());
  for (const auto& field : parser.get()) {
    out.fields.insert(std::string(field.name_string()) + ":" + std::string(field.value()));
  }
  out.body = parser.get().body();
  return out;
}

const std::string_view kRequests[] = {
    "GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
    "POST /v1/x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 5\r\nContent-Type: a/b\r\n\r\nhelloGET /",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5;x=1\r\nhello\r\n1\r\n!\r\n0\r\n"
    "T: x\r\n\r\nGET",
    "POST / HTTP/1.1\r\nHost: h\r\nConnection: close, x\r\nX-A:  b \t\r\nContent-Length: 0\r\n\r\n",
    "PUT /p HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"};
const std::string_view kReplies[] = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP",
                                     "HTTP/1.1 429 Too Many\r\nRetry-After: "
                                     "3\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n"
                                     "0\r\n\r\n",
                                     "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
                                     "HTTP/1.0 200 OK\r\nX: a\r\n  b\r\n\r\nto the end"};

// Bytes that parsers differ in, and pieces of messages.
constexpr std::array<std::string_view, 21> kPieces = {"\r",
                                                      "\n",
                                                      "\r\n",
                                                      " ",
                                                      "\t",
                                                      ":",
                                                      ";",
                                                      ",",
                                                      "0",
                                                      "5",
                                                      "\x01",
                                                      "\x7f",
                                                      "\xff",
                                                      "chunked",
                                                      "Content-Length: 4\r\n",
                                                      "Transfer-Encoding: chunked\r\n",
                                                      "Host: i\r\n",
                                                      "HTTP/1.1",
                                                      "-1",
                                                      "+",
                                                      "0x"};

std::string mutated(std::string_view seed, Random& random) {
  std::string bytes(seed);
  for (std::uint64_t i = random.below(3) + 1; i > 0; --i) {
    const std::size_t at = random.below(bytes.size() + 1);
    switch (random.below(4)) {
      case 0:
        bytes.erase(at, random.below(6));
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random.below(256));
        break;
      case 2:
        bytes.insert(at, bytes.substr(random.below(bytes.size() + 1), random.below(24)));
        break;
      default:
        bytes.insert(at, kPieces[random.below(kPieces.size())]);
    }
    if (bytes.empty()) bytes = "x";
  }
  return bytes;
}

void compare(HttpParser::Role role, std::string_view bytes, std::size_t cut) {
  // An empty line before a request is tolerated here, as RFC 9112 advises, and not there.
  if (bytes.starts_with('\r') || bytes.starts_with('\n')) return;
  const Message a = ours(role, bytes, cut);
  if (!a.whole) return;
  const Message b = role == HttpParser::Role::kRequest ? theirs<true>(bytes) : theirs<false>(bytes);
  // What follows a chunk's size is passed over here, whatever it says in one line.
  if (b.extension) return;
  EXPECT_TRUE(b.whole) << bytes;
  EXPECT_EQ(a.start, b.start) << bytes;
  // Fields behind the chunks are read and dropped here, and kept there.
  EXPECT_TRUE(std::includes(b.fields.begin(), b.fields.end(), a.fields.begin(), a.fields.end()))
      << bytes;
  EXPECT_TRUE(a.chunked || a.fields.size() == b.fields.size()) << bytes;
  EXPECT_EQ(a.body, b.body) << bytes;
  EXPECT_EQ(a.bytes, b.bytes) << bytes;
}

TEST(HttpParserBesideBeast, WhatIsTakenForAMessageIsTheSameMessageThere) {
  const FuzzRounds fuzz(60'000);
  int whole = 0;
  for (int i = 0; fuzz.has(i); ++i) {
    SCOPED_TRACE(fmt::format("round {}", i));
    Random random(static_cast<std::uint64_t>(i));
    const bool request = random.below(2) == 0;
    const std::string_view seed = request ? kRequests[random.below(std::size(kRequests))]
                                          : kReplies[random.below(std::size(kReplies))];
    const std::string bytes = i < 100 ? std::string(seed) : mutated(seed, random);
    const auto role = request ? HttpParser::Role::kRequest : HttpParser::Role::kResponse;
    const std::size_t cut = random.below(bytes.size() + 1);
    whole += ours(role, bytes, cut).whole ? 1 : 0;
    compare(role, bytes, cut);
    if (HasFailure()) return;
  }
  EXPECT_GT(whole, 5'000) << "most mutations are refused, but not all";
}

}  // namespace
}  // namespace sighter::io
