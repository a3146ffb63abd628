#pragma once
// A streamed answer on its way to the client: bytes that are relayed, or deltas written in the
// client's dialect; a comment now and then while the upstream is silent.

#include <memory>
#include <optional>
#include <string>

#include "serve/event_stream.hpp"
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
  io::Task<Status> last_bytes(std::string_view events) override;
  io::Task<Status> deltas(std::vector<wire::Delta>& deltas) override;

  // What the client's dialect had no place for so far, to what the request lost.
  void add_lost(models::ClientResult& result) const;
  // Of a call that failed behind comments alone: what its headers would have said, as comments;
  // empty where it was told already, or where the headers have not gone.
  std::string told_late(const models::ClientResult& result);
  // After the last piece: the end of a good stream, or an error event and no end mark. Also ends
  // the comments. Always called before it is destroyed.
  io::Task<void> close(const models::ClientResult& result);

 private:
  Exchange& exchange_;
  models::ClientRequest& request_;
  Id call_;
  std::unique_ptr<wire::StreamEncoder> encoder_;
  EventStream events_;
  bool told_ = false;  // id, route and the like
};

// What headers would have said, as comments of a stream whose headers have gone.
std::string as_comments(const io::Headers& headers);
// The same of what its writer lost, for the stream's end; empty where nothing was lost.
std::string as_comments(const wire::LostNames& lost);

// An answer whose bytes mean nothing to the door, on its way as they come.
class PassedStream final : public models::ReplySink {
 public:
  PassedStream(Exchange& exchange, Id call) : exchange_(exchange), call_(call) {}
  io::Task<Status> begin(const models::ReplyBegin& begin) override;
  io::Task<Status> bytes(std::string_view bytes) override;
  io::Task<Status> deltas(std::vector<wire::Delta>& deltas) override;  // there are none
  // Cuts the connection where the answer broke: nothing else would tell the client.
  io::Task<void> close(const models::ClientResult& result);

 private:
  Exchange& exchange_;
  Id call_;
};

}  // namespace sighter::serve
