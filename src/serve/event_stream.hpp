#pragma once
// An answer of server-sent events that a front door writes itself, with a comment now and then
// while there is nothing to say. Private to the room.

#include <optional>
#include <string>

#include "io/scope.hpp"
#include "io/time.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {

class EventStream {
 public:
  explicit EventStream(Exchange& exchange);
  // begin() must have been followed by close().
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // From now on, silence is filled: where begin() has not been called after the time for a comment,
  // it is, and a comment said, so that nothing on the way gives the connection up. What goes wrong
  // after that can only be told as an event.
  void expect();
  // Status 200 and the exchange's headers; they leave with the first event. Nothing where it has
  // begun by itself.
  Status begin();
  bool begun() const { return begun_; }
  // Whole events. Returns when the kernel has them: a slow reader slows whoever writes.
  io::Task<Status> write(std::string events);
  // The last events together with the clean end of the body.
  io::Task<Status> write_last(std::string events);
  // The clean end of the body, also of a stream that ended with an error event; nothing but the end
  // of the comments after write_last().
  io::Task<void> close();

 private:
  static io::Task<void> comment(EventStream* self);
  void on_quiet();

  Exchange& exchange_;
  std::optional<io::Scope> comments_;  // made for the first one: most streams need none
  io::Alarm quiet_;
  bool writing_ = false;  // an event and a comment are never written at once
  bool begun_ = false;
  bool finished_ = false;
};

}  // namespace sighter::serve
