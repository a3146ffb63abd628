#include "io/resolver.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <list>
#include <unordered_map>

#include "io/blocking_pool.hpp"
#include "io/core.hpp"
#include "io/waiter.hpp"

namespace sighter::io {
namespace {

constexpr std::size_t kHostsMax = 1024;

Result<std::vector<std::string>> ask_system(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found);
  if (error != 0) {
    return fail(Kind::kUnavailable,
                fmt::format("cannot find the address of {}: {}", host, ::gai_strerror(error)),
                "check the spelling of the host, and the network");
  }
  std::vector<std::string> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0 &&
        std::ranges::find(addresses, text) == addresses.end()) {
      addresses.emplace_back(text);
    }
  }
  ::freeaddrinfo(found);
  return addresses;
}

struct Entry {
  std::optional<Result<std::vector<std::string>>> answer;
  SteadyTime fresh_until{};
  bool asking = false;
  std::list<Waiter*> waiting;
};

}  // namespace

struct Resolver::State : std::enable_shared_from_this<State> {
  State(Core& c, BlockingPool& p, Lookup l, Duration t)
      : core(c), pool(p), lookup(l ? std::move(l) : ask_system), ttl(t) {}
  Core& core;
  BlockingPool& pool;
  Lookup lookup;
  Duration ttl;
  std::unordered_map<std::string, std::shared_ptr<Entry>> hosts;

  std::shared_ptr<Entry> entry(const std::string& host);
  void ask(const std::string& host, const std::shared_ptr<Entry>& entry);
};

namespace {

// A question on its way to a thread of the pool and back.
struct Question {
  Core& core;
  std::weak_ptr<Resolver::State> asker;
  Resolver::Lookup lookup;
  std::string host;
  Duration ttl;
  std::shared_ptr<Entry> entry;

  void operator()() {
    core.post([asker = asker, entry = std::move(entry), ttl = ttl, at = &core,
               answer = lookup(host)]() mutable {
      if (asker.expired()) return;
      entry->asking = false;
      entry->fresh_until = at->clock().steady_now() + (answer ? ttl : Duration::zero());
      entry->answer = std::move(answer);
      for (Waiter* waiter : entry->waiting) waiter->wake();
    });
  }
};

}  // namespace

std::shared_ptr<Entry> Resolver::State::entry(const std::string& host) {
  if (const auto found = hosts.find(host); found != hosts.end()) return found->second;
  if (hosts.size() >= kHostsMax) {
    std::erase_if(hosts, [](const auto& item) { return !item.second->asking; });
  }
  return hosts.emplace(host, std::make_shared<Entry>()).first->second;
}

void Resolver::State::ask(const std::string& host, const std::shared_ptr<Entry>& entry) {
  entry->answer.reset();
  entry->asking = pool.post(Question{core, weak_from_this(), lookup, host, ttl, entry});
  if (!entry->asking) {
    entry->answer = fail(Kind::kUnavailable,
                         fmt::format("too many host names are being looked up to ask for {}", host),
                         "try again a little later");
  }
}

Resolver::Resolver(Core& core, BlockingPool& pool, Lookup lookup, Duration ttl)
    : state_(std::make_shared<State>(core, pool, std::move(lookup), ttl)) {}

Task<Result<std::vector<std::string>>> Resolver::resolve(std::string host, SteadyTime until,
                                                         CancelToken token) {
  boost::system::error_code not_numeric;
  boost::asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    std::vector<std::string> itself(1, host);
    co_return itself;
  }
  const std::shared_ptr<State> state = state_;
  Core& core = state->core;
  const std::shared_ptr<Entry> entry = state->entry(host);
  if (!entry->asking && (!entry->answer || core.timers().now() >= entry->fresh_until)) {
    state->ask(host, entry);
  }
  Waiter waiter(core);
  Alarm alarm(core.timers(), [&waiter] { waiter.wake(); });
  CancelRegistration registration = token.on_cancel(core, [&waiter] { waiter.wake(); });
  alarm.set(until);
  const auto place = entry->waiting.insert(entry->waiting.end(), &waiter);
  while (entry->asking && !token.cancelled() && core.timers().now() < until) {
    co_await waiter.wait();
  }
  entry->waiting.erase(place);
  if (token.cancelled()) co_return std::unexpected(token.error());
  if (entry->asking) {
    co_return fail(Kind::kTimeout, fmt::format("the address of {} was not found in time", host));
  }
  co_return *entry->answer;
}

}  // namespace sighter::io
