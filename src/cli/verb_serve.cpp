// sighter serve: the door, until somebody says stop.

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/arguments.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "io/time.hpp"
#include "serve/greeting.hpp"
#include "serve/server.hpp"

namespace sighter::cli {
namespace {

constexpr auto kLookInterval = std::chrono::seconds(2);  // at the certificate's files and the store

// Each client and each upstream request is a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Returns when the first signal has come.
io::Task<void> until_stopped(Session* session, serve::Server* server) {
  const io::CancelToken stop = session->signals().nicely();
  for (;;) {
    Status slept = co_await session->core().timers().sleep_for(kLookInterval, stop);
    if (!slept) co_return;
    server->look();
  }
}

void greet(Terminal& terminal, Session& session, const serve::Settings& settings,
           const serve::Server& server) {
  std::vector<std::string> warnings;
  session.core().call(
      [&] { warnings = serve::warnings(session.project().models, session.engine()); });
  for (const std::string& line : warnings) terminal.err(fmt::format("warning: {}\n", line));
  terminal.remark(serve::greeting(settings, server.port(), server.ops_port()));
  terminal.remark("Ctrl-C lets running requests finish and stops.\n");
}

// What a process that was killed had asked of upstreams.
Status take_leftovers(Session& session, Terminal& terminal) {
  Result<store::Leftovers> left = store::Leftovers::collect(session.inflight_folder());
  if (!left) return std::unexpected(left.error());
  if (!left->rows().empty()) {
    store::Batch batch;
    batch.calls = left->rows();
    Result<store::Receipt> stored = session.store()->commit(std::move(batch));
    if (!stored) return std::unexpected(stored.error());
    terminal.remark(fmt::format("{} calls of a process that was killed are now in the store\n",
                                stored->written));
  }
  return left->discard();
}

}  // namespace

Result<int> run_serve(const Arguments& arguments, Terminal& terminal) {
  raise_descriptor_limit();
  SessionOptions options;
  options.with_inflight = true;
  Result<std::unique_ptr<Session>> opened = Session::open(arguments, terminal, options);
  if (!opened) return std::unexpected(opened.error());
  Session& session = **opened;
  // Clients would find out one by one.
  if (!session.project().broken.empty())
    return std::unexpected(session.project().broken.front().why);
  Result<serve::Settings> settings =
      serve::read_settings(session.project().serve, session.project().folder);
  if (!settings) return std::unexpected(settings.error().in("sighter.toml"));
  if (const std::optional<std::string> text = arguments.text("listen")) {
    Result<serve::Address> address = serve::parse_address(*text);
    if (!address) return std::unexpected(address.error().in("--listen"));
    settings->listen = std::move(*address);
  }
  if (const std::optional<std::string> text = arguments.text("ops-listen")) {
    Result<std::optional<serve::Address>> address = serve::parse_ops_address(*text);
    if (!address) return std::unexpected(address.error().in("--ops-listen"));
    settings->ops_listen = std::move(*address);
  }
  if (Status taken = take_leftovers(session, terminal); !taken)
    return std::unexpected(taken.error().in("calls of a process that was killed"));
  Result<std::unique_ptr<serve::Server>> server =
      serve::Server::start(*settings, arguments.flag("open"), session.shared(), session.hub(),
                           session.clock(), session.log());
  if (!server) return std::unexpected(server.error());
  greet(terminal, session, *settings, **server);
  // The second signal does not wait: what was under way is in the in-flight file.
  std::optional<io::CancelRegistration> at_once;
  session.core().call([&] {
    at_once = session.signals().at_once().on_cancel(session.core(), [] { ::_exit(130); });
  });
  session.run(until_stopped(&session, server->get()));
  terminal.remark("stopping: running requests may finish\n");
  (*server)->stop();
  session.core().call([&] { at_once.reset(); });
  return 0;
}

}  // namespace sighter::cli
