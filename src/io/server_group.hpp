#pragma once
// Which of several servers behind one listener gets a new connection. For this room's sources only.

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "io/http_connection.hpp"
#include "io/http_server.hpp"
#include "io/transport.hpp"

namespace sighter::io {

// Any thread. The count of each member is of the connections that it has or was promised.
class ServerGroup {
 public:
  // From the start of a server to its stop.
  void join(const std::shared_ptr<HttpServer::Impl>& server);
  void leave(const HttpServer::Impl* server);

  // Promises `socket` to the member with the fewest connections. True: it was another one than
  // `from`, and the socket is on its way there. False: `from` keeps it, and it is counted as its
  // own.
  bool hand_over(HttpServer::Impl& from, Transport::Socket& socket);

  const std::shared_ptr<BodyCount> bodies = std::make_shared<BodyCount>();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<HttpServer::Impl>> members_;
};

}  // namespace sighter::io
