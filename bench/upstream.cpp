// A model server that costs next to nothing: OpenAI Chat Completions, whole and streamed. It
// answers with the last text of the request, so that whoever loads it can check every answer.
//
//   upstream [port=0] [cores=1] [delay_ms=0] [bytes=757] [chunks=20] [chunk_ms=0]
//
// `bytes`: of a whole reply's body, at least. `chunks`: events with text of a streamed one; each
// holds the machine's monotonic time in nanoseconds, so that the other end knows how long it was on
// its way. With chunk_ms=0 a stream leaves in one piece. GET /stats counts what was asked. Prints
// its port on the first line and runs until its standard input ends.
#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/core.hpp"
#include "io/http_server.hpp"
#include "io/scope.hpp"

namespace {

using namespace sighter;
using namespace sighter::io;

struct Settings {
  std::int64_t port = 0, cores = 1, delay_ms = 0, bytes = 757, chunks = 20, chunk_ms = 0;
};

struct Counts {
  std::atomic<std::int64_t> requests = 0, streams = 0, finished = 0, open = 0, open_max = 0;
};

// The text after the last `"content":"` or `"text":"`, escapes as they are.
std::string_view last_text(std::string_view body) {
  std::size_t from = std::string_view::npos;
  for (const std::string_view mark : {R"("content":")", R"("text":")"}) {
    const std::size_t at = body.rfind(mark);
    if (at != body.npos && (from == body.npos || at + mark.size() > from)) from = at + mark.size();
  }
  if (from == body.npos) return {};
  std::size_t to = from;
  while (to < body.size() && body[to] != '"') to += body[to] == '\\' ? 2 : 1;
  return body.substr(from, std::min(to, body.size()) - from);
}

std::string whole_reply(std::string_view text, std::size_t bytes) {
  std::string out =
      R"({"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":")";
  out.append(text).append(R"("},"logprobs":null,"finish_reason":"stop"}],)");
  out.append(R"("usage":{"prompt_tokens":60,"completion_tokens":20,"total_tokens":80},)");
  out.append(R"("system_fingerprint":")");
  if (out.size() + 2 < bytes) out.append(bytes - out.size() - 2, 'f');
  return out.append("\"}");
}

std::string event(std::string_view delta, std::string_view finish) {
  return fmt::format(
      "data: "
      "{{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
      "\"model\":\"bench\",\"choices\":[{{\"index\":0,\"delta\":{},\"finish_reason\":{}}}]}}\n\n",
      delta, finish);
}

std::string text_event(const Clock& clock, std::int64_t index) {
  const std::int64_t now = clock.steady_now().time_since_epoch().count();
  return event(fmt::format(R"({{"content":"w{}@{} "}})", index, now), "null");
}

std::string last_events(bool usage) {
  std::string out = event("{}", "\"stop\"");
  if (usage) {
    out +=
        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":"
        "1700000000,\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":60,"
        "\"completion_tokens\":20,\"total_tokens\":80}}\n\n";
  }
  return out + "data: [DONE]\n\n";
}

class Answer {
 public:
  Answer(Core& core, const Settings& settings, Counts& counts)
      : core_(core), settings_(settings), counts_(counts) {}
  Task<void> operator()(ServerRequest& request, Responder& responder) const {
    return answer(*this, request, responder);
  }

 private:
  static Task<void> answer(Answer self, ServerRequest& request, Responder& responder) {
    Headers headers{{"Content-Type", "application/json"}};
    if (request.method() == "GET") {
      std::string text =
          fmt::format(R"({{"requests":{},"streams":{},"finished":{},"open_max":{}}})",
                      self.counts_.requests.load(), self.counts_.streams.load(),
                      self.counts_.finished.load(), self.counts_.open_max.load());
      const Status sent = co_await responder.send(200, std::move(headers), std::move(text));
      (void)sent;
      co_return;
    }
    Result<std::string> body = co_await request.read_body();
    if (!body) co_return;
    ++self.counts_.requests;
    if (self.settings_.delay_ms > 0) {
      const auto delay = std::chrono::milliseconds(self.settings_.delay_ms);
      const Status slept = co_await self.core_.timers().sleep_for(delay);
      (void)slept;
    }
    if (body->find("\"stream\":true") != std::string::npos ||
        body->find("\"stream\": true") != std::string::npos) {
      const bool usage = body->find("include_usage") != std::string::npos;
      co_await stream(self, responder, usage);
      co_return;
    }
    std::string text =
        whole_reply(last_text(*body), static_cast<std::size_t>(self.settings_.bytes));
    const Status sent = co_await responder.send(200, std::move(headers), std::move(text));
    if (sent) ++self.counts_.finished;
  }

  static Task<void> stream(Answer self, Responder& responder, bool usage) {
    ++self.counts_.streams;
    const std::int64_t open = ++self.counts_.open;
    if (open > self.counts_.open_max) self.counts_.open_max = open;
    Headers headers{{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}};
    Status status = responder.start(200, std::move(headers));
    std::string out = event(R"({"role":"assistant","content":""})", "null");
    const Clock& clock = self.core_.clock();
    for (std::int64_t i = 0; status && i < self.settings_.chunks; ++i) {
      if (self.settings_.chunk_ms > 0) {
        std::string now = std::exchange(out, {});
        status = co_await responder.write(std::move(now));
        if (!status) break;
        const auto gap = std::chrono::milliseconds(self.settings_.chunk_ms);
        status = co_await self.core_.timers().sleep_for(gap);
      }
      out += text_event(clock, i);
    }
    if (status) {
      out += last_events(usage);
      status = co_await responder.write(std::move(out));
    }
    if (status) status = co_await responder.finish();
    if (status) ++self.counts_.finished;
    --self.counts_.open;
  }

  Core& core_;
  const Settings& settings_;
  Counts& counts_;
};

bool read_settings(int count, char** words, Settings& settings) {
  std::map<std::string, std::int64_t*> names{
      {"port", &settings.port},   {"cores", &settings.cores},   {"delay_ms", &settings.delay_ms},
      {"bytes", &settings.bytes}, {"chunks", &settings.chunks}, {"chunk_ms", &settings.chunk_ms}};
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const std::size_t cut = word.find('=');
    const auto found = names.find(word.substr(0, cut));
    if (cut == word.npos || found == names.end()) return false;
    *found->second = std::strtoll(word.c_str() + cut + 1, nullptr, 10);
  }
  return true;
}

}  // namespace

int main(int count, char** words) {
  Settings settings;
  if (!read_settings(count, words, settings))
    return fmt::print("see the head of upstream.cpp\n"), 2;
  const RealClock clock;
  Counts counts;
  const Result<Listener> listener =
      Listener::open("127.0.0.1", static_cast<std::uint16_t>(settings.port));
  if (!listener) return fmt::print("{}\n", listener.error().message()), 1;
  Cores cores("upstream", static_cast<std::size_t>(settings.cores), clock);
  std::vector<std::unique_ptr<HttpServer>> servers;
  for (std::size_t i = 0; i < cores.size(); ++i) {
    Core& core = cores[i];
    servers.push_back(
        std::make_unique<HttpServer>(core, *listener, Answer(core, settings, counts)));
    HttpServer* server = servers.back().get();
    core.call([server] { (void)server->start(); });
  }
  fmt::print("{}\n", listener->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  for (std::size_t i = 0; i < cores.size(); ++i) {
    run_blocking(cores[i], servers[i]->stop(std::chrono::milliseconds(100)));
  }
  return 0;
}
