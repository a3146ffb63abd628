#include "serve/greeting.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sighter::serve {
namespace {

constexpr std::size_t kPlacesShown = 5;

bool is_everywhere(const Address& address) {
  return address.host == "0.0.0.0" || address.host == "::";
}

std::string url(const Address& address, std::uint16_t port, bool tls) {
  Address at = address;
  at.port = port;
  return fmt::format("{}://{}", tls ? "https" : "http", at.text());
}

// A fault and everything that it keeps from working.
struct Fault {
  Error error;
  std::vector<std::string> places;
};

void note(std::vector<Fault>& faults, const Error& error, std::string place) {
  auto fault = std::find_if(faults.begin(), faults.end(),
                            [&](const Fault& one) { return one.error.what == error.what; });
  if (fault == faults.end()) fault = faults.insert(faults.end(), Fault{error, {}});
  auto& places = fault->places;
  if (std::find(places.begin(), places.end(), place) == places.end())
    places.push_back(std::move(place));
}

std::string line_of(const Fault& fault) {
  std::string places;
  for (std::size_t i = 0; i < fault.places.size() && i < kPlacesShown; ++i)
    places += (i > 0 ? ", " : "") + fault.places[i];
  if (fault.places.size() > kPlacesShown)
    places += fmt::format(" and {} more", fault.places.size() - kPlacesShown);
  return fmt::format("{}: {}{}{}", places, fault.error.what, fault.error.hint.empty() ? "" : "; ",
                     fault.error.hint);
}

}  // namespace

std::string greeting(const Settings& settings, std::uint16_t port,
                     std::optional<std::uint16_t> ops_port) {
  const bool tls = !settings.certificate.empty();
  const bool wide = !settings.listen.is_loopback();
  Address near = settings.listen;
  if (is_everywhere(near)) near.host = near.host == "::" ? "::1" : "127.0.0.1";
  const std::string base = url(near, port, tls);
  std::string out =
      fmt::format("listening on {}{}\n", url(settings.listen, port, tls),
                  is_everywhere(settings.listen) ? ", which is every address of this machine" : "");
  if (ops_port) {
    const Address& ops = *settings.ops_listen;
    out +=
        fmt::format("health and metrics on {}\n", url(ops, *ops_port, tls && !ops.is_loopback()));
  }
  out += fmt::format("  OpenAI SDKs      base_url={0}/v1\n  Anthropic SDKs   base_url={0}\n", base);
  if (is_everywhere(settings.listen))
    out += "                   (here; elsewhere with a name of this machine)\n";
  if (!settings.key.empty()) {
    out += fmt::format("  key              the one in {}\n", settings.key);
  } else if (wide) {
    out += "  key              none: whoever reaches this port spends on your providers' keys\n";
  } else {
    out += "  key              any word: the port is open to this machine alone\n";
  }
  return out;
}

std::vector<std::string> warnings(const models::ModelsConfig& config, functions::Engine& engine) {
  std::vector<Fault> faults;
  for (const auto& [name, model] : config.models()) {
    const std::string place = fmt::format("[models.{}]", name);
    if (model.local) {
      if (const auto error = engine.router().unusable(name)) note(faults, *error, place);
      continue;
    }
    for (const models::Route& route : model.routes) {
      const models::Provider* provider = config.provider(route.provider);
      if (provider == nullptr) continue;
      if (const auto missing = config.missing_key(*provider)) note(faults, *missing, place);
    }
  }
  for (const functions::Function& function : engine.shared().project().functions) {
    for (const functions::Variant& variant : function.variants) {
      if (const auto error = engine.unusable(function, variant))
        note(faults, *error, fmt::format("functions/{} variant {}", function.name, variant.name));
    }
  }
  std::vector<std::string> lines;
  for (const Fault& fault : faults) lines.push_back(line_of(fault));
  return lines;
}

}  // namespace sighter::serve
