#pragma once
// A streamed answer on its way to the client: bytes that are relayed, or deltas written in the
// client's dialect; a comment now and then while the upstream is silent.

#include <memory>
#include <optional>
#include <string>

#include "io/channel.hpp"
#include "io/scope.hpp"
#include "serve/reply.hpp"
#include "wire/codec.hpp"

namespace sighter::serve {

class ClientStream final : public models::ReplySink {
 public:
  // `call` is told in a header. Both outlive it.
  ClientStream(Exchange& exchange, models::ClientRequest& request, Id call);
  ~ClientStream() override;

  io::Task<Status> begin(const models::ReplyBegin& begin) override;
  io::Task<Status> bytes(std::string_view events) override;
  io::Task<Status> deltas(std::vector<wire::Delta>& deltas) override;

  // After the last piece: the end of a good stream, or an error event and no end mark. Also ends
  // the comments. Always called before it is destroyed.
  io::Task<void> close(const models::ClientResult& result);

 private:
  static io::Task<void> keep_alive(ClientStream* self);
  io::Task<Status> write(std::string bytes);

  Exchange& exchange_;
  models::ClientRequest& request_;
  Id call_;
  std::unique_ptr<wire::StreamEncoder> encoder_;
  io::Gate writing_;  // a piece and a comment are never written at once
  io::Scope scope_;
  io::CancelSource over_;
  SteadyTime last_{};
};

}  // namespace sighter::serve
