#pragma once
// Every dialect offers the same functions; this is their form, and the table that finds them by
// dialect, so that any front door works over any upstream.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/delta.hpp"
#include "wire/message.hpp"
#include "wire/quirks.hpp"

namespace sighter::wire {

struct EncodeOptions {
  // The model name to write; empty: the request's or reply's own.
  std::string_view model = {};
  const Quirks* quirks = nullptr;  // of the upstream; nullptr: the dialect as documented
  // Parameters that may be left out where the dialect cannot express them, by the name that the
  // error gives ("logit_bias", "messages.content.audio"); "*" allows all.
  std::span<const std::string> allow_drop = {};
  // Written where the dialect demands a limit and the request has none (Anthropic).
  std::int64_t max_tokens_default = 8192;
  // Overrides the request's own `stream`, with usage asked for; nullopt: as the request says.
  std::optional<bool> stream = {};
  // Unix time for replies whose own dialect has no time of creation.
  std::int64_t now_s = 0;
  // Of encode_reply: what the client asked, which Responses says again. It is not kept.
  const ChatRequest* request = nullptr;
};

struct Encoded {
  std::string body{};                  // JSON
  std::vector<std::string> dropped{};  // what the dialect cannot express, by name, each once
  std::vector<std::string>
      approximated{};  // what it expresses less exactly: "reasoning.budget_tokens"
};

struct HeaderView {
  std::string_view name{};  // any case
  std::string_view value{};
};

struct Codec {
  Dialect dialect = Dialect::kNone;

  // kInvalid, naming the member and its place, when `body` is not a request of this dialect.
  Result<ChatRequest> (*decode_request)(Json body) = nullptr;
  // kInvalid, naming every parameter that cannot be expressed and that allow_drop does not list.
  Result<Encoded> (*encode_request)(const ChatRequest& request,
                                    const EncodeOptions& options) = nullptr;

  // kUpstream when `body` is not a reply of this dialect. The quirks may be nullptr.
  Result<ChatReply> (*decode_reply)(Json body, const Quirks* quirks) = nullptr;
  // Never fails: a reply was paid for. What is lost is named in `dropped`.
  Encoded (*encode_reply)(const ChatReply& reply, const EncodeOptions& options) = nullptr;

  std::unique_ptr<StreamDecoder> (*stream_decoder)(const Quirks* quirks) = nullptr;
  // `request` is what the client asked (usage chunk or not); it is not kept.
  std::unique_ptr<StreamEncoder> (*stream_encoder)(const ChatRequest& request,
                                                   const EncodeOptions& options) = nullptr;

  // The body of an answer that is not 2xx (or of an error event with status 0), whatever it is.
  WireError (*decode_error)(int status, std::string_view body) = nullptr;
  std::string (*encode_error)(const WireError& error) = nullptr;
};

// nullptr for kNone.
const Codec* codec_of(Dialect dialect);

// What went wrong where the provider itself says that its answer failed (FinishReason::kError in
// each choice): no end that a client may take for a good one. nullopt where it is an answer.
std::optional<WireError> failure_of(const ChatReply& reply);
// The same of the finish reason of a stream; `reason` is one of kind kError.
WireError failure_of(const FinishReason& reason, std::string_view words = {});

// An error of the house as a provider would say it, for encode_error.
WireError to_wire_error(const Error& error);

// How long the provider asks to wait: retry-after-ms, retry-after (seconds or an HTTP date), else
// the reset times of the limits that have nothing left (x-ratelimit-reset-*: "6m0s", "120ms";
// anthropic-ratelimit-*-reset: a time). At least zero; nullopt when no header says.
std::optional<std::chrono::milliseconds> retry_after(
    std::span<const HeaderView> headers, std::chrono::sys_time<std::chrono::microseconds> now);

}  // namespace sighter::wire
