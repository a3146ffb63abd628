#pragma once
// One TCP connection, plain or TLS, looked after by one coroutine. For this room's sources only.
//
// Operations are callbacks: they change what the functions below report and wake the coroutine that
// waits in changed(). So a write that hangs does not hide a reply that came early, and whoever
// closes the connection (a deadline, a token) is heard at once. Core's thread only.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "io/core_impl.hpp"
#include "io/time.hpp"
#include "io/waiter.hpp"

namespace sighter::io {

// Of HTTP messages that are written: a body up to this leaves in one piece with its header.
inline constexpr std::size_t kHeadBytesUsual = 512;
inline constexpr std::size_t kJoinBodyBytesMax = 16'384;

class Transport : public std::enable_shared_from_this<Transport> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;
  // Why it is closed on our side.
  enum class Cut { kNone, kDeadline, kCancelled, kLocal };

  // At most `input_max` bytes are read ahead of whoever consumes them.
  Transport(Core& core, std::size_t input_max);
  Transport(Core& core, std::size_t input_max, Socket accepted);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // One of these at a time; busy() until it has succeeded or fault() is set.
  void start_connect(const boost::asio::ip::tcp::endpoint& endpoint);
  // Verifies the other side as `verified_host` (a client), or takes the server's part when empty.
  void start_handshake(std::shared_ptr<boost::asio::ssl::context> context,
                       const std::string& verified_host);
  // Sends all of `head`, then of `body`. Often done before it returns.
  void start_write(std::string head, std::shared_ptr<const std::string> body = nullptr);
  // Says that nothing more will be written (FIN; close_notify under TLS).
  void start_shutdown();
  bool busy() const { return busy_; }

  // From now on a read is always under way while there is room.
  void start_reading();
  // One read, unless one is under way: for what comes before a TLS handshake.
  void read_once();
  // What has come and was not consumed; valid until the caller waits.
  std::string_view input() const {
    return fresh_.empty() ? std::string_view{buffer_.data() + begin_, end_ - begin_} : fresh_;
  }
  void consume(std::size_t bytes);
  // The other side has closed its half in order.
  bool input_ended() const { return input_ended_; }

  // What failed: reading, connecting, the handshake, or close(). Empty while all is well.
  const std::string& fault() const { return fault_; }
  bool failed() const { return !fault_.empty(); }
  // Writing failed; what the other side had sent before can still be read.
  const std::string& write_fault() const { return write_fault_; }
  Cut cut() const { return cut_; }
  std::uint64_t bytes_written() const { return written_; }

  // Closes the socket now. The first reason stays.
  void close(Cut why);
  // Closes so that the other side sees a reset.
  void reset();
  bool closed() const { return closed_; }

  // close(kDeadline) at that time.
  void set_deadline(SteadyTime when) {
    for_write_ = false;
    deadline_.set(when);
  }
  void clear_deadline() { deadline_.clear(); }

  // Connecting failed since this process may open no more: no fault of the other side.
  bool starved() const { return starved_; }

  // While a write is under way: close(kDeadline) when the other side takes nothing for so long.
  void set_write_patience(Duration patience) { write_patience_ = patience; }

  // Returns when anything above may have changed. One coroutine.
  Waiter::Wait changed() { return waiter_.wait(); }
  // Called when the input ends, the connection fails, or it is closed; also later, once.
  void on_end(std::move_only_function<void()> callback) { on_end_ = std::move(callback); }
  // Called for input that comes while nobody waits in changed() for it (a kept connection).
  void on_input(std::move_only_function<void()> callback) { on_input_ = std::move(callback); }

  Core& core() { return core_; }
  Socket& socket() { return socket_; }

 private:
  using Error = boost::system::error_code;
  void read_more();
  void on_readable(Error error);
  void on_read(Error error, std::size_t bytes);
  void on_input_end(Error error);
  void make_room(std::size_t bytes);
  void keep_fresh();
  void write_rest();
  void on_written(Error error, std::size_t bytes);
  void on_done(Error error);
  void drop_written();
  void fail_writing(Error error);
  void fail_with(std::string words);
  void end();
  void let_go_on();
  void on_deadline();
  void be_patient();
  int queued() const;
  void watch_end();
  void look_for_end();

  Core& core_;
  Socket socket_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
  Waiter waiter_;
  Alarm deadline_;
  std::move_only_function<void()> on_end_;
  std::move_only_function<void()> on_input_;

  // While whoever waited is at work on it: input in the core's own buffer. Mostly all of it is
  // consumed there, and a connection that waits for its other side needs no memory for it.
  std::string_view fresh_;
  // Else, and of TLS: [begin_, end_) is input; behind it a read may be under way.
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t input_max_;
  bool want_input_ = false;
  bool reading_ = false;
  bool in_turn_ = false;  // whoever waited is at work on what came; the next read starts after that
  bool input_ended_ = false;

  std::string head_;  // being written
  std::shared_ptr<const std::string> body_;
  std::size_t head_sent_ = 0;
  std::size_t body_sent_ = 0;
  std::uint64_t written_ = 0;

  Duration write_patience_{};  // zero: none
  int queued_ = 0;             // bytes in the kernel when the write's deadline was set
  bool for_write_ = false;     // the deadline is a write's
  bool starved_ = false;
  std::unique_ptr<Alarm> look_;  // for the end of an input that is not read on
  bool busy_ = false;
  bool closed_ = false;
  Cut cut_ = Cut::kNone;
  std::string fault_;
  std::string write_fault_;
};

// Whether few descriptors are left to the process behind this one: they are given out from the
// lowest on. Those few are for what must go on: the store, and servers that are `essential`.
enum class Side { kClient, kUpstream };
bool is_of_the_last(int descriptor, Side side);

// Certificates of the system (SSL_CERT_FILE, SSL_CERT_DIR and the usual places), and those of
// `ca_pem`.
Result<std::shared_ptr<boost::asio::ssl::context>> client_tls(const std::string& ca_pem);
Result<std::shared_ptr<boost::asio::ssl::context>> server_tls(const std::string& certificate_pem,
                                                              const std::string& key_pem);

}  // namespace sighter::io
