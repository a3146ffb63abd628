#include "io/transport.hpp"

#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/check.hpp"
#include "io/http_client.hpp"

namespace sighter::io {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kTlsReadBytes = 4096;       // the first buffer of a connection
constexpr std::size_t kTlsReadBytesMax = 65'536;  // what it grows to when reads fill it
constexpr auto kLook = std::chrono::milliseconds(50);
constexpr rlim_t kDescriptorsKept = 32;

std::string words(const boost::system::error_code& error) {
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
    return "the connection was closed";
  }
  return error.message();
}

}  // namespace

bool is_of_the_last(int descriptor, Side side) {
  static const rlim_t limit = [] {
    rlimit files{};
    return ::getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : RLIM_INFINITY;
  }();
  if (limit == RLIM_INFINITY) return false;
  const rlim_t kept = std::min(limit / 4, kDescriptorsKept);
  // Clients leave some to the requests of those that are there.
  const rlim_t more = side == Side::kClient ? std::max(limit / 64, kept / 2) : 0;
  return static_cast<rlim_t>(descriptor) >= limit - kept - more;
}

Transport::Transport(Core& core, std::size_t input_max)
    : Transport(core, input_max, Socket(core.impl().context)) {}

Transport::Transport(Core& core, std::size_t input_max, Socket accepted)
    : core_(core),
      socket_(std::move(accepted)),
      waiter_(core),
      deadline_(core.timers(), [this] { on_deadline(); }),
      input_max_(input_max) {
  if (socket_.is_open()) {
    Error ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
  }
}

Transport::~Transport() = default;

void Transport::start_connect(const asio::ip::tcp::endpoint& endpoint) {
  CHECK(!busy_ && !closed_);
  Error error;
  socket_.open(endpoint.protocol(), error);
  if (error == asio::error::no_descriptors ||
      (!error && is_of_the_last(socket_.native_handle(), Side::kUpstream))) {
    starved_ = true;
    return fail_with("no descriptors are left on this side");
  }
  if (error) return fail_with(words(error));
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  socket_.non_blocking(true, error);
  busy_ = true;
  socket_.async_connect(endpoint, [self = shared_from_this()](Error e) { self->on_done(e); });
}

void Transport::start_handshake(std::shared_ptr<asio::ssl::context> context,
                                const std::string& verified_host) {
  CHECK(!busy_ && !closed_);
  context_ = std::move(context);
  tls_.emplace(socket_, *context_);
  busy_ = true;
  if (verified_host.empty()) {
    tls_->async_handshake(asio::ssl::stream_base::server,
                          [self = shared_from_this()](Error e) { self->on_done(e); });
    return;
  }
  SSL* ssl = tls_->native_handle();
  Error not_numeric;
  asio::ip::make_address(verified_host, not_numeric);
  if (not_numeric) {
    SSL_set_tlsext_host_name(ssl, verified_host.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    CHECK(SSL_set1_host(ssl, verified_host.c_str()) == 1);
  } else {
    CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), verified_host.c_str()) == 1);
  }
  tls_->set_verify_mode(asio::ssl::verify_peer);
  tls_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](Error e) {
    const long verified = SSL_get_verify_result(self->tls_->native_handle());
    if (e && !self->closed_ && verified != X509_V_OK) {
      self->busy_ = false;
      return self->fail_with(std::string("its certificate is not trusted: ") +
                             X509_verify_cert_error_string(verified));
    }
    self->on_done(e);
  });
}

void Transport::on_done(Error error) {
  busy_ = false;
  if (error) return fail_with(words(error));
  let_go_on();
}

// The last act of a handler, unless it is run by the one that waits here.
void Transport::let_go_on() {
  if (in_turn_) {
    keep_fresh();
    return waiter_.wake();
  }
  in_turn_ = true;
  waiter_.resume();
  keep_fresh();
  in_turn_ = false;
  read_more();
}

void Transport::start_write(std::string head, std::shared_ptr<const std::string> body) {
  CHECK(!busy_);
  if (failed() || !write_fault_.empty()) return;
  head_ = std::move(head);
  body_ = std::move(body);
  head_sent_ = body_sent_ = 0;
  if (!tls_) {
    // Mostly the kernel takes all of it at once, and nobody has to wait for a turn of the loop.
    const std::string_view rest = body_ ? std::string_view(*body_) : std::string_view();
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head_),
                                                  asio::const_buffer(rest.data(), rest.size())};
    Error error;
    const std::size_t sent = socket_.write_some(parts, error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) {
      return fail_writing(error);
    }
    written_ += sent;
    head_sent_ = std::min(sent, head_.size());
    body_sent_ = sent - head_sent_;
    if (sent == head_.size() + rest.size()) return drop_written();
  }
  busy_ = true;
  be_patient();
  write_rest();
}

