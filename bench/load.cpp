// Loads a gateway and checks every answer: whole replies or streams, Chat Completions or Messages.
//
//   load URL [door=chat|messages] [stream=0] [connections=64] [requests=20000] [seconds=0]
//        [chunks=20] [cores=1] [key=...] [model=bench]
//        [rate=0] [pause_ms=0] [header=NAME:VALUE...]
//
// Whole: the answer must repeat the request's own number. Streams: every piece in order, none
// twice, and the end mark. Pieces of bench/upstream hold the time at which they left it; the time
// on their way is from there to this program. `seconds` above 0 stops after so long instead of
// after `requests`. `rate` above 0: so many requests a second at most. `pause_ms` above 0: an
// answer of 429 or 503 with retry-after is a refusal and no fault, and its connection rests so
// long. Prints one line of JSON; ends with 1 when an answer was wrong.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/blocking_pool.hpp"
#include "io/core.hpp"
#include "io/http_client.hpp"
#include "io/scope.hpp"
#include "io/sse.hpp"
#include "io/time.hpp"

namespace {

using namespace sighter;
using namespace sighter::io;

struct Plan {
  Headers headers;
  std::string url, door = "chat", key, model = "bench";
  std::int64_t stream = 0, connections = 64, requests = 20'000, seconds = 0, chunks = 20, cores = 1;
  std::int64_t rate = 0, pause_ms = 0;
};

struct Seen {
  std::vector<float> took_us, first_us, way_us, refused_us;
  std::int64_t done = 0, wrong = 0, failed = 0;
  std::string first_fault;
  void fault(std::int64_t& count, std::string words) {
    ++count;
    if (first_fault.empty()) first_fault = std::move(words);
  }
};

struct Work {
  const Plan& plan;
  const Clock& clock;
  Core& core;
  HttpClient& client;
  std::atomic<std::int64_t>& left;
  SteadyTime until;
  Seen seen;
};

std::string body_of(const Plan& plan, std::string_view mark) {
  std::string out = fmt::format(R"({{"model":"{}",)", plan.model);
  if (plan.door == "messages") out += R"("max_tokens":256,)";
  if (plan.stream) out += R"("stream":true,)";
  out += R"("messages":[{"role":"user","content":")";
  out.append(mark).append(" ");
  const std::size_t wanted = 484 - std::min<std::size_t>(484, out.size() + 4);
  out.append(wanted, 'q');
  return out.append("\"}]}");
}

HttpRequest request_of(const Plan& plan, std::string_view mark) {
  HttpRequest request{.method = "POST", .url = plan.url, .body = body_of(plan, mark)};
  request.headers.add("Content-Type", "application/json");
  for (const auto& [name, value] : plan.headers.fields()) request.headers.add(name, value);
  if (!plan.key.empty()) request.headers.add("Authorization", "Bearer " + plan.key);
  return request;
}

float micros(std::int64_t ns) {
  return static_cast<float>(static_cast<double>(ns) / 1000.0);
}

// The pieces "w0@TIME w1@TIME ..." inside an event's data, whatever the dialect around them.
bool take_pieces(std::string_view data, Seen& seen, std::int64_t& next, std::int64_t now) {
  for (std::size_t at = data.find('w'); at != data.npos; at = data.find('w', at + 1)) {
    const char* begin = data.data() + at + 1;
    const char* end = data.data() + data.size();
    std::int64_t index = 0, sent = 0;
    const char* p = begin;
    while (p < end && *p >= '0' && *p <= '9') index = index * 10 + (*p++ - '0');
    if (p == begin || p == end || *p != '@') continue;
    const char* digits = ++p;
    while (p < end && *p >= '0' && *p <= '9') sent = sent * 10 + (*p++ - '0');
    if (p == digits) continue;
    if (index != next) return false;
    ++next;
    seen.way_us.push_back(micros(now - sent));
  }
  return true;
}

