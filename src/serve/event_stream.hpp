#pragma once
// An answer of server-sent events that a front door writes itself, with a comment now and then
// while there is nothing to say. Private to the room.

#include <string>

#include "io/cancel.hpp"
#include "io/channel.hpp"
#include "io/scope.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {

class EventStream {
 public:
  explicit EventStream(Exchange& exchange);
  // begin() must have been followed by close().
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Status 200 and the exchange's headers; they leave with the first event.
  Status begin();
  bool begun() const { return begun_; }
  // Whole events. Returns when the kernel has them: a slow reader slows whoever writes.
  io::Task<Status> write(std::string events);
  // The clean end of the body, also of a stream that ended with an error event.
  io::Task<void> close();

 private:
  static io::Task<void> keep_alive(EventStream* self);

  Exchange& exchange_;
  io::Gate writing_;  // an event and a comment are never written at once
  io::Scope scope_;
  io::CancelSource over_;
  SteadyTime last_{};
  bool begun_ = false;
};

}  // namespace sighter::serve
