#include "io/server_group.hpp"

#include <unistd.h>

#include <utility>

#include "io/core.hpp"
#include "io/http_connection.hpp"

namespace sighter::io {
namespace {

using Tcp = boost::asio::ip::tcp;

// A connection on its way from one core to another; closed when it does not arrive.
struct Parcel {
  explicit Parcel(int descriptor) : fd(descriptor) {}
  Parcel(Parcel&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Parcel& operator=(Parcel&&) = delete;
  ~Parcel() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

void unpack(HttpServer::Impl& server, Parcel& parcel, const Tcp& protocol) {
  Transport::Socket socket(server.core.impl().context);
  boost::system::error_code error;
  if (!server.stopping) socket.assign(protocol, parcel.fd, error);
  if (server.stopping || error) {
    --server.taken;
    return;
  }
  parcel.fd = -1;
  server.take(std::move(socket));
}

}  // namespace

void ServerGroup::join(const std::shared_ptr<HttpServer::Impl>& server) {
  const std::lock_guard lock(mutex_);
  members_.push_back(server);
}

void ServerGroup::leave(const HttpServer::Impl* server) {
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, [&](const auto& member) {
    const auto alive = member.lock();
    return !alive || alive.get() == server;
  });
}

bool ServerGroup::hand_over(HttpServer::Impl& from, Transport::Socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.local_endpoint(error);
  // Under the lock, so that a server that has left is told of no connection any more.
  const std::lock_guard lock(mutex_);
  std::shared_ptr<HttpServer::Impl> least = from.shared_from_this();
  for (const auto& member : members_) {
    if (error) break;
    if (auto other = member.lock(); other && other->taken < least->taken) least = std::move(other);
  }
  ++least->taken;
  if (least.get() == &from) return false;
  Parcel parcel(socket.release(error));
  if (error) parcel.fd = -1;
  least->core.post([to = std::weak_ptr(least), parcel = std::move(parcel),
                    protocol = endpoint.protocol()]() mutable {
    if (const auto server = to.lock()) unpack(*server, parcel, protocol);
  });
  return true;
}

}  // namespace sighter::io
