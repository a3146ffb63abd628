#include "models/config.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/similar.hpp"

namespace sighter::models {
namespace {

struct Known {
  std::string_view name;
  std::string_view base_url;
  std::string_view variable;  // that usually holds the key; empty: no key
  wire::Dialect dialect = wire::Dialect::kOpenAiChat;
};

// Providers that need only a key. An address or a variable may be overridden in sighter.toml.
constexpr Known kKnown[] = {
    {"openai", "https://api.openai.com/v1", "OPENAI_API_KEY"},
    {"anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", wire::Dialect::kAnthropic},
    {"gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"},
    {"groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"},
    {"mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"},
    {"deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"},
    {"together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"},
    {"fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"},
    {"openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"},
    {"cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"},
    {"xai", "https://api.x.ai/v1", "XAI_API_KEY"},
    {"bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com", "AWS_BEARER_TOKEN_BEDROCK",
     wire::Dialect::kBedrock},
    {"ollama", "http://127.0.0.1:11434/v1", ""},
};

constexpr std::string_view kFunctionPrefix = "function";  // of functions as models
// Google's own dialect lies beside the one that `gemini` speaks without a word.
constexpr std::string_view kGeminiUrl = "https://generativelanguage.googleapis.com/v1beta";

const Timeouts kTimeouts{limits::kConnectTimeout, limits::kFirstByteTimeout, limits::kGapTimeout,
                         limits::kTotalTimeout};

std::vector<std::string> names_of(const auto& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

void set_timeout(const TomlTable& table, std::string_view key, std::chrono::milliseconds& timeout) {
  timeout = read_timeout(table, key).value_or(timeout);
}

bool is_reference(std::string_view key) {
  return key.starts_with("env:") || key.starts_with("file:");
}

std::optional<Price> read_price(const TomlTable& table) {
  if (!table.has("price")) return std::nullopt;
  const TomlTable row = table.table("price");
  Price price;
  price.input = row.number("input", 0, 1e6).value_or(0);
  price.output = row.number("output", 0, 1e6).value_or(0);
  price.cache_read = row.number("cache_read", 0, 1e6);
  price.cache_write = row.number("cache_write", 0, 1e6);
  return price;
}

void read_authentication(const TomlTable& table, Provider& provider) {
  const auto how = table.word(
      "authentication", {"bearer", "x-api-key", "x-goog-api-key", "api-key", "query", "none"});
  if (!how) return;
  provider.authentication = *how == "bearer"  ? Authentication::kBearer
                            : *how == "none"  ? Authentication::kNone
                            : *how == "query" ? Authentication::kQuery
                                              : Authentication::kHeader;
  provider.key_name = *how == "query" ? "key" : *how;
}

std::string_view host_of(std::string_view url) {
  const std::size_t begin = url.find("//");
  if (begin == url.npos) return {};
  const std::string_view rest = url.substr(begin + 2);
  return rest.substr(0, rest.find_first_of(":/?#"));
}

bool is_azure(std::string_view url) {
  const std::string_view host = host_of(url);
  return host.ends_with(".openai.azure.com") || host.ends_with(".cognitiveservices.azure.com") ||
         host.ends_with(".services.ai.azure.com");
}

// Azure OpenAI takes its keys in a header of its own, and has two sorts of addresses: with the
// deployment and the interface's version in them, and /openai/v1 without either.
void read_azure(const TomlTable& table, Provider& provider) {
  if (!is_azure(provider.base_url)) return;
  if (!table.has("authentication") && provider.authentication == Authentication::kBearer) {
    provider.authentication = Authentication::kHeader;
    provider.key_name = "api-key";
  }
  const std::size_t path = provider.base_url.find('/', provider.base_url.find("//") + 2);
  if (path == provider.base_url.npos)
    provider.base_url += provider.api_version.empty() ? "/openai/v1" : "/openai";
  if (provider.api_version.empty() && !provider.base_url.ends_with("/v1"))
    table.mistake("api_version", fmt::format("'{}' needs an api_version", provider.base_url),
                  "api_version = \"2024-10-21\", or the address that ends in /openai/v1");
}

std::optional<Route> split_route(std::string_view name) {
  const std::size_t cut = name.find_first_of("/:");
  if (cut == name.npos || cut == 0 || cut + 1 == name.size()) return std::nullopt;
  return Route{.provider = std::string(name.substr(0, cut)),
               .upstream = std::string(name.substr(cut + 1))};
}

// What is wrong with an address of a provider, in words; "" when nothing is.
std::string wrong_with_url(std::string_view url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return fmt::format("'{}' does not begin with http:// or https://", url);
  const auto broken = [](unsigned char c) { return c <= 0x20 || c == 0x7f; };
  if (std::ranges::any_of(url, broken))
    return "the address holds a blank, a line break or another control character";
  std::string_view host = url.substr(url.find("//") + 2);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.contains('@')) return "the address holds a name or a password";
  const std::size_t colon = host.find(':', host.starts_with('[') ? host.find(']') : 0);
  const std::string_view port = colon == host.npos ? "" : host.substr(colon + 1);
  if (host.substr(0, colon).empty()) return fmt::format("'{}' names no host", url);
  if (colon == host.npos) return "";
  int number = 0;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (code != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535)
    return fmt::format("'{}' is no port: it is a number from 1 to 65535", port);
  return "";
}

void read_completions(const TomlTable& table, Provider& provider) {
  if (const auto has = table.boolean("completions")) {
    const bool openai = provider.dialect == wire::Dialect::kOpenAiChat ||
                        provider.dialect == wire::Dialect::kOpenAiResponses;
    if (*has && !openai)
      table.mistake("completions", "only a server that speaks OpenAI has legacy completions",
                    "leave it out: each prompt is a conversation there");
    provider.completions = *has;
  }
}

}  // namespace

ModelsConfig::ModelsConfig() {
  for (const Known& known : kKnown) {
    Provider provider;
    provider.name = known.name;
    provider.dialect = known.dialect;
    provider.base_url = known.base_url;
    provider.authentication = known.variable.empty() ? Authentication::kNone
                              : known.dialect == wire::Dialect::kAnthropic
                                  ? Authentication::kHeader
                                  : Authentication::kBearer;
    if (!known.variable.empty()) provider.key = "env:" + std::string(known.variable);
    provider.timeouts = kTimeouts;
    provider.quirks = &quirks_of(provider);
    providers_.emplace(provider.name, std::move(provider));
  }
}

void ModelsConfig::read_provider(const TomlTable& table, const std::string& name) {
  const auto known = providers_.find(name);
  Provider provider;
  if (known != providers_.end()) provider = known->second;
  provider.name = name;
  if (name == kFunctionPrefix)
    table.mistake("", "no provider can be called 'function'",
                  "function/NAME is a function of the project; give it another name");
  if (known == providers_.end()) provider.timeouts = kTimeouts;
  if (const auto dialect =
          table.word("dialect", {"openai", "anthropic", "openai-responses", "gemini", "bedrock"})) {
    provider.dialect = *wire::dialect_from(*dialect);
    if (known == providers_.end() && provider.dialect == wire::Dialect::kAnthropic)
      provider.authentication = Authentication::kHeader;
    if (provider.dialect == wire::Dialect::kGemini) {
      provider.authentication = Authentication::kHeader;
      provider.key_name = "x-goog-api-key";
    }
  }
  if (const auto url = table.string("base_url")) {
    provider.base_url = *url;
    while (provider.base_url.ends_with('/')) provider.base_url.pop_back();
    if (std::string wrong = wrong_with_url(*url); !wrong.empty())
      table.mistake("base_url", std::move(wrong),
                    "for example http://127.0.0.1:8000/v1, without a name or password in it");
  } else if (provider.dialect == wire::Dialect::kGemini) {
    provider.base_url = kGeminiUrl;
  } else if (known == providers_.end()) {
    table.mistake("", fmt::format("the provider '{}' has no base_url", name),
                  did_you_mean(name, names_of(providers_)));
  }
  if (table.has("key")) {
    std::vector<std::string> keys;
    if (table.is_array("key")) {
      keys = table.strings("key");
    } else {
      keys.push_back(table.string("key", ""));
    }
    if (keys.empty()) table.mistake("key", "the list of keys is empty", "leave it out");
    if (!std::all_of(keys.begin(), keys.end(), is_reference)) {
      table.mistake("key", "a key is given by reference, never by value",
                    "key = \"env:NAME\" or \"file:PATH\", or a list of these");
    }
    if (!keys.empty()) provider.key = keys.front();
    if (keys.size() > 1) provider.more_keys.assign(keys.begin() + 1, keys.end());
  } else {
    static_cast<void>(table.string("key"));  // so that it is known where a wrong name is told
    if (known == providers_.end()) provider.authentication = Authentication::kNone;
  }
  read_authentication(table, provider);
  Extras extras = read_extras(table);
  for (auto& header : extras.headers) provider.headers.push_back(std::move(header));
  if (table.has("extra_body")) provider.extra_body = std::move(extras.body);
  provider.api_version = table.string("api_version").value_or(provider.api_version);
  read_azure(table, provider);
  read_completions(table, provider);
  set_timeout(table, "connect_timeout_s", provider.timeouts.connect);
  set_timeout(table, "first_byte_timeout_s", provider.timeouts.first_byte);
  set_timeout(table, "gap_timeout_s", provider.timeouts.gap);
  set_timeout(table, "timeout_s", provider.timeouts.total);
  provider.retries = static_cast<int>(table.integer("retries", 0, 20).value_or(provider.retries));
  if (const auto most = table.integer("parallel_max", 1, 100000))
    provider.parallel_max = static_cast<int>(*most);
  provider.breaker = read_breaker(table, provider.breaker);
  provider.quirks = &quirks_of(provider);
  providers_.insert_or_assign(name, std::move(provider));
}

// A list of names, or of tables with a name in "route" and what that route says otherwise.
void ModelsConfig::read_routes(const TomlTable& table, ModelSpec& model) {
  if (table.is_empty_array("routes"))
    table.mistake("routes", fmt::format("'routes' of the model '{}' is empty", model.name),
                  "name at least one: routes = [\"provider/model\"]");
  const auto named = [&](const TomlTable& at, std::string_view key, const std::string& text) {
    std::optional<Route> route = split_route(text);
    if (!route || !providers_.contains(route->provider)) {
      const std::string provider = route ? route->provider : text;
      at.mistake(key, fmt::format("'{}' names no provider", text),
                 route ? did_you_mean(provider, names_of(providers_)) : "write provider/model");
      route.reset();
    }
    return route;
  };
  if (table.is_array_of_tables("routes")) {
    for (const TomlTable& one : table.tables("routes")) {
      if (std::optional<Route> route = named(one, "route", one.string("route", ""))) {
        read_route(one, *route);
        model.routes.push_back(std::move(*route));
      }
    }
    return;
  }
  for (const std::string& text : table.strings("routes")) {
    if (std::optional<Route> route = named(table, "routes", text))
      model.routes.push_back(std::move(*route));
  }
}

// After all models were read, for a fall-back may be written before the model that it names.
void ModelsConfig::check_fallbacks(const TomlTable& models) {
  for (const auto& [name, model] : models_) {
    for (const std::string& other : model.routing.fallback) {
      const TomlTable table = models.table(name);
      if (other == name)
        table.mistake("fallback", fmt::format("the model '{}' falls back to itself", name));
      else if (const Result<ModelSpec> found = find(other); !found)
        table.mistake("fallback", found.error().what, found.error().hint);
    }
  }
}

void ModelsConfig::read_model(const TomlTable& table, const std::string& name,
                              const std::filesystem::path& folder) {
  ModelSpec model;
  model.name = name;
  if (name.starts_with(std::string(kFunctionPrefix) + "/"))
    table.mistake("", fmt::format("the model '{}' would be a function", name),
                  "function/NAME is a function of the project; give it another name");
  model.price = read_price(table);
  model.routing = read_routing(table);
  if (const auto file = table.string("file")) {
    LocalFile local;
    local.wanted = *file;
    local.path = file->starts_with("cache:") ? user_cache_folder() / "models" / file->substr(6)
                                             : folder / *file;
    local.threads = static_cast<int>(table.integer("threads", 0, 256).value_or(1));
    local.contexts = static_cast<int>(table.integer("contexts", 1, 256).value_or(2));
    local.context_tokens =
        static_cast<int>(table.integer("context_tokens", 64, 1 << 24).value_or(4096));
    model.local = std::move(local);
    if (table.has("routes"))
      table.mistake("routes", fmt::format("the model '{}' has both 'file' and 'routes'", name),
                    "a model runs in the process or at a provider; give two names to two models");
    table.strings("routes");
  } else {
    read_routes(table, model);
    if (!table.has("routes") && !table.has("file"))
      table.mistake("", fmt::format("the model '{}' has neither 'routes' nor 'file'", name),
                    "routes = [\"provider/model\"] or file = \"model.gguf\"");
  }
  models_.insert_or_assign(name, std::move(model));
}

void ModelsConfig::read(const TomlTable& root, const std::filesystem::path& folder) {
  const TomlTable providers = root.table("providers");
  for (const std::string& name : providers.keys()) read_provider(providers.table(name), name);
  const TomlTable models = root.table("models");
  for (const std::string& name : models.keys()) read_model(models.table(name), name, folder);
  check_fallbacks(models);
}

Result<std::shared_ptr<const ModelSpec>> ModelsConfig::spec(std::string_view name,
                                                            Asker asker) const {
  if (const auto found = models_.find(name); found != models_.end())
    return std::shared_ptr<const ModelSpec>(std::shared_ptr<void>(), &found->second);
  Result<ModelSpec> made = find(name, asker);
  if (!made) return std::unexpected(std::move(made.error()));
  return std::make_shared<const ModelSpec>(std::move(*made));
}

Result<ModelSpec> ModelsConfig::find(std::string_view name, Asker asker) const {
  if (const auto found = models_.find(name); found != models_.end()) return found->second;
  const std::optional<Route> route = split_route(name);
  if (route && providers_.contains(route->provider)) {
    ModelSpec model;
    model.name = route->name();
    model.routes.push_back(*route);
    return model;
  }
  if (asker == Asker::kProgram && name.ends_with(".gguf")) {
    ModelSpec model;
    model.name = name;
    LocalFile local;
    local.wanted = name;
    local.path = name.starts_with("cache:") ? user_cache_folder() / "models" / name.substr(6)
                                            : std::filesystem::path(name);
    model.local = std::move(local);
    return model;
  }
  std::string hint = "write provider/model, for example openai/gpt-5-mini";
  const std::string near = closest(route ? route->provider : std::string(name),
                                   route ? names_of(providers_) : names_of(models_));
  if (!near.empty())
    hint = fmt::format("did you mean '{}'?", route ? near + "/" + route->upstream : near);
  if (near.empty() && !route && !models_.empty())
    hint = did_you_mean(name, names_of(models_)) + "; or write provider/model";
  // A model by the name that its provider gives it.
  if (!route) {
    for (const Known& known : kKnown) {
      if (listed_price(known.name, name))
        hint = fmt::format("did you mean '{}/{}'?", known.name, name);
    }
  }
  return fail(Kind::kNotFound, fmt::format("there is no model '{}'", name), hint);
}

const Provider* ModelsConfig::provider(std::string_view name) const {
  const auto found = providers_.find(std::string(name));
  return found == providers_.end() ? nullptr : &found->second;
}

std::optional<Price> ModelsConfig::price(const ModelSpec& model, const Route& route) const {
  if (model.price) return model.price;
  // Who takes no key sends no bill.
  if (const Provider* provider = this->provider(route.provider);
      provider != nullptr && provider->authentication == Authentication::kNone)
    return listed_price(route.provider, route.upstream).value_or(Price{});
  if (route.provider == "ollama") return Price{};
  return listed_price(route.provider, route.upstream);
}

std::optional<Error> ModelsConfig::missing_key(const Provider& provider) const {
  if (provider.authentication == Authentication::kNone) return std::nullopt;
  const Result<std::string> key = resolve_key(provider.key);
  if (key) return std::nullopt;
  for (const std::string& other : provider.more_keys) {
    if (resolve_key(other)) return std::nullopt;
  }
  return key.error().in(provider.name);
}

const wire::Quirks& quirks_of(const Provider& provider) {
  const std::string_view url = provider.base_url;
  const wire::Quirks& row = wire::quirks_of(provider.name, url);
  const bool azure = is_azure(url) || !provider.api_version.empty();
  if (!azure) return row;
  // Azure's interface for the models of everybody, which has what all of them have.
  if (url.ends_with("/models")) return wire::quirks_of("");
  return row.provider.empty() ? wire::quirks_of("azure") : row;
}

Result<std::string> resolve_key(const std::string& reference) {
  std::string secret;
  if (reference.starts_with("env:")) {
    const std::string variable = reference.substr(4);
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0')
      return fail(Kind::kUnauthorized, fmt::format("no key: {} is not set", variable),
                  fmt::format("export {}=...  (or key = \"file:PATH\" in sighter.toml)", variable));
    secret = value;
  } else if (reference.starts_with("file:")) {
    Result<std::string> content = read_file(reference.substr(5), 64 << 10);
    if (!content)
      return fail(Kind::kUnauthorized, "no key: " + content.error().what, content.error().hint);
    secret = std::move(*content);
  }
  while (!secret.empty() && std::isspace(static_cast<unsigned char>(secret.back())))
    secret.pop_back();
  while (!secret.empty() && std::isspace(static_cast<unsigned char>(secret.front())))
    secret.erase(0, 1);
  const bool printable =
      std::all_of(secret.begin(), secret.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable)
    return fail(Kind::kUnauthorized,
                fmt::format("the key in {} holds characters that cannot be sent", reference),
                "check for line breaks and quotes");
  if (secret.empty() && !reference.empty())
    return fail(Kind::kUnauthorized, fmt::format("the key in {} is empty", reference));
  return secret;
}

}  // namespace sighter::models
