#include "serve/server.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "base/check.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "io/scope.hpp"
#include "serve/gate.hpp"
#include "serve/reply.hpp"
#include "serve/routes.hpp"
#include "wire/codec.hpp"

namespace sighter::serve {
namespace {

constexpr std::size_t kPemBytesMax = 1u << 20;

// By what a file is known to be another one, or written anew. The time of a copy may lie before the
// old file's.
struct FileMark {
  dev_t device = 0;
  ino_t inode = 0;
  off_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileMark&) const = default;
};

FileMark mark_of(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return {};
  const auto ns = [](const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; };
  return {info.st_dev, info.st_ino, info.st_size, ns(info.st_mtim), ns(info.st_ctim)};
}

struct Pem {
  std::string certificate, key;
};
struct PemMarks {
  FileMark certificate, key;
  bool operator==(const PemMarks&) const = default;
};

PemMarks marks_of(const Settings& settings) {
  return {mark_of(settings.certificate), mark_of(settings.certificate_key)};
}

Result<Pem> read_pem(const Settings& settings) {
  Pem pem;
  if (settings.certificate.empty()) return pem;
  Result<std::string> certificate = read_file(settings.certificate, kPemBytesMax);
  if (!certificate) return std::unexpected(certificate.error());
  Result<std::string> key = read_file(settings.certificate_key, kPemBytesMax);
  if (!key) return std::unexpected(key.error());
  pem.certificate = std::move(*certificate);
  pem.key = std::move(*key);
  return pem;
}

// In whose words an SDK is told that a path is not there.
wire::Dialect dialect_of(const io::Headers& headers) {
  return headers.has("anthropic-version") ? wire::Dialect::kAnthropic : wire::Dialect::kOpenAiChat;
}

// A refusal that has a status of its own and no kind of the house.
io::Task<void> refuse(Exchange& exchange, int status, std::string what) {
  wire::WireError wrong = wire::to_wire_error(Error{Kind::kInvalid, std::move(what), {}});
  wrong.status = status;
  std::string body = error_body(exchange.dialect, wrong);
  co_await send_json(exchange, status, std::move(body));
}

// Bytes that nobody here unpacks would be read as what they are not.
bool is_packed(const io::Headers& headers) {
  const auto coding = headers.get("Content-Encoding");
  return coding && !coding->empty() && !io::equals_ignoring_case(*coding, "identity");
}

io::Task<void> not_found(Exchange& exchange, bool path_known, bool ops) {
  Error error{Kind::kNotFound, fmt::format("there is no {}", exchange.request.path()),
              ops ? "this port has /healthz, /readyz and /metrics, nothing else"
                  : "docs/serve.md lists what there is"};
  if (path_known) {
    std::string what =
        fmt::format("{} does not take {}", exchange.request.path(), exchange.request.method());
    exchange.headers.set("Allow", methods_of(exchange.request.path()));
    co_await refuse(exchange, 405, std::move(what));
    co_return;
  }
  wire::WireError said = wire::to_wire_error(error);
  said.code = "unknown_url";  // as OpenAI says it; what is missing is no model
  std::string body = error_body(exchange.dialect, said);
  co_await send_json(exchange, 404, std::move(body));
}

}  // namespace

// One core of the door.
struct Lane {
  Lane(std::string name, const Clock& clock, bool is_ops = false)
      : core(std::move(name), clock), ops(is_ops) {}
  io::Core core;
  const bool ops;  // the operators'
  std::unique_ptr<functions::Engine> engine;
  std::unique_ptr<io::HttpServer> server;
};

struct Server::Impl {
  Impl(Settings settings, std::string key, functions::Shared& shared, models::Hub& hub,
       const Clock& clock, Log& log)
      : door(std::move(settings), std::move(key), shared, hub, clock, log) {}

  Status listen();
  Status open_lane(Lane& lane, const io::Listener& where, const Pem& pem);
  bool has_tls(const Lane& lane) const;
  io::Task<void> handle(Lane& lane, io::ServerRequest& request, io::Responder& responder);
  io::Task<void> answer(Exchange& exchange, bool ops);

  Door door;
  std::optional<io::Listener> listener, ops_listener;
  const std::shared_ptr<io::ServerGroup> group = io::make_server_group();  // not the operators'
  std::vector<std::unique_ptr<Lane>> lanes;  // the last one is the operators'
  PemMarks certificate_marks;     // of what was read last, whether it could be used or not
  bool certificate_fits = true;   // what was read last is in use
  std::string certificate_fault;  // what was said of it last
  bool store_fault = false;       // it was said that rows cannot be stored
  bool stopped = false;
};