void Transport::be_patient() {
  if (write_patience_ <= Duration::zero()) return;
  for_write_ = true;
  queued_ = queued();
  deadline_.set_after(write_patience_);
}

// Bytes that the other side has not taken yet.
int Transport::queued() const {
  int bytes = 0;
  return ::ioctl(const_cast<Socket&>(socket_).native_handle(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

// The kernel says that there is room again only when much of its buffer is free: whoever reads
// slowly, but reads, is no one who does not.
void Transport::on_deadline() {
  if (for_write_ && busy_ && queued() < queued_) return be_patient();
  close(Cut::kDeadline);
}

void Transport::write_rest() {
  auto handler = [self = shared_from_this()](Error e, std::size_t n) { self->on_written(e, n); };
  const asio::const_buffer head =
      asio::buffer(head_.data() + head_sent_, head_.size() - head_sent_);
  const asio::const_buffer body =
      body_ ? asio::buffer(body_->data() + body_sent_, body_->size() - body_sent_)
            : asio::const_buffer();
  if (tls_) {
    // One record at a time: the head with the body's begin would need a copy, and gains nothing.
    tls_->async_write_some(head.size() > 0 ? head : body, std::move(handler));
  } else {
    const std::array<asio::const_buffer, 2> parts{head, body};
    socket_.async_write_some(parts, std::move(handler));
  }
}

void Transport::on_written(Error error, std::size_t bytes) {
  written_ += bytes;
  const std::size_t of_head = std::min(bytes, head_.size() - head_sent_);
  head_sent_ += of_head;
  body_sent_ += bytes - of_head;
  if (error || failed()) {
    busy_ = false;
    if (!failed()) fail_writing(error);
    return;
  }
  if (head_sent_ == head_.size() && (!body_ || body_sent_ == body_->size())) {
    busy_ = false;
    drop_written();
    if (write_patience_ > Duration::zero()) deadline_.clear();
    return let_go_on();
  }
  be_patient();
  write_rest();
}

// Its memory is not kept for the time until something is written again.
void Transport::drop_written() {
  std::string().swap(head_);
  head_sent_ = 0;
  body_.reset();
}

void Transport::fail_writing(Error error) {
  write_fault_ = words(error);
  drop_written();
  waiter_.wake();
}

void Transport::start_shutdown() {
  CHECK(!busy_);
  if (failed() || !write_fault_.empty()) return;
  if (tls_) {
    busy_ = true;
    tls_->async_shutdown([self = shared_from_this()](Error) { self->on_done({}); });
    return;
  }
  Error ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void Transport::start_reading() {
  want_input_ = true;
  read_more();
}

void Transport::read_once() {
  want_input_ = true;
  const bool in_turn = std::exchange(in_turn_, false);
  read_more();
  in_turn_ = in_turn;
  want_input_ = false;
}

// Behind end_.
void Transport::make_room(std::size_t bytes) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ >= bytes) return;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (buffer_.size() - end_ < bytes) buffer_.resize(end_ + bytes);
}

void Transport::read_more() {
  if (reading_ || in_turn_ || !want_input_ || input_ended_ || failed()) return;
  if (input().size() >= input_max_) return watch_end();
  reading_ = true;
  if (!tls_) {
    socket_.async_wait(Socket::wait_read,
                       [self = shared_from_this()](Error e) { self->on_readable(e); });
    return;
  }
  make_room(kTlsReadBytes / 2);
  const std::size_t room = std::min(buffer_.size() - end_, kTlsReadBytesMax);
  const asio::mutable_buffer into(buffer_.data() + end_, room);
  tls_->async_read_some(
      into, [self = shared_from_this()](Error e, std::size_t n) { self->on_read(e, n); });
}

// Of who has sent more than is read ahead, the end would be seen only behind all of that. Where
// even the kernel has no room for the rest, the end does not come here before it is read.
void Transport::watch_end() {
  if (!on_end_) return;
  if (!look_) look_ = std::make_unique<Alarm>(core_.timers(), [this] { look_for_end(); });
  look_->set_after(kLook);
}

void Transport::look_for_end() {
  if (reading_ || failed() || !on_end_) return;
  pollfd look{socket_.native_handle(), POLLRDHUP, 0};
  if (::poll(&look, 1, 0) > 0) return end();
  look_->set_after(kLook);
}

void Transport::on_readable(Error error) {
  reading_ = false;
  if (failed()) return;
  Core::Impl& core = core_.impl();
  if (!core.read_buffer) core.read_buffer = std::make_unique<char[]>(core.kReadBufferBytes);
  const std::size_t held = end_ - begin_;
  const std::size_t room = std::min(core.kReadBufferBytes, input_max_ - held);
  std::size_t bytes = 0;
  if (!error) bytes = socket_.read_some(asio::buffer(core.read_buffer.get(), room), error);
  if (error == asio::error::would_block || error == asio::error::try_again) return read_more();
  if (error) return on_input_end(error);
  fresh_ = {core.read_buffer.get(), bytes};
  if (held > 0) keep_fresh();
  if (on_input_) on_input_();
  let_go_on();
}

// The core's buffer is about to be another one's.
void Transport::keep_fresh() {
  if (fresh_.empty()) return;
  make_room(fresh_.size());
  std::memcpy(buffer_.data() + end_, fresh_.data(), fresh_.size());
  end_ += fresh_.size();
  fresh_ = {};
}

void Transport::on_input_end(Error error) {
  if (error == asio::error::eof) {
    input_ended_ = true;
    waiter_.wake();
    return end();
  }
  if (error == asio::ssl::error::stream_truncated) {
    return fail_with("the connection was closed without TLS's closing message");
  }
  fail_with(words(error));
}

void Transport::on_read(Error error, std::size_t bytes) {
  reading_ = false;
  if (failed()) return;
  const bool filled = end_ + bytes == buffer_.size();
  end_ += bytes;
  if (error) return on_input_end(error);
  // A connection with much to say gets a larger buffer; the many quiet ones keep their small one.
  if (filled && begin_ == 0 && buffer_.size() < kTlsReadBytesMax) {
    buffer_.resize(buffer_.size() * 2);
  }
  if (bytes == 0) return read_more();
  if (on_input_) on_input_();
  let_go_on();
}

void Transport::consume(std::size_t bytes) {
  CHECK(bytes <= input().size());
  if (!fresh_.empty()) {
    fresh_.remove_prefix(bytes);
  } else {
    begin_ += bytes;
    if (begin_ == end_ && !tls_) {
      begin_ = end_ = 0;
      std::string().swap(buffer_);
    }
  }
  read_more();
}

void Transport::close(Cut why) {
  if (closed_) return;
  closed_ = true;
  cut_ = why;
  deadline_.clear();
  Error ignored;
  socket_.close(ignored);
  fail_with("the connection was closed on this side");
}

void Transport::reset() {
  Error ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close(Cut::kLocal);
}

void Transport::fail_with(std::string fault_words) {
  if (fault_.empty()) fault_ = std::move(fault_words);
  waiter_.wake();
  end();
}

void Transport::end() {
  if (!on_end_) return;
  std::move_only_function<void()> callback = std::exchange(on_end_, nullptr);
  callback();
}

namespace {

// Whether OpenSSL can look certificates up in `folder` one by one, by the hashes in their names.
bool is_hashed(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() == 10 && name.ends_with(".0") &&
        name.find_first_not_of("0123456789abcdef") == 8) {
      return true;
    }
  }
  return false;
}

// A folder of hashed names costs nothing until a certificate is asked for; the one file with all of
// them takes OpenSSL 3 some 30 ms to read.
void trust_system(asio::ssl::context& context) {
  boost::system::error_code error;
  const bool chosen = std::getenv("SSL_CERT_FILE") || std::getenv("SSL_CERT_DIR");
  for (const char* folder : {X509_get_default_cert_dir(), "/etc/ssl/certs"}) {
    if (!chosen && is_hashed(folder)) {
      context.add_verify_path(folder, error);
      return;
    }
  }
  context.set_default_verify_paths(error);
  if (chosen || std::filesystem::exists(X509_get_default_cert_file())) return;
  // A program that was built elsewhere looks in that machine's place; these are the usual ones.
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/cert.pem"}) {
    context.load_verify_file(file, error);
    if (!error) return;
  }
}

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> client_tls(const std::string& ca_pem) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  boost::system::error_code error;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1,
                       error);
  trust_system(*context);
  if (!ca_pem.empty()) {
    context->add_certificate_authority(asio::buffer(ca_pem), error);
    if (error) {
      return fail(Kind::kInvalid, "the certificates to trust cannot be read: " + error.message(),
                  "they are PEM: -----BEGIN CERTIFICATE----- ...");
    }
  }
  return context;
}

Result<std::shared_ptr<asio::ssl::context>> server_tls(const std::string& certificate_pem,
                                                       const std::string& key_pem) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  boost::system::error_code error;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1,
                       error);
  context->use_certificate_chain(asio::buffer(certificate_pem), error);
  if (error) {
    return fail(Kind::kInvalid, "the TLS certificate cannot be used: " + error.message(),
                "it is PEM, the server's own first, then its chain");
  }
  context->use_private_key(asio::buffer(key_pem), asio::ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(context->native_handle()) != 1) {
    return fail(Kind::kInvalid, "the TLS key cannot be used, or is not the certificate's",
                "it is PEM, without a password");
  }
  return context;
}

std::string_view tls_version() {
  return OpenSSL_version(OPENSSL_VERSION_STRING);
}

}  // namespace sighter::io
