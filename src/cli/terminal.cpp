#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace sighter::cli {
namespace {

constexpr std::size_t kBufferMax = 64u << 10;

bool set_and_not(const char* value, std::string_view off) {
  return value && *value && std::string_view(value) != off;
}

bool names_utf8(std::string_view locale) {
  std::string lower(locale);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
}

}  // namespace

Terminal::Terminal(TerminalSetup setup) : setup_(std::move(setup)) {
  out_is_terminal_ = ::isatty(setup_.out) == 1;
  err_is_terminal_ = ::isatty(setup_.err) == 1;
  const char* term = variable("TERM");
  const bool dumb = !term || !*term || std::string_view(term) == "dumb";
  err_can_redraw_ = err_is_terminal_ && !dumb && !setup_.quiet;
  // https://no-color.org and https://bixense.com/clicolors: a word on the command line wins, then
  // NO_COLOR, then CLICOLOR_FORCE.
  const bool no_color = set_and_not(variable("NO_COLOR"), "");
  const bool forced = set_and_not(variable("CLICOLOR_FORCE"), "0");
  const auto styles = [&](bool terminal) {
    if (setup_.color != ColorChoice::kAuto) return setup_.color == ColorChoice::kAlways;
    if (no_color) return false;
    return forced || (terminal && !dumb);
  };
  out_styles_ = styles(out_is_terminal_);
  err_styles_ = styles(err_is_terminal_);
  // The first of these that is set decides (POSIX, 8.2 Internationalization Variables).
  unicode_ = false;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = variable(name);
    if (!value || !*value) continue;
    unicode_ = names_utf8(value);
    break;
  }
}

Terminal::~Terminal() {
  const std::lock_guard lock(mutex_);
  hide_status();
  write_out();
}

const char* Terminal::variable(const char* name) const {
  return setup_.environment ? setup_.environment(name) : std::getenv(name);
}

bool Terminal::write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void Terminal::write_out() {
  if (!gone_ && failed_ == 0 && !buffer_.empty() && !write_all(setup_.out, buffer_)) {
    if (errno == EPIPE)
      gone_ = true;
    else
      failed_ = errno;
  }
  buffer_.clear();
}

void Terminal::out(std::string_view text) {
  const std::lock_guard lock(mutex_);
  buffer_ += text;
  if (buffer_.size() < kBufferMax && !out_is_terminal_) return;
  // On the same terminal the line below would be torn by what is written above it.
  const bool both = out_is_terminal_ && !status_.empty();
  if (both) hide_status();
  write_out();
  if (both && text.ends_with('\n')) show_status();
}

void Terminal::err(std::string_view text) {
  const std::lock_guard lock(mutex_);
  write_out();
  hide_status();
  (void)write_all(setup_.err, text);  // nobody is left to be told that this failed
  if (text.ends_with('\n')) show_status();
}

void Terminal::remark(std::string_view text) {
  if (!setup_.quiet) err(text);
}

void Terminal::error(const Error& error) {
  std::string text = styled_err(Style::kRed, "error: ") + visible(error.what) + "\n";
  if (!error.hint.empty()) text += "  " + visible(error.hint) + "\n";
  err(text);
}

bool Terminal::confirm(std::string_view question) {
  err(std::string(question) + " [Y/n] ");
  char first = 0;
  while (true) {
    // Byte by byte: what follows the line belongs to somebody else.
    char byte = 0;
    const ssize_t count = ::read(setup_.in, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    if (first == 0) first = byte;
    if (byte == '\n') return first == '\n' || first == 'y' || first == 'Y';
  }
}

Status Terminal::flush() {
  const std::lock_guard lock(mutex_);
  write_out();
  if (failed_ == 0) return {};
  return fail(Kind::kIo,
              fmt::format("cannot write to standard output: {}", std::strerror(failed_)));
}

bool Terminal::gone() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

std::size_t Terminal::columns_of(int fd) const {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  if (const char* text = variable("COLUMNS")) {
    std::size_t columns = 0;
    const char* end = text + std::strlen(text);
    if (std::from_chars(text, end, columns).ptr == end && columns > 0) return columns;
  }
  return 0;
}

std::size_t Terminal::width() const {
  std::size_t columns = columns_of(out_is_terminal_ || !err_is_terminal_ ? setup_.out : setup_.err);
  if (columns == 0) columns = kWidthDefault;
  return std::max(columns, kWidthMin);
}

std::size_t Terminal::table_width() const {
  const std::size_t columns = columns_of(setup_.out);
  if (columns == 0) return out_is_terminal_ ? kWidthDefault : kUnlimited;
  return std::max(columns, kWidthMin);
}

std::string Terminal::styled(Style style, std::string_view text) const {
  if (!out_styles_ || style == Style::kPlain) return std::string(text);
  return fmt::format("{}{}{}", style_on(style), text, style_off());
}

std::string Terminal::styled_err(Style style, std::string_view text) const {
  if (!err_styles_ || style == Style::kPlain) return std::string(text);
  return fmt::format("{}{}{}", style_on(style), text, style_off());
}

void Terminal::status_line(std::string line) {
  const std::lock_guard lock(mutex_);
  if (!err_can_redraw_ || line == status_) return;
  hide_status();
  status_ = std::move(line);
  show_status();
}

// "\r" to the line's start, "\x1b[K" erases to its end (ECMA-48, EL).
void Terminal::hide_status() {
  if (!status_.empty()) (void)write_all(setup_.err, "\r\x1b[K");
}

void Terminal::show_status() {
  if (!status_.empty()) (void)write_all(setup_.err, status_);
}

}  // namespace sighter::cli
