#include "io/worker_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/check.hpp"
#include "base/log.hpp"
#include "io/channel.hpp"
#include "io/core.hpp"

namespace sighter::io {
namespace {

constexpr int kPatientDeaths = 3;  // deaths in a row before those who ask are sent away

struct Worker {
  std::unique_ptr<Subprocess> process;
  std::uint64_t answers = 0;
};

}  // namespace

struct WorkerPool::Impl : std::enable_shared_from_this<Impl> {
  Impl(Core& c, ProcessSpec s, WorkerPoolOptions o)
      : core(c), spec(std::move(s)), options(std::move(o)), gate(c, options.workers_max) {}

  struct Attempt {
    Result<std::string> answer = std::string();
    bool died_idle = false;  // it had ended by itself, in order, before it saw the line
  };

  Task<Status> be_patient(CancelToken token);
  Result<Worker> take();
  Task<Attempt> try_once(std::string line, CancelToken token);
  Task<Error> death_of(Worker& worker);
  void on_error_line(std::string_view line);
  Error died(Error error);
  SteadyTime now() const { return core.timers().now(); }

  Core& core;
  ProcessSpec spec;
  WorkerPoolOptions options;
  Gate gate;
  std::vector<Worker> idle;
  WorkerPoolStats stats;
  int deaths = 0;  // in a row, without an answer between them
  SteadyTime start_at{};
  Error last_death;
  SteadyTime log_window{};
  std::size_t log_lines = 0;
  std::size_t log_lines_dropped = 0;
};

void WorkerPool::Impl::on_error_line(std::string_view line) {
  if (!options.log) return;
  if (now() - log_window >= std::chrono::minutes(1)) {
    if (log_lines_dropped > 0) {
      options.log->info(
          "io", fmt::format("{}: {} more lines were dropped", options.name, log_lines_dropped));
    }
    log_window = now();
    log_lines = log_lines_dropped = 0;
  }
  if (log_lines >= options.log_lines_per_minute_max) {
    ++log_lines_dropped;
    return;
  }
  ++log_lines;
  options.log->info("io", fmt::format("{}: {}", options.name, line));
}

// Counts a death: the next start waits for it.
Error WorkerPool::Impl::died(Error error) {
  ++stats.died;
  deaths = std::min(deaths + 1, 30);
  const Duration pause = options.backoff_first * (std::int64_t{1} << (deaths - 1));
  start_at = now() + std::clamp<Duration>(pause, Duration::zero(), options.backoff_max);
  last_death = error;
  return error;
}

// Waits until a process may be started, or says at once why none is.
Task<Status> WorkerPool::Impl::be_patient(CancelToken token) {
  while (idle.empty() && now() < start_at) {
    if (deaths >= kPatientDeaths) {
      Error error = last_death;
      const auto left = std::chrono::ceil<std::chrono::seconds>(start_at - now()).count();
      error.hint =
          fmt::format("it died {} times in a row and is started again in {} s", deaths, left);
      co_return std::unexpected(std::move(error));
    }
    Status slept = co_await core.timers().sleep_until(start_at, token);
    if (!slept) co_return slept;
  }
  co_return Status{};
}

Result<Worker> WorkerPool::Impl::take() {
  while (!idle.empty()) {
    Worker worker = std::move(idle.back());
    idle.pop_back();
    if (worker.process->ended()) continue;
    if (worker.process->has_output()) {
      ++stats.killed;
      if (options.log) {
        options.log->warning("io", options.name + " wrote a line that nobody had asked for");
      }
      continue;
    }
    return worker;
  }
  auto process = Subprocess::start(core, spec);
  if (!process) return std::unexpected(process.error().in(options.name));
  ++stats.started;
  Worker worker{std::move(*process)};
  worker.process->on_error_line([weak = weak_from_this()](std::string_view line) {
    if (const auto alive = weak.lock()) alive->on_error_line(line);
  });
  return worker;
}

Task<Error> WorkerPool::Impl::death_of(Worker& worker) {
  worker.process->kill();  // it may have closed its output and live on
  const ExitStatus status = co_await worker.process->wait();
  const std::string& last = worker.process->last_error_line();
  Error error{Kind::kUpstream,
              fmt::format("{}: the program ended without an answer ({}){}{}", options.name,
                          status.words(), last.empty() ? "" : ": ", last),
              {}};
  co_return error;
}

Task<WorkerPool::Impl::Attempt> WorkerPool::Impl::try_once(std::string line, CancelToken token) {
  Attempt attempt;
  Result<Worker> worker = take();
  if (!worker) {
    attempt.answer = std::unexpected(died(worker.error()));
    co_return attempt;
  }
  // One token for both reasons to stop waiting.
  CancelSource stop(token);
  bool timed_out = false;
  Alarm alarm(core.timers(), [&timed_out, &stop] {
    timed_out = true;
    stop.cancel("time-out");
  });
  alarm.set_after(options.timeout);
  line.push_back('\n');
  Result<std::optional<std::string>> answer = std::optional<std::string>();
  Status written = co_await worker->process->write(std::move(line), stop.token());
  // A child that answered without reading everything has answered all the same.
  if (written || written.error().kind == Kind::kIo) {
    answer = co_await worker->process->read_line(options.line_bytes_max, stop.token());
  } else {
    answer = std::unexpected(written.error());
  }
  alarm.clear();

  if (answer && *answer && !worker->process->has_output()) {
    ++stats.answered;
    deaths = 0;
    start_at = {};
    attempt.answer = std::move(**answer);
    ++worker->answers;
    idle.push_back(std::move(*worker));
    co_return attempt;
  }
  if (answer && !*answer) {
    Error death = co_await death_of(*worker);
    const ExitStatus status = co_await worker->process->wait();
    attempt.died_idle = worker->answers > 0 && status.code == 0 && status.signal == 0;
    attempt.answer = std::unexpected(attempt.died_idle ? death : died(std::move(death)));
    co_return attempt;
  }
  ++stats.killed;
  if (answer) {
    attempt.answer =
        fail(Kind::kUpstream,
             fmt::format("{}: the program wrote more than one line for one request", options.name),
             "it is to write one line for each line it reads, and nothing else");
  } else if (timed_out) {
    attempt.answer = fail(
        Kind::kTimeout,
        fmt::format("{}: no answer within {} ms", options.name,
                    std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count()),
        "does the program flush its output after each line?");
  } else if (token.cancelled()) {
    attempt.answer = std::unexpected(token.error());
  } else {
    attempt.answer = std::unexpected(answer.error().in(options.name));
  }
  co_return attempt;
}

WorkerPool::WorkerPool(Core& core, ProcessSpec spec, WorkerPoolOptions options)
    : impl_(std::make_shared<Impl>(core, std::move(spec), std::move(options))) {}

WorkerPool::~WorkerPool() {
  impl_->core.call([this] { impl_.reset(); });
}

WorkerPoolStats WorkerPool::stats() const {
  return impl_->stats;
}

Task<Result<std::string>> WorkerPool::ask(std::string line, CancelToken token) {
  const std::shared_ptr<Impl> impl = impl_;
  CHECK(impl->core.on_thread());
  if (line.find('\n') != std::string::npos) {
    co_return fail(Kind::kInvalid, impl->options.name + ": a request of more than one line");
  }
  ++impl->stats.asked;
  Result<Permit> permit = co_await impl->gate.acquire(token);
  if (!permit) co_return std::unexpected(permit.error());
  for (bool again = true;; again = false) {
    const Status patient = co_await impl->be_patient(token);
    if (!patient) co_return std::unexpected(patient.error());
    Impl::Attempt attempt = co_await impl->try_once(line, token);
    if (!attempt.died_idle || !again) co_return std::move(attempt.answer);
  }
}

}  // namespace sighter::io
