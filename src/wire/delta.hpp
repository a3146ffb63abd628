#pragma once
// A streamed reply as typed events, in order: Start, then blocks (BlockStart, its deltas,
// BlockStop; several may be open at a time), Finish of each choice, UsageDelta where the provider
// says, End. Blocks are numbered from 0 within their choice, in the order in which they began.

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/lost_names.hpp"
#include "wire/message.hpp"

namespace sighter::wire {

struct StreamStart {
  Dialect dialect = Dialect::kNone;
  std::string id{};
  std::string model{};
  std::optional<std::int64_t> created_s{};
  std::string service_tier{};
  std::optional<Usage> usage{};  // where the dialect counts the input first (Anthropic)
  Extra extra{};
};
// `block` is what is known at the start: a tool call has id and name, a text may have some text.
struct BlockStart {
  int choice = 0;
  int index = 0;
  Block block{};
};
struct BlockStop {
  int choice = 0;
  int index = 0;
};
struct TextDelta {
  int choice = 0;
  int index = 0;
  std::string text{};
};
struct ThinkingDelta {
  int choice = 0;
  int index = 0;
  std::string text{};
};
struct ArgumentsDelta {
  int choice = 0;
  int index = 0;
  std::string text{};
};
struct RefusalDelta {
  int choice = 0;
  int index = 0;
  std::string text{};
};
// Signatures come whole or in pieces that are appended.
struct SignatureDelta {
  int choice = 0;
  int index = 0;
  std::string text{};
};
struct CitationDelta {
  int choice = 0;
  int index = 0;
  Citation citation{};
};
// Members of a block that came later than its start; each replaces one of that name.
struct BlockExtra {
  int choice = 0;
  int index = 0;
  Extra extra{};
};
// A piece of the log-probabilities, in the shape of Chat Completions; lists in it are appended.
struct LogprobsDelta {
  int choice = 0;
  Json logprobs{};
};
struct Finish {
  int choice = 0;
  FinishReason reason{};
  std::string stop_sequence{};
};
// Members of the choice, its message or the reply; each replaces one of that name.
struct ChoiceExtra {
  int choice = 0;
  Extra extra{};
};
struct MessageExtra {
  int choice = 0;
  Extra extra{};
};
struct ReplyExtra {
  Extra extra{};
};
// The latest count is the true one (Anthropic counts up): it replaces what was said before.
struct UsageDelta {
  Usage usage{};
};
struct Ping {};
// An event of `dialect` that no other has; passed on within the dialect.
struct RawEvent {
  Dialect dialect = Dialect::kNone;
  std::string name{};
  Json json{};
};
// The provider broke off with words; nothing but the end of the bytes follows.
struct StreamError {
  WireError error{};
};
// The mark of a complete stream ([DONE], message_stop ...).
struct End {};

using Delta = std::variant<StreamStart, BlockStart, BlockStop, TextDelta, ThinkingDelta,
                           ArgumentsDelta, RefusalDelta, SignatureDelta, CitationDelta, BlockExtra,
                           LogprobsDelta, Finish, ChoiceExtra, MessageExtra, ReplyExtra, UsageDelta,
                           Ping, RawEvent, StreamError, End>;

// Reads the events of one stream. One object a stream, one thread at a time.
class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  // One event as io splits them: the name of its `event:` line or "", and its data. Appends to
  // `out`. An error (kUpstream) means that the event is not of this dialect: the stream is broken.
  virtual Status feed(std::string_view event, std::string_view data, std::vector<Delta>& out) = 0;
  // The same for who passes the bytes on and needs only what a row says: usage, finish reasons,
  // errors, the end. Events of content may be left out.
  virtual Status feed_relayed(std::string_view event, std::string_view data,
                              std::vector<Delta>& out) {
    return feed(event, data, out);
  }
  // The bytes ended. An error (kUpstream) when the dialect's mark of completeness was missing.
  virtual Status end(std::vector<Delta>& out) = 0;
};

// Writes the events of one stream as server-sent events, ready for the socket.
class StreamEncoder : public LostNames {
 public:
  virtual ~StreamEncoder() = default;
  // Appends zero or more whole events to `out`.
  virtual void write(const Delta& delta, std::string& out) = 0;
};

}  // namespace sighter::wire
