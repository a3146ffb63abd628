#pragma once
// What the store keeps, as plain data. Every text is UTF-8; a field whose comment says "JSON" holds
// JSON text or is empty. An empty string or a nil id means "none".
//
// Ids are made when the thing starts (UUID version 7), so that id order is time order: listings,
// `since` and `until`, and pruning go by the time in the id.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/id.hpp"
#include "base/money.hpp"

namespace sighter::store {

using Micros = std::chrono::microseconds;

enum class CallStatus : std::uint8_t {
  kOk = 0,
  kError = 1,        // it ended with an error
  kCancelled = 2,    // the caller went away or asked to stop
  kInterrupted = 3,  // the process ended before the row could be written
  kBroken = 4,       // a stream that was cut before its end
};
// "ok", "error", "cancelled", "interrupted", "broken"
std::string_view to_string(CallStatus status);
std::optional<CallStatus> call_status_from(std::string_view word);

// What a provider counted. `cached` and `cache_write` are parts of `input`, `reasoning` of
// `output`.
struct Tokens {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cached = 0;
  std::int64_t cache_write = 0;
  std::int64_t reasoning = 0;
  auto operator<=>(const Tokens&) const = default;
};

// One application of a variant to an input. The first physical request of the call is in this row;
// latency, tokens and cost are those of all its own physical requests, not of calls that it made.
struct CallRow {
  Id id;
  Id parent;             // nil: nobody called it
  Id trace;              // nil reads and writes as `id`: the first call of its trace
  std::string function;  // empty: a plain model request
  std::string variant;
  std::optional<Digest> config;  // see ConfigRow
  CallStatus status = CallStatus::kOk;
  std::string error_kind;  // a word of sighter::Kind
  std::string error;
  SystemTime start{};
  Micros latency{0};
  std::optional<Micros> first_token;
  std::optional<Tokens> tokens;  // nullopt: nobody said
  std::optional<NanoUsd> cost;   // nullopt: the price is not known
  bool cache_hit = false;        // a stored output was used, nothing was paid
  std::string key;               // id of the key it was made with, never the key
  std::string model;             // as it was asked for
  std::string route;             // provider/upstream name that answered
  std::string finish_reason;
  std::string tags;     // JSON object of strings: {"user": "42"}
  std::string tried;    // JSON: what was tried before the answer, and why it failed
  std::string input;    // JSON: template arguments, not the rendered prompt
  std::string output;   // JSON
  std::string extras;   // JSON: fields of the raw response that nothing else holds
  std::string request;  // the body that was sent, when bodies are recorded
};

// The second and later physical requests of a call.
struct AttemptRow {
  Id call;
  int number = 2;  // from 2
  std::string route;
  CallStatus status = CallStatus::kOk;
  std::string error_kind;
  std::string error;
  SystemTime start{};
  Micros latency{0};
  std::optional<Micros> first_token;
  std::optional<Tokens> tokens;
  std::optional<NanoUsd> cost;
  std::string request;  // empty: the same bytes as the call's
  std::string extras;   // JSON
};

// A value for a metric, attached to a call or to a whole trace (one of the two is set).
struct FeedbackRow {
  Id id;
  Id call;
  Id trace;
  std::string metric;
  std::string value;   // JSON: true, 0.8, "billing"
  std::string source;  // who said so: "user", "label", a name
  std::string note;
  std::string client_key;  // the same key again is the same feedback, not a second one
};

// A call whose output may be used again: for the same fingerprint and repeat nothing is paid twice.
// The first 16 bytes of the fingerprint are kept.
struct OutputRow {
  Digest fingerprint{};
  int repeat = 0;
  Digest body{};               // hash of the body (variant as configured), for listings
  std::uint64_t case_key = 0;  // hash of the case
  Id call;
};

// `metric` says by what rule and against what expectation; its first 8 bytes are kept. A score
// given again replaces the first.
struct ScoreRow {
  Id call;
  Digest metric{};
  double value = 0.0;  // in [0, 1]
  std::string reason;
};

// What was asked of an evaluation or an aim, and what came out. Appended at the start and again,
// with `finished` and `result`, at the end: the later row replaces the earlier one. Holds no text
// of calls (erasure does not look into it).
struct RunRow {
  Id id;
  std::string kind;  // "ready", "aim", ...
  std::string function;
  std::optional<Digest> config;
  std::uint64_t seed = 0;
  SystemTime started{};
  std::optional<SystemTime> finished;
  std::string asked;   // JSON
  std::string result;  // JSON
};

struct VerdictRow {
  Id run;
  std::string variant;
  std::string verdict;  // "READY", "NOT READY", "UNDECIDED", "PASS", "FAIL"
  double score = 0.0;
  double low = 0.0;
  double high = 1.0;
  std::int64_t cases = 0;
  std::int64_t cases_total = 0;
  std::int64_t calls = 0;
  std::int64_t reused = 0;
  std::int64_t errors = 0;
  NanoUsd cost;
  std::optional<Micros> p50;
  std::optional<Micros> p95;
  std::string beaten_by;
  std::string detail;  // JSON
};

// A configuration, stored once under its hash. A call may name a configuration before it is stored.
struct ConfigRow {
  Digest hash{};
  std::string content;  // JSON
};

// A stored Response: found by its id until it expires.
struct ResponseRow {
  std::string id;
  Id call;  // nil: its call was not recorded
  std::string previous;
  SystemTime created{};
  SystemTime expires{};
  std::string items;  // JSON: input items and output items
  std::string body;   // JSON: the reply as it was given
};

// Rows that are committed together or not at all. Rows may name calls of the same batch, of earlier
// batches, and of the store.
struct Batch {
  std::vector<ConfigRow> configs;
  std::vector<CallRow> calls;
  std::vector<AttemptRow> attempts;
  std::vector<OutputRow> outputs;
  std::vector<ScoreRow> scores;
  std::vector<FeedbackRow> feedback;
  std::vector<ResponseRow> responses;
  std::vector<RunRow> runs;
  std::vector<VerdictRow> verdicts;

  std::size_t row_count() const;
  std::size_t byte_count() const;  // about: texts and fixed parts
};

}  // namespace sighter::store
