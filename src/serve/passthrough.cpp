// Paths of a provider that mean nothing to the door: passed on unchanged, with the provider's own
// credentials, to the provider that the request names.

#include <algorithm>

#include "serve/conversation.hpp"
#include "serve/handlers.hpp"
#include "serve/multipart.hpp"

namespace sighter::serve {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kForm = "multipart/form-data";

// What is sent on is what was looked at: no escapes, nothing that a server could read otherwise.
bool plain(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-_.~:@").find(c) != std::string_view::npos;
  });
}

std::string upstream_path(const Exchange& exchange) {
  std::string path(exchange.request.path());
  if (path.starts_with("/v1/")) path.erase(0, 3);
  if (!exchange.request.query().empty()) path += "?" + std::string(exchange.request.query());
  return path;
}

// The model that the request names, and where it stands in a form.
struct NamedModel {
  std::string name;
  std::optional<FormField> field;
};

Result<NamedModel> named_model(const models::ClientRequest& request) {
  NamedModel out;
  if (!request.envelope.members().empty()) {
    Result<std::optional<std::string>> name = request.envelope.string(request.body, "model");
    if (!name) return std::unexpected(std::move(name.error()));
    out.name = name->value_or("");
  } else if (request.content_type.starts_with(kForm)) {
    out.field = find_form_field(request.content_type, request.body, "model");
    if (out.field)
      out.name = request.body.substr(out.field->begin, out.field->end - out.field->begin);
  }
  return out;
}

// "provider/model" or a name of [models] for the router. kNotFound: nothing says whom to ask.
Result<std::string> target_of(const Exchange& exchange, models::ClientRequest& request) {
  Result<NamedModel> named = named_model(request);
  if (!named) return std::unexpected(std::move(named.error()));
  if (!named->name.empty()) {
    if (Status good = check_model_name(named->name); !good) return std::unexpected(good.error());
  }
  const models::ModelsConfig& config = exchange.door.hub.config();
  const auto asked = exchange.request.headers().get("x-sighter-provider");
  std::string target;
  if (asked) {
    const std::string provider(*asked);
    if (config.provider(provider) == nullptr)
      return fail(Kind::kNotFound, fmt::format("there is no provider '{}'", provider),
                  "x-sighter-provider takes a name of [providers]");
    std::string upstream = named->name;
    if (upstream.starts_with(provider + "/")) upstream.erase(0, provider.size() + 1);
    // A path without a model is counted under its first word.
    if (upstream.empty())
      upstream = request.path.substr(1, request.path.find_first_of("/?", 1) - 1);
    target = provider + "/" + upstream;
  } else if (named->name.empty()) {
    return fail(Kind::kNotFound,
                fmt::format("nothing says whose {} is meant", exchange.request.path()),
                "name a provider in 'model' (provider/model) or in the header x-sighter-provider");
  } else {
    target = named->name;
  }
  if (named->field) request.model_at = {named->field->begin, named->field->end};
  return target;
}

}  // namespace

io::Task<void> pass_through(Exchange& exchange) {
  if (!plain(exchange.request.path())) {
    Error odd{
        Kind::kNotFound, "a path that is passed on holds letters, digits and -_.~:@ only", {}};
    co_await send_error(exchange, std::move(odd));
    co_return;
  }
  if (exchange.request.headers().has("anthropic-version"))
    exchange.dialect = wire::Dialect::kAnthropic;
  Result<std::string> body = co_await exchange.request.read_body();
  if (!body) {
    co_await send_error(exchange, std::move(body.error()));
    co_return;
  }
  models::ClientRequest request;
  request.dialect = exchange.dialect;
  request.endpoint = models::Endpoint::kOther;
  request.method = exchange.request.method() == "HEAD" ? "GET" : exchange.request.method();
  request.path = upstream_path(exchange);
  request.body = std::move(*body);
  request.headers = passed_on(exchange.request.headers());
  request.content_type = exchange.request.headers().get("content-type").value_or(kJson);
  if (request.content_type.starts_with(kJson) && !request.body.empty()) {
    Result<wire::Envelope> envelope = wire::Envelope::scan(request.body);
    if (!envelope) {
      co_await send_error(exchange, std::move(envelope.error()));
      co_return;
    }
    request.envelope = std::move(*envelope);
  }
  Result<std::string> target = target_of(exchange, request);
  if (!target) {
    co_await send_error(exchange, std::move(target.error()));
    co_return;
  }
  co_await converse(exchange, std::move(request), std::move(*target));
}

}  // namespace sighter::serve
