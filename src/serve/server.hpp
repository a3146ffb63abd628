#pragma once
// The door open: a core and an HTTP server on each of several threads, one more for health and
// metrics and nothing else, so that these answer under overload. Made, stopped and destroyed by one
// thread that is none of its cores'.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "functions/engine.hpp"
#include "serve/settings.hpp"

namespace sighter {
class Log;
}

namespace sighter::serve {

class Server {
 public:
  // Resolves the key and binds the ports. kForbidden: an address beyond loopback, of either port,
  // without a key, and not `open`. kConflict: the port is taken. kUnauthorized: the key's variable
  // is not set. All references outlive it.
  static Result<std::unique_ptr<Server>> start(Settings settings, bool open,
                                               functions::Shared& shared, models::Hub& hub,
                                               const Clock& clock, Log& log);
  // CHECKs that stop() was called.
  ~Server();
  std::uint16_t port() const;
  std::optional<std::uint16_t> ops_port() const;
  // Reads the certificate again where its files have changed. What cannot be used (a new chain
  // whose key has not been written yet) is logged once and the old one stays; each call tries
  // again.
  void refresh_certificate();
  // To be called every few seconds: refresh_certificate(), and a line in the log when calls cannot
  // be stored, and one when they can again.
  void look();
  // Accepts nothing more, lets running requests finish for the settings' grace, cuts the rest.
  // Health and metrics answer until all of them have ended: /readyz then says "stopping".
  void stop();

  struct Impl;

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sighter::serve
