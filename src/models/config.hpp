#pragma once
// Which models there are, where they are served and what they cost: the tables [providers.*] and
// [models.*] of sighter.toml over what the program knows by itself.

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/toml.hpp"
#include "models/body_edits.hpp"
#include "models/prices.hpp"
#include "models/routing.hpp"
#include "wire/message.hpp"
#include "wire/quirks.hpp"

namespace sighter::models {

// How a request proves who asks.
enum class Authentication {
  kBearer,  // Authorization: Bearer KEY
  kHeader,  // a header of its own: x-api-key, x-goog-api-key, api-key
  kQuery,   // a parameter of the address
  kNone,
};

struct Timeouts {
  std::chrono::milliseconds connect;
  std::chrono::milliseconds first_byte;
  std::chrono::milliseconds gap;
  std::chrono::milliseconds total;
};

inline constexpr int kParallelMax = 256;
inline constexpr int kDoorParallelMax = 10'000;

struct Provider {
  std::string name;
  wire::Dialect dialect = wire::Dialect::kOpenAiChat;
  const wire::Quirks* quirks = nullptr;  // quirks_of(); never null in a configuration
  std::string base_url;                  // without a slash at the end: "https://api.openai.com/v1"
  Authentication authentication = Authentication::kBearer;
  std::string key_name = "x-api-key";  // of the header or parameter that carries the key
  std::string key;                     // a reference: "env:NAME" or "file:PATH"; empty: none needed
  std::vector<std::string> more_keys;  // further ones, used in turn
  std::vector<std::pair<std::string, std::string>> headers;  // sent with every request
  std::vector<BodyEdit> extra_body;  // made in the body of every conversation
  std::string api_version;           // Azure: the parameter api-version; empty: none
  // Whether it has legacy Completions; not set: by what is known of it.
  std::optional<bool> completions;
  Timeouts timeouts;
  int retries = 3;  // physical requests after the first
  // Requests at a time; not set: kParallelMax of the program's own, kDoorParallelMax of clients.
  std::optional<int> parallel_max;
  BreakerOptions breaker;
};

// A model that runs in this process.
struct LocalFile {
  std::filesystem::path path;  // empty: not found; `wanted` says what was asked for
  std::string wanted;
  int threads = 1;
  int contexts = 2;
  int context_tokens = 4096;
};

struct ModelSpec {
  std::string name;
  std::vector<Route> routes;  // as written
  Routing routing;
  std::optional<LocalFile> local;  // instead of routes
  std::optional<Price> price;      // overrides the table's
};

// Whose words the name of a model is. A file of this machine ("x.gguf", "cache:NAME") is a model
// for who runs the program; a client of the door may ask what the configuration names, nothing
// else.
enum class Asker { kProgram, kClient };

class ModelsConfig {
 public:
  // Well-known providers, and an Ollama on its usual port, without any file.
  ModelsConfig();
  // Reads [providers] and [models] of sighter.toml; mistakes are noted at the document. Relative
  // paths are relative to `folder`; "cache:NAME" is a file of the user's model cache.
  void read(const TomlTable& root, const std::filesystem::path& folder);

  // A name of [models]; "provider/upstream" or "provider:upstream"; of the program a file too.
  // kNotFound with what was meant; it does not say whether a file is there.
  Result<ModelSpec> find(std::string_view name, Asker asker = Asker::kProgram) const;
  // The same without a copy where it is a name of [models]; valid as long as this object is
  // unchanged.
  Result<std::shared_ptr<const ModelSpec>> spec(std::string_view name,
                                                Asker asker = Asker::kProgram) const;
  const Provider* provider(std::string_view name) const;
  const std::map<std::string, ModelSpec, std::less<>>& models() const { return models_; }
  const std::map<std::string, Provider>& providers() const { return providers_; }
  // What a route costs: the model's own price, else the table's, else nothing where the provider
  // takes no key. nullopt: not known.
  std::optional<Price> price(const ModelSpec& model, const Route& route) const;
  // The variable or file that holds the key of a provider, when it is missing: "OPENAI_API_KEY is
  // not set"; nullopt when the key is there or none is needed.
  std::optional<Error> missing_key(const Provider& provider) const;

 private:
  void read_provider(const TomlTable& table, const std::string& name);
  void read_model(const TomlTable& table, const std::string& name,
                  const std::filesystem::path& folder);
  void read_routes(const TomlTable& table, ModelSpec& model);
  void check_fallbacks(const TomlTable& models);

  std::map<std::string, Provider> providers_;
  std::map<std::string, ModelSpec, std::less<>> models_;
};

// What is known of the server behind it, by its name or host. An api_version is Azure's, whatever
// the host (one of API Management's, say). A configuration's providers hold it already.
const wire::Quirks& quirks_of(const Provider& provider);

// The secret behind a reference, without white space at its ends. kUnauthorized names the variable
// or file that is missing, never its content. An empty reference is an empty secret.
Result<std::string> resolve_key(const std::string& reference);

}  // namespace sighter::models
