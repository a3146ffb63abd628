#include "models/credentials.hpp"

#include "models/percent.hpp"

namespace sighter::models {

void add_credentials(const Provider& provider, const std::string& secret,
                     io::HttpRequest& request) {
  switch (provider.authentication) {
    case Authentication::kBearer:
      request.headers.set("Authorization", "Bearer " + secret);
      break;
    case Authentication::kHeader:
      request.headers.set(provider.key_name, secret);
      break;
    case Authentication::kQuery:
      request.url += request.url.find('?') == std::string::npos ? '?' : '&';
      request.url += provider.key_name + "=" + percent_encoded(secret);
      break;
    case Authentication::kNone:
      break;
  }
}

std::string without_secret(std::string text, const std::string& secret) {
  if (secret.size() < kSecretBytesMin) return text;
  for (std::size_t at = text.find(secret); at != text.npos; at = text.find(secret, at))
    text.replace(at, secret.size(), "***");
  return text;
}

}  // namespace sighter::models
