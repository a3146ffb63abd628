#pragma once
// What is inside a Router, and one call on its way. For this room's sources only.

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "io/http_client.hpp"
#include "models/adaptive_limit.hpp"
#include "models/hub_impl.hpp"
#include "models/outgoing.hpp"
#include "models/recent.hpp"
#include "models/router.hpp"
#include "models/selection.hpp"
#include "wire/codec.hpp"

namespace sighter::models {

// A request and what came of it so far. Lives in the coroutine that runs it.
struct Call {
  std::shared_ptr<const ModelSpec> spec;
  ClientRequest* request = nullptr;
  ClientOptions options;
  ClientResult result{};
};

// One physical request and its answer, before it is judged.
struct Exchange {
  const Provider* provider = nullptr;
  const Route* route = nullptr;
  const wire::Codec* codec = nullptr;
  const wire::Quirks* quirks = nullptr;
  std::optional<Price> price;
  std::string key;
  std::string key_reference;  // where it is from
  Outgoing out;               // its body and address are moved into the request
  io::HttpTrace trace;
  std::size_t request_bytes = 0;
  SystemTime start{};
  SteadyTime sent{};
  int lost = 0;  // of trace.attempts, those that are attempts of the call already (note_lost)
  int status = 0;
  bool output = false;           // some of the answer came
  std::size_t output_bytes = 0;  // of it, as far as it is text
  std::optional<wire::Usage> usage;
  io::Headers limits;  // the provider's headers that a client is told (limits_of)
};

// What an exchange used and cost.
struct Metered {
  std::optional<wire::Usage> usage;  // as the provider counted, or estimated from the bytes
  std::optional<NanoUsd> cost;       // nullopt: the price is not known
};
// `trouble`: why the answer did not come to its end; null where it did. Of such an answer the
// tokens are estimated where the provider did not count them.
Metered metered(const Call& call, const Exchange& exchange, const Trouble* trouble);
// Adds the requests that were lost on kept connections to the call's attempts: as soon as there is
// an answer to tell of them with, and at the end.
void note_lost(Call& call, Exchange& exchange);
// Says that the answer is complete, before its last piece is given to the client.
void tell_end(const Call& call, const Exchange& exchange);

struct Router::Impl {
  Impl(io::Core& the_core, Hub& the_hub);

  // Asks wherever the model is served; what came of it is in call.result.
  io::Task<void> run(Call& call);
  io::Task<Status> run_local(Call& call);
  // One for each key of a route: what a provider takes at a time it takes by key. It stays while
  // somebody waits at it or has a permit of it.
  AdaptiveLimit& limit(const Provider& provider, const std::string& route, std::size_t key);
  Result<std::string> secret(const Provider& provider, const std::string& reference);
  std::shared_ptr<RouteState> state(const Provider& provider, const std::string& route);

  io::Core& core;
  Hub& hub;
  io::HttpClient client;
  Random random;
  static constexpr std::size_t kRoutesMax = 256;              // looked up without the hub
  Recent<std::unique_ptr<AdaptiveLimit>> limits{kRoutesMax};  // by route and key
  Recent<std::shared_ptr<RouteState>> states{kRoutesMax};     // the hub's, by route
  struct Key {
    Result<std::string> secret;
    SteadyTime until;
  };
  std::map<std::string, Key> keys;  // by reference

 private:
  // local_route.cpp
  io::Task<Status> chat_locally(Call& call, Attempt& attempt,
                                std::shared_ptr<std::stop_source> stop);
  io::Task<Status> embed_locally(Call& call, Attempt& attempt,
                                 std::shared_ptr<std::stop_source> stop);
  io::Task<Status> count_locally(Call& call, std::shared_ptr<std::stop_source> stop);

  // retry.cpp: which route, how often
  io::Task<Status> run_routes(Call& call);
  io::Task<std::optional<Trouble>> run_model(Call& call);
  std::vector<Choice> choices_of(const ModelSpec& spec);
  io::Task<std::optional<Trouble>> ask(Call& call, Selection& selection, Target target);
  void report(Selection& selection, const Target& target, const std::optional<Trouble>& trouble,
              const ClientResult& result);

  // hedge.cpp: a second request when the first one is late
  struct Race;
  io::Task<std::optional<Trouble>> hedged(Call& call, Selection& selection, Target target,
                                          io::Duration late);
  io::Task<void> run_racer(Race& race, std::size_t index, Choice choice);

  // attempt.cpp: one physical request
  io::Task<std::optional<Trouble>> attempt(Call& call, const Choice& choice, std::size_t key);
  std::optional<Trouble> prepare(Call& call, const Choice& choice, std::size_t key,
                                 Exchange& exchange);
  void measure(const Call& call, const Choice& choice, const Attempt& attempt, bool good);
  io::Task<Result<Hold>> reserve(const Call& call, const Exchange& exchange);

  // answer_whole.cpp, answer_stream.cpp: what comes back
  io::Task<std::optional<Trouble>> send_whole(Call& call, Exchange& exchange);
  io::Task<std::optional<Trouble>> send_streamed(Call& call, Exchange& exchange, Attempt& attempt);
  io::Task<std::optional<Trouble>> whole_of_stream(Call& call, Exchange& exchange,
                                                   io::HttpStream& stream, bool as_it_is);
  // answer_passed.cpp
  io::Task<std::optional<Trouble>> send_passed(Call& call, Exchange& exchange);
  io::Task<std::optional<Trouble>> pass_on(Call& call, Exchange& exchange, io::HttpStream& stream);
  std::optional<Trouble> take_body(Call& call, Exchange& exchange, std::string body,
                                   const io::Headers& headers);
  std::optional<Trouble> refused(Call& call, const Exchange& exchange, const io::Headers& headers,
                                 std::string_view body);
};

// A failure that nothing can be done about.
Trouble stop(Error error);
// Something between us and the provider: DNS, sockets, deadlines, a cut reply.
Trouble of_transport(Error error, const Exchange& exchange);
io::Deadlines deadlines_of(const Exchange& exchange);
// Those headers of a provider's answer that a client is told, in small letters: rate limits and the
// id of the request there; of an answer that is `passed` on as it came, what its bytes are too.
// Never cookies, nor what belongs to the connection.
io::Headers limits_of(const io::Headers& headers, bool passed);
// "stop", "length", ...
// What is told with the first piece of a provider's answer.
ReplyBegin reply_begin(Call& call, Exchange& exchange);
// What a path that is passed on counts: as Chat Completions do, or input_tokens and output_tokens.
// nullopt: neither.
std::optional<wire::Usage> any_usage(const Json& usage);
std::string word_of(const wire::FinishReason& finish);
// The cost of all attempts; nullopt when one of them has no known price.
std::optional<NanoUsd> sum_of(const std::vector<Attempt>& attempts);

}  // namespace sighter::models
