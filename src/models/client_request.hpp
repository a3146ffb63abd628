#pragma once
// One request of a client, whatever front door it came through, and where its answer goes.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/boxed.hpp"
#include "base/error.hpp"
#include "base/money.hpp"
#include "io/cancel.hpp"
#include "io/http.hpp"
#include "io/task.hpp"
#include "models/attempt.hpp"
#include "models/body_edits.hpp"
#include "models/purse.hpp"
#include "wire/codec.hpp"
#include "wire/delta.hpp"
#include "wire/embeddings.hpp"
#include "wire/envelope.hpp"
#include "wire/message.hpp"
#include "wire/relay.hpp"

namespace sighter::models {

// What is asked of the upstream.
enum class Endpoint {
  kChat,         // a conversation, in `dialect`
  kEmbeddings,   // OpenAI's
  kCompletions,  // OpenAI's legacy completions: to upstreams that have them, as they are
  kCountTokens,  // asked in Anthropic's words, of whoever counts
  kOther,        // any other path of a provider, passed through unchanged
};

struct ClientRequest {
  wire::Dialect dialect = wire::Dialect::kNone;  // the door's; kNone: made by the program
  Endpoint endpoint = Endpoint::kChat;
  std::string body{};         // as it came; empty when made by the program
  wire::Envelope envelope{};  // of body
  // Decoded when it is needed, at most once; a door (or the program) that has it already sets it.
  Boxed<wire::ChatRequest> chat{};
  Boxed<wire::EmbeddingRequest> embedding{};
  // False: the bytes must not be passed on as they are, because `chat` says more than they do.
  bool may_relay = true;
  bool stream = false;  // the client wants events
  // Passed on beside what the provider needs: anthropic-version, anthropic-beta, openai-beta ...
  // Never authorization, cookie, host or hop-by-hop fields; the door has removed those.
  io::Headers headers{};
  // Sent beside or instead of what the body and the provider's configuration say.
  std::vector<std::pair<std::string, std::string>> extra_headers{};
  std::vector<BodyEdit> extra_body{};
  // Parameters that may be left out where the upstream cannot express them; "*" allows all.
  std::vector<std::string> allow_drop{};
  // A hash of the conversation's prefix, for routes that keep prompts in a cache; empty: none.
  std::string stickiness{};
  // kOther only: what follows the provider's base URL ("/moderations"), how, and in which bytes.
  std::string method = "POST";
  std::string path{};
  std::string content_type = "application/json";  // of body; the envelope is of JSON alone
  // Where a body that is no JSON names the model: [first, second).
  std::optional<std::pair<std::size_t, std::size_t>> model_at{};

  // Fills `chat` from the body; kInvalid in the words of the dialect.
  Status decode_chat();
  Status decode_embedding();
};

// What is known when the first piece of a streamed answer is there. After this nothing is retried.
struct ReplyBegin {
  std::string route;
  bool relayed = false;  // bytes() follow; else deltas()
  int attempts = 1;      // physical requests, this one included
  std::string tried;     // of them, what failed: "a/m rate_limited, b/m timeout"
  std::vector<std::string> dropped;
  std::vector<std::string> approximated;
  io::Headers limits;  // the provider's headers that a client is told (limits_of)
  // Of an answer of kOther, whose bytes() are of any kind.
  int status = 200;
  std::string type;  // Content-Type
};

// Where a streamed answer goes as it comes. One coroutine calls it and waits for it, so that a slow
// reader slows the upstream. An error stops the upstream request.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual io::Task<Status> begin(const ReplyBegin& begin) = 0;
  // Whole server-sent events of the request's dialect, as they came; of kOther any bytes.
  virtual io::Task<Status> bytes(std::string_view events) = 0;
  // The same, of a stream that is complete with them: nothing that matters follows.
  virtual io::Task<Status> last_bytes(std::string_view events) { return bytes(events); }
  // May be moved from.
  virtual io::Task<Status> deltas(std::vector<wire::Delta>& deltas) = 0;
  // Whether the client sees anything of the answer in this delta: text, a call, an end; not the
  // frame around it. Until one such comes, what came is held (of relayed streams where there is
  // somewhere else to go), and the request may be tried again.
  virtual bool shows(const wire::Delta& delta) const;
};

// What is known of an answer that is complete, before the sink is given its last piece.
struct AnswerEnd {
  std::optional<wire::Usage> usage;  // of all attempts that have ended
  std::optional<NanoUsd> cost;
  std::string_view finish_reason;
};

struct ClientOptions {
  Purse* purse = nullptr;  // asked before every attempt
  io::CancelToken cancel = {};
  ReplySink* sink = nullptr;  // set: the answer is streamed to it
  // The typed reply is wanted (for a row) also where the bytes are relayed.
  bool want_reply = false;
  // Called before the end of a streamed answer is given to the sink: whoever reads the end has an
  // answer of which this is known. The giving may still fail.
  std::function<void(const AnswerEnd&)> before_end = {};
};

// What came of a request. `error` and an answer exclude each other, but for streams that broke.
struct ClientResult {
  std::optional<Error> error;
  // The stream had begun and was cut; `error` says why. When `error_relayed`, the client has
  // already seen the provider's own error event.
  bool broken = false;
  bool error_relayed = false;
  // The last provider's answer, when it was an error of its own.
  Boxed<wire::WireError> said;
  std::optional<std::chrono::milliseconds> retry_after;

  bool begun = false;  // the sink's begin() was called
  bool relayed = false;
  bool end_mark = true;  // a relayed stream held its own; false: it ended well without one
  std::string raw;       // the body of a relayed whole answer
  std::optional<wire::TextPlace> raw_text;  // in it, as RelayedFacts::text
  std::string raw_type;                     // its content type
  int raw_status = 200;
  std::uint64_t passed_bytes = 0;  // of an answer of kOther that went on as it came
  Boxed<wire::ChatReply> reply;
  Boxed<wire::EmbeddingReply> embedding;

  std::string route;
  std::vector<Attempt> attempts;
  std::optional<wire::Usage> usage;  // of all attempts
  std::optional<NanoUsd> cost;       // of all attempts; nullopt: a price is not known
  std::string finish_reason;         // "stop", "length", ...
  std::vector<std::string> dropped;
  std::vector<std::string> approximated;
  io::Headers limits;
};

}  // namespace sighter::models
