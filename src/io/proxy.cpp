// Which proxy a request goes through.
#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <cstdlib>

#include "io/http_client.hpp"

namespace sighter::io {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> numeric(std::string_view host) {
  boost::system::error_code error;
  const ip::address address = ip::make_address(std::string(host), error);
  if (error) return std::nullopt;
  return address;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  const auto address = numeric(host);
  return address && address->is_loopback();
}

bool in_network(const std::string& network, const ip::address& address) {
  boost::system::error_code error;
  if (address.is_v4()) {
    const auto net = ip::make_network_v4(network, error);
    if (error) return false;
    const auto only = ip::network_v4(address.to_v4(), 32);
    return only.is_subnet_of(net) || only.canonical() == net.canonical();
  }
  const auto net = ip::make_network_v6(network, error);
  if (error) return false;
  const auto only = ip::network_v6(address.to_v6(), 128);
  return only.is_subnet_of(net) || only.canonical() == net.canonical();
}

bool matches(std::string_view pattern, const Url& url) {
  if (pattern == "*") return true;
  if (pattern.find('/') != std::string_view::npos) {
    const auto address = numeric(url.host);
    return address && in_network(std::string(pattern), *address);
  }
  // host:port; an IPv6 address has more colons than one.
  const std::size_t colon = pattern.find(':');
  if (colon != std::string_view::npos && pattern.find(':', colon + 1) == std::string_view::npos) {
    if (pattern.substr(colon + 1) != std::to_string(url.port)) return false;
    pattern = pattern.substr(0, colon);
  }
  if (pattern.starts_with("*.")) pattern.remove_prefix(1);
  if (pattern.starts_with(".")) {
    return equals_ignoring_case(pattern.substr(1), url.host) ||
           (url.host.size() > pattern.size() &&
            equals_ignoring_case(url.host.substr(url.host.size() - pattern.size()), pattern));
  }
  if (equals_ignoring_case(pattern, url.host)) return true;
  // "example.com" also means the hosts below it.
  return !numeric(url.host) && url.host.size() > pattern.size() + 1 &&
         url.host[url.host.size() - pattern.size() - 1] == '.' &&
         equals_ignoring_case(url.host.substr(url.host.size() - pattern.size()), pattern);
}

}  // namespace

ProxySettings ProxySettings::from_environment(const std::function<const char*(const char*)>& get) {
  const auto first = [&get](std::initializer_list<const char*> names) -> std::string {
    for (const char* name : names) {
      const char* value = get(name);
      if (value != nullptr && *value != '\0') return value;
    }
    return {};
  };
  ProxySettings settings;
  settings.http = first({"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
  settings.https = first({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  const std::string list = first({"no_proxy", "NO_PROXY"});
  for (std::size_t start = 0; start < list.size();) {
    const std::size_t end = std::min(list.find_first_of(", ", start), list.size());
    if (end > start) settings.no_proxy.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return settings;
}

ProxySettings ProxySettings::from_environment() {
  return from_environment([](const char* name) { return std::getenv(name); });
}

std::string_view ProxySettings::proxy_for(const Url& url) const {
  const std::string& proxy = url.https ? https : http;
  if (proxy.empty() || is_loopback(url.host)) return {};
  for (const std::string& pattern : no_proxy) {
    if (matches(pattern, url)) return {};
  }
  return proxy;
}

}  // namespace sighter::io
