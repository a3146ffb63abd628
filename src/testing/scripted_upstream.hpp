#pragma once
// An HTTP server inside the test, on a free port of 127.0.0.1, that does what its script says.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "io/core.hpp"
#include "io/http.hpp"

namespace sighter::testing {

// What the server does with one request, step after step.
namespace step {
// A whole reply, Content-Length set.
struct Reply {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  io::Headers headers = {};
};
// Header of a chunked reply.
struct Start {
  int status = 200;
  std::string content_type = "text/event-stream";
  io::Headers headers = {};
};
struct Chunk {
  std::string bytes;
};
struct End {};  // last chunk: the clean end of a chunked reply
struct Raw {    // exactly these bytes, whatever they are
  std::string bytes;
};
struct EndlessHeader {};  // a status line and header lines until the peer gives up
struct EndlessBody {      // chunks of these bytes until the peer gives up
  std::string bytes;
};
struct Wait {  // by the core's clock
  std::chrono::milliseconds time;
};
struct Stall {};  // nothing more, until the peer closes
struct Close {};  // FIN
struct Reset {};  // RST
}  // namespace step

using Step =
    std::variant<step::Reply, step::Start, step::Chunk, step::End, step::Raw, step::EndlessHeader,
                 step::EndlessBody, step::Wait, step::Stall, step::Close, step::Reset>;
using Script = std::vector<Step>;

// Ready-made scripts.
Script reply_json(std::string body);
Script reply_html(int status, std::string body);
Script reply_rate_limited(std::string retry_after);  // 429 with a JSON error
// Each element is a chunk of an event stream; clean end.
Script reply_stream(std::vector<std::string> chunks);
// Promises `promised` bytes, sends `body`, closes.
Script reply_short(std::size_t promised, std::string body);

struct SeenRequest {
  std::string method;
  std::string target;
  io::Headers headers;
  std::string body;
  int connection = 0;        // the first accepted one is 1
  bool answered = false;     // the script ran to its end
  bool peer_closed = false;  // the peer closed the connection before that
};

class ScriptedUpstream {
 public:
  // Listens at once. Everything runs on `core`; ask and change it on the core's thread (with a
  // testing::Loop: the test's).
  explicit ScriptedUpstream(io::Core& core);
  ~ScriptedUpstream();  // cuts what is open
  ScriptedUpstream(const ScriptedUpstream&) = delete;
  ScriptedUpstream& operator=(const ScriptedUpstream&) = delete;

  std::uint16_t port() const;
  std::string url(std::string_view path = "") const;  // http://127.0.0.1:PORT/path

  // The n-th request gets the n-th script; when there is none, `otherwise` (at first: 500).
  void add(Script script);
  void otherwise(std::function<Script(const SeenRequest&)> make);

  const std::deque<SeenRequest>& requests() const;
  int connections() const;  // accepted so far
  int open_connections() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace sighter::testing