Task<void> one_stream(Work& work) {
  Seen& seen = work.seen;
  HttpRequest request = request_of(work.plan, "stream");
  const SteadyTime before = work.clock.steady_now();
  Result<std::unique_ptr<HttpStream>> stream = co_await work.client.open(std::move(request));
  if (!stream) {
    seen.fault(seen.failed, stream.error().message());
    co_return;
  }
  SseReader events;
  std::int64_t next = 0;
  bool first = true, ended = false, good = (*stream)->status() == 200;
  while (good) {
    Result<std::string_view> bytes = co_await (*stream)->read();
    if (!bytes) {
      seen.fault(seen.failed, bytes.error().message());
      co_return;
    }
    if (bytes->empty()) break;
    const SteadyTime now = work.clock.steady_now();
    if (std::exchange(first, false)) seen.first_us.push_back(micros((now - before).count()));
    events.feed(*bytes);
    for (;;) {
      const Result<std::optional<SseEvent>> event = events.next();
      if (!event || !*event) break;
      ended = ended || (*event)->data == "[DONE]" || (*event)->name == "message_stop";
      good = good && take_pieces((*event)->data, seen, next, now.time_since_epoch().count());
    }
  }
  seen.took_us.push_back(micros((work.clock.steady_now() - before).count()));
  ++seen.done;
  if (!good || !ended || next != work.plan.chunks) {
    seen.fault(seen.wrong, fmt::format("status {}, {} of {} pieces, end mark {}",
                                       (*stream)->status(), next, work.plan.chunks, ended));
  }
}

Task<void> one_whole(Work& work, std::int64_t number) {
  Seen& seen = work.seen;
  const std::string mark = fmt::format("case-{}-", number);
  HttpRequest request = request_of(work.plan, mark);
  const SteadyTime before = work.clock.steady_now();
  const Result<HttpReply> reply = co_await work.client.fetch(std::move(request));
  const float took = micros((work.clock.steady_now() - before).count());
  if (reply && work.plan.pause_ms > 0 && (reply->status == 429 || reply->status == 503) &&
      reply->headers.has("Retry-After")) {
    seen.refused_us.push_back(took);
    const Status rested =
        co_await work.core.timers().sleep_for(std::chrono::milliseconds(work.plan.pause_ms));
    (void)rested;
    co_return;
  }
  seen.took_us.push_back(took);
  if (!reply) {
    seen.fault(seen.failed, reply.error().message());
    co_return;
  }
  ++seen.done;
  if (reply->status != 200 || reply->body.find(mark) == std::string::npos) {
    seen.fault(seen.wrong, fmt::format("status {}: {}", reply->status, reply->body.substr(0, 200)));
  }
}

Task<void> ask(Work* work) {
  const Plan& plan = work->plan;
  const auto interval = std::chrono::nanoseconds(
      plan.rate > 0 ? 1'000'000'000 * plan.connections / plan.rate : std::int64_t{0});
  const CancelToken never;
  for (SteadyTime turn = work->clock.steady_now();; turn += interval) {
    if (plan.rate > 0) {
      const Status waited = co_await work->core.timers().sleep_until(turn, never);
      (void)waited;
    }
    const std::int64_t number = work->left.fetch_sub(1);
    if (number <= 0 || work->clock.steady_now() >= work->until) co_return;
    if (work->plan.stream) {
      co_await one_stream(*work);
    } else {
      co_await one_whole(*work, number);
    }
    if (work->seen.failed > 1000) co_return;
  }
}

float at(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto place =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, place);
  return *place;
}

bool read_plan(int count, char** words, Plan& plan) {
  if (count < 2) return false;
  plan.url = words[1];
  std::map<std::string, std::string*> texts{
      {"door", &plan.door}, {"key", &plan.key}, {"model", &plan.model}};
  std::map<std::string, std::int64_t*> numbers{
      {"stream", &plan.stream},   {"connections", &plan.connections}, {"requests", &plan.requests},
      {"seconds", &plan.seconds}, {"chunks", &plan.chunks},           {"cores", &plan.cores},
      {"rate", &plan.rate},       {"pause_ms", &plan.pause_ms}};
  for (int i = 2; i < count; ++i) {
    const std::string word = words[i];
    const std::size_t cut = word.find('=');
    if (cut == word.npos) return false;
    const std::string name = word.substr(0, cut), value = word.substr(cut + 1);
    const std::size_t colon = value.find(':');
    if (name == "header" && colon != value.npos) {
      plan.headers.add(value.substr(0, colon), value.substr(colon + 1));
    } else if (const auto text = texts.find(name); text != texts.end()) {
      *text->second = value;
    } else if (const auto number = numbers.find(name); number != numbers.end()) {
      *number->second = std::strtoll(value.c_str(), nullptr, 10);
    } else {
      return false;
    }
  }
  return true;
}

