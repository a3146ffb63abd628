#pragma once
// Certificates that are made where they are needed. Any thread.

#include <string>

namespace sighter::testing {

struct Certificate {
  std::string pem;
  std::string key;
};

// Self-signed, for `names` ("DNS:a.example,IP:127.0.0.1"), from an hour ago for `seconds`.
Certificate make_certificate(const std::string& names, long seconds = 7200);

}  // namespace sighter::testing
