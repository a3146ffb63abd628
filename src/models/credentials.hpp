#pragma once
// How a request proves to a provider who asks: a strategy of the provider. What signs a request
// (method, address, headers and body together) belongs here too.

#include <string>

#include "io/http.hpp"
#include "models/config.hpp"

namespace sighter::models {

// Adds what proves it; `secret` is the provider's key, as resolve_key() gives it.
void add_credentials(const Provider& provider, const std::string& secret, io::HttpRequest& request);

inline constexpr std::size_t kSecretBytesMin = 4;  // what is shorter is found everywhere

// The text without any copy of the secret, however a provider repeats it.
std::string without_secret(std::string text, const std::string& secret);

}  // namespace sighter::models
