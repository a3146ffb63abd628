#pragma once
// What is inside a Router, and one call on its way. For this room's sources only.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "io/http_client.hpp"
#include "models/adaptive_limit.hpp"
#include "models/hub_impl.hpp"
#include "models/router.hpp"
#include "wire/codec.hpp"
#include "wire/embeddings.hpp"

namespace sighter::models {

// A request and what came of it so far: a chat, or embeddings. Lives in the coroutine that runs it.
struct Call {
  ModelSpec spec;
  CompletionOptions options;
  std::optional<wire::ChatRequest> chat;
  std::optional<wire::EmbeddingRequest> embedding;

  std::vector<Attempt> attempts;
  bool shown = false;  // on_text was called: what follows cannot be taken back
  std::optional<wire::ChatReply> chat_reply;
  std::optional<wire::EmbeddingReply> embedding_reply;
  std::string route;
};

// Why an attempt failed and what may be done about it.
struct Trouble {
  Error error;
  bool retry = false;       // the same route may answer a little later
  bool next_route = false;  // another route may answer
  std::optional<std::chrono::milliseconds> retry_after;
};

// One answer of a provider, before it is judged.
struct Exchange {
  const Provider* provider = nullptr;
  const Route* route = nullptr;
  const wire::Codec* codec = nullptr;
  const wire::Quirks* quirks = nullptr;
  std::optional<Price> price;
  std::string key;
  std::size_t request_bytes = 0;
  SteadyTime sent{};
  int status = 0;
  bool output = false;           // some of the answer came
  std::size_t output_bytes = 0;  // of it, as far as it is text
  std::optional<wire::Usage> usage;
};

struct Router::Impl {
  Impl(io::Core& the_core, Hub& the_hub);

  // Tries the routes in order; the last trouble when none answers.
  io::Task<Status> run(Call& call);
  io::Task<Status> run_local(Call& call);
  AdaptiveLimit& limit(const Provider& provider, const Route& route);
  Result<std::string> key(const Provider& provider);

  io::Core& core;
  Hub& hub;
  io::HttpClient client;
  Random random;
  std::map<std::string, std::unique_ptr<AdaptiveLimit>> limits;  // by route
  struct Key {
    Result<std::string> secret;
    SteadyTime until;
  };
  std::map<std::string, Key> keys;  // by reference

 private:
  io::Task<std::optional<Trouble>> run_route(Call& call, const Route& route);
  io::Task<std::optional<Trouble>> attempt(Call& call, const Provider& provider, const Route& route);
  io::Task<std::optional<Trouble>> send(Call& call, Exchange& exchange, Attempt& attempt,
                                        std::string body);
  io::Task<std::optional<Trouble>> send_whole(Call& call, Exchange& exchange,
                                              io::HttpRequest request);
  io::Task<std::optional<Trouble>> send_streamed(Call& call, Exchange& exchange, Attempt& attempt,
                                                 io::HttpRequest request);
  io::Task<std::optional<Trouble>> read_events(Call& call, Exchange& exchange, Attempt& attempt,
                                               io::HttpStream& stream);
  std::optional<Trouble> take_body(Call& call, Exchange& exchange, std::string_view body);
  std::optional<Trouble> refused(const Exchange& exchange, const io::Headers& headers,
                                 std::string_view body);
  io::Duration pause(int failures, const Trouble& trouble);
  void settle(const Exchange& exchange, Hold& hold, Attempt& attempt);
};

// The cost of all attempts; nullopt when one of them has no known price.
std::optional<NanoUsd> sum_of(const std::vector<Attempt>& attempts);

}  // namespace sighter::models