Seen sum_of(std::vector<std::unique_ptr<Work>>& all) {
  Seen sum;
  for (const auto& work : all) {
    const Seen& seen = work->seen;
    sum.done += seen.done;
    sum.wrong += seen.wrong;
    sum.failed += seen.failed;
    if (sum.first_fault.empty()) sum.first_fault = seen.first_fault;
    sum.took_us.insert(sum.took_us.end(), seen.took_us.begin(), seen.took_us.end());
    sum.first_us.insert(sum.first_us.end(), seen.first_us.begin(), seen.first_us.end());
    sum.way_us.insert(sum.way_us.end(), seen.way_us.begin(), seen.way_us.end());
    sum.refused_us.insert(sum.refused_us.end(), seen.refused_us.begin(), seen.refused_us.end());
  }
  return sum;
}

}  // namespace

int main(int count, char** words) {
  Plan plan;
  if (!read_plan(count, words, plan)) return fmt::print("see the head of load.cpp\n"), 2;
  const RealClock clock;
  Cores cores("load", static_cast<std::size_t>(plan.cores), clock);
  BlockingPool dns("dns", 1, 1024);
  std::atomic<std::int64_t> left =
      plan.seconds > 0 ? std::numeric_limits<std::int64_t>::max() : plan.requests;
  const SteadyTime begin = clock.steady_now();
  const SteadyTime until = begin + std::chrono::seconds(plan.seconds > 0 ? plan.seconds : 86'400);
  std::vector<std::unique_ptr<HttpClient>> clients;
  std::vector<std::unique_ptr<Scope>> scopes;
  std::vector<std::unique_ptr<Work>> all;
  HttpClientOptions options;
  options.idle_per_origin_max = 20'000;
  for (std::size_t i = 0; i < cores.size(); ++i) {
    clients.push_back(std::make_unique<HttpClient>(cores[i], dns, options));
    scopes.push_back(std::make_unique<Scope>(cores[i]));
    all.push_back(
        std::make_unique<Work>(Work{plan, clock, cores[i], *clients.back(), left, until, {}}));
  }
  for (std::int64_t i = 0; i < plan.connections; ++i) {
    const auto core = static_cast<std::size_t>(i) % cores.size();
    spawn(*scopes[core], "load", ask(all[core].get()));
  }
  for (std::size_t i = 0; i < cores.size(); ++i) run_blocking(cores[i], scopes[i]->join());
  const double seconds = std::chrono::duration<double>(clock.steady_now() - begin).count();
  Seen sum = sum_of(all);
  fmt::print(
      "{{\"done\":{},\"wrong\":{},\"failed\":{},\"seconds\":{:.3f},\"per_second\":{:.1f},"
      "\"p50_us\":{:.1f},\"p99_us\":{:.1f},\"first_p50_us\":{:.1f},\"first_p99_us\":{:.1f},"
      "\"way_p50_us\":{:.1f},\"way_p99_us\":{:.1f},\"refused\":{},\"refused_p50_us\":{:.1f},"
      "\"refused_p99_us\":{:.1f}}}\n",
      sum.done, sum.wrong, sum.failed, seconds, static_cast<double>(sum.done) / seconds,
      at(sum.took_us, 0.5), at(sum.took_us, 0.99), at(sum.first_us, 0.5), at(sum.first_us, 0.99),
      at(sum.way_us, 0.5), at(sum.way_us, 0.99), sum.refused_us.size(), at(sum.refused_us, 0.5),
      at(sum.refused_us, 0.99));
  if (!sum.first_fault.empty()) std::fprintf(stderr, "first fault: %s\n", sum.first_fault.c_str());
  clients.clear();
  return sum.wrong + sum.failed > 0 ? 1 : 0;
}