// The steps that every request passes once: may it come in, where does it go, what became of it.
io::Task<void> Server::Impl::handle(Lane& lane, io::ServerRequest& request,
                                    io::Responder& responder) {
  const SteadyTime begin = lane.core.clock().steady_now();
  Exchange exchange{door, *lane.engine, request, responder};
  exchange.dialect = dialect_of(request.headers());
  // The operators' questions take nobody's place and wait for none.
  if (lane.ops) {
    co_await answer(exchange, true);
    co_return;
  }
  if (!door.metrics.enter(door.settings.in_flight_max)) {
    door.metrics.turned_away();
    const Match match = find_route(request.method(), request.path());
    if (match.path_known) exchange.dialect = match.dialect;
    Error full{Kind::kUnavailable, "too many requests are under way", "try again a little later"};
    co_await send_error(exchange, std::move(full));
    co_return;
  }
  co_await answer(exchange, false);
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(lane.core.clock().steady_now() - begin);
  door.metrics.leave(exchange.status, took);
}

io::Task<void> Server::Impl::answer(Exchange& exchange, bool ops) {
  io::ServerRequest& request = exchange.request;
  Match match = find_route(request.method(), request.path());
  if (ops && (match.route == nullptr || !match.route->ops)) match = {};
  exchange.dialect = match.path_known ? match.dialect : dialect_of(request.headers());
  if (match.route != nullptr) exchange.path_value = std::move(match.value);
  add_cors(request.headers(), door.settings, exchange.headers);
  const bool preflight = request.method() == "OPTIONS" && request.headers().has("Origin");
  Gate gate;
  gate.key = door.key;
  gate.loopback = (ops ? *door.settings.ops_listen : door.settings.listen).is_loopback();
  gate.open = preflight || (match.route != nullptr && match.route->open);
  std::optional<Error> refused = refusal(request.headers(), door.settings, gate);
  if (refused) {
    door.metrics.turned_away();
    co_await send_error(exchange, std::move(*refused));
    co_return;
  }
  if (preflight) {
    add_preflight(request.headers(), exchange.headers);
    std::string type;
    std::string body;
    co_await send_text(exchange, 204, std::move(type), std::move(body));
    co_return;
  }
  if (match.route == nullptr) {
    co_await not_found(exchange, match.path_known, ops);
    co_return;
  }
  if (is_packed(request.headers())) {
    std::string what = fmt::format("Content-Encoding: {} is not taken, send the body as it is",
                                   request.headers().get("Content-Encoding").value_or(""));
    co_await refuse(exchange, 415, std::move(what));
    co_return;
  }
  co_await match.route->handler(exchange);
}

// What the operators ask for on this machine goes over no network.
bool Server::Impl::has_tls(const Lane& lane) const {
  return !door.settings.certificate.empty() &&
         (!lane.ops || !door.settings.ops_listen->is_loopback());
}

Status Server::Impl::open_lane(Lane& lane, const io::Listener& where, const Pem& pem) {
  Status started;
  lane.core.call([&] {
    lane.engine = std::make_unique<functions::Engine>(lane.core, door.shared);
    io::HttpServerOptions options;
    options.log = &door.log;
    if (has_tls(lane)) {
      options.tls_certificate_pem = pem.certificate;
      options.tls_key_pem = pem.key;
    }
    if (!lane.ops) options.group = group;
    options.essential = lane.ops;
    Lane* own = &lane;
    auto handler = [this, own](io::ServerRequest& request, io::Responder& responder) {
      return handle(*own, request, responder);
    };
    lane.server =
        std::make_unique<io::HttpServer>(lane.core, where, std::move(handler), std::move(options));
    started = lane.server->start();
  });
  return started;
}

Status Server::Impl::listen() {
  const Settings& settings = door.settings;
  // Before the files are read: a change in between is seen at the next look.
  if (!settings.certificate.empty()) certificate_marks = marks_of(settings);
  Result<Pem> pem = read_pem(settings);
  if (!pem) return std::unexpected(pem.error());
  Result<io::Listener> main = io::Listener::open(settings.listen.host, settings.listen.port);
  if (!main) return std::unexpected(main.error());
  listener = std::move(*main);
  if (settings.ops_listen) {
    Result<io::Listener> ops =
        io::Listener::open(settings.ops_listen->host, settings.ops_listen->port);
    if (!ops) {
      return fail(ops.error().kind,
                  fmt::format("health and metrics: {} (the door itself would be {})",
                              ops.error().what, settings.listen.text()),
                  "another 'sighter serve' may run: --ops-listen 127.0.0.1:0 takes a free port, "
                  "--ops-listen off does without (or [serve] ops_listen)");
    }
    ops_listener = std::move(*ops);
  }
  const std::size_t count = settings.cores != 0
                                ? settings.cores
                                : std::max<std::size_t>(1, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) {
    lanes.push_back(std::make_unique<Lane>(fmt::format("serve {}", i), door.clock));
    Status opened = open_lane(*lanes.back(), *listener, *pem);
    if (!opened) return opened;
  }
  if (ops_listener) {
    lanes.push_back(std::make_unique<Lane>("ops", door.clock, true));
    return open_lane(*lanes.back(), *ops_listener, *pem);
  }
  return {};
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  CHECK(impl_->stopped);
}

Result<std::unique_ptr<Server>> Server::start(Settings settings, bool open,
                                              functions::Shared& shared, models::Hub& hub,
                                              const Clock& clock, Log& log) {
  for (const Address* address :
       {&settings.listen, settings.ops_listen ? &*settings.ops_listen : nullptr}) {
    if (address == nullptr || address->is_loopback() || !settings.key.empty() || open) continue;
    return fail(
        Kind::kForbidden,
        fmt::format("{} can be reached from other machines, and there is no key", address->text()),
        "set one: [serve] key = \"env:SIGHTER_KEY\"; or say --open");
  }
  Result<std::string> key = models::resolve_key(settings.key);
  if (!key) return std::unexpected(key.error().in("[serve] key"));
  if (!settings.key.empty() && key->empty())
    return fail(Kind::kUnauthorized, "[serve] key: it is empty");
  std::unique_ptr<Server> server(new Server(
      std::make_unique<Impl>(std::move(settings), std::move(*key), shared, hub, clock, log)));
  Status listening = server->impl_->listen();
  if (!listening) {
    server->stop();
    return std::unexpected(listening.error());
  }
  return server;
}

std::uint16_t Server::port() const {
  return impl_->listener->port();
}

std::optional<std::uint16_t> Server::ops_port() const {
  if (!impl_->ops_listener) return std::nullopt;
  return impl_->ops_listener->port();
}

void Server::look() {
  refresh_certificate();
  Impl& impl = *impl_;
  store::Store* store = impl.door.shared.store();
  if (store == nullptr) return;
  const store::WriterState writer = store->writer();
  if (writer.trouble.has_value() == impl.store_fault) return;
  impl.store_fault = writer.trouble.has_value();
  if (writer.trouble) {
    impl.door.log.error("serve", fmt::format("calls cannot be stored, {} rows wait: {}",
                                             writer.queued_rows, writer.trouble->message()));
  } else {
    impl.door.log.warning("serve", "calls are stored again");
  }
}

void Server::refresh_certificate() {
  Impl& impl = *impl_;
  const Settings& settings = impl.door.settings;
  if (settings.certificate.empty()) return;
  const PemMarks marks = marks_of(settings);
  // A pair that did not fit may have been read while it was being written: it is tried again.
  if (marks == impl.certificate_marks && impl.certificate_fits) return;
  impl.certificate_marks = marks;
  const Result<Pem> pem = read_pem(settings);
  Status taken = pem ? Status{} : Status(std::unexpected(pem.error()));
  for (std::unique_ptr<Lane>& lane : impl.lanes) {
    if (!taken) break;
    if (!impl.has_tls(*lane)) continue;
    lane->core.call([&] { taken = lane->server->set_certificate(pem->certificate, pem->key); });
  }
  impl.certificate_fits = taken.has_value();
  if (taken) {
    impl.certificate_fault.clear();
    impl.door.log.info("serve", "the certificate was read again");
    return;
  }
  std::string fault = taken.error().in("the new certificate is not used").message();
  if (fault == impl.certificate_fault) return;
  impl.door.log.error("serve", fault);
  impl.certificate_fault = std::move(fault);
}

void Server::stop() {
  Impl& impl = *impl_;
  impl.stopped = true;
  impl.door.stopping = true;
  // Who comes now is refused by the kernel and goes elsewhere, instead of waiting for nobody.
  if (impl.listener) impl.listener->close();
  // Side by side: each waits for its own requests. The operators' comes last, for they ask how far
  // it is.
  std::vector<std::jthread> waiting;
  for (std::unique_ptr<Lane>& lane : impl.lanes) {
    if (!lane->server) continue;
    if (lane->ops) waiting.clear();
    const std::chrono::seconds grace =
        lane->ops ? std::chrono::seconds(0) : impl.door.settings.grace;
    waiting.emplace_back(
        [lane = lane.get(), grace] { io::run_blocking(lane->core, lane->server->stop(grace)); });
  }
  waiting.clear();
  for (std::unique_ptr<Lane>& lane : impl.lanes) {
    lane->core.call([&] {
      lane->server.reset();
      lane->engine.reset();
    });
  }
}

}  // namespace sighter::serve
