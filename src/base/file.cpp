#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "base/check.hpp"
#include "base/text_position.hpp"

namespace sighter {
namespace {

std::string system_words(int code) {
  return std::generic_category().message(code);
}

Kind kind_of(int code) {
  if (code == ENOENT || code == ENOTDIR) return Kind::kNotFound;
  if (code == EACCES || code == EPERM || code == EROFS) return Kind::kForbidden;
  return Kind::kIo;
}

std::unexpected<Error> failed(std::string_view doing, const std::filesystem::path& path, int code) {
  std::string hint;
  if (code == ENOSPC || code == EDQUOT) hint = "free some space and run the same command again";
  if (code == EACCES || code == EPERM) hint = "check who owns it and its permissions";
  if (code == EROFS) hint = "the file system is read-only";
  return fail(kind_of(code),
              fmt::format("cannot {} {}: {}", doing, path.string(), system_words(code)), hint);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 ? 0 : ::close(fd);
  }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::filesystem::path folder_from(const char* variable, const char* under_home) {
  const char* value = std::getenv(variable);
  if (value != nullptr && *value == '/') return std::filesystem::path(value) / "sighter";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/tmp") / under_home / "sighter";
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failed("read", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return failed("read", path, errno);
  if (S_ISDIR(info.st_mode))
    return fail(Kind::kInvalid, fmt::format("{} is a folder, not a file", path.string()));
  std::string content;
  if (info.st_size > 0)
    content.reserve(std::min(static_cast<std::size_t>(info.st_size), bytes_max) + 1);
  char buffer[65536];
  while (true) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path, errno);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > bytes_max) {
      return fail(Kind::kTooLarge,
                  fmt::format("{} is larger than {} bytes", path.string(), bytes_max));
    }
  }
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t bytes_max) {
  // One byte more shows whether it is too large, and enough of it to say where.
  Result<std::string> text = read_file(path, bytes_max);
  if (text || text.error().kind != Kind::kTooLarge) return text;
  std::string begin(bytes_max + 1, '\0');
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t count = file.get() < 0 ? -1 : ::read(file.get(), begin.data(), begin.size());
  if (count <= 0) return text;
  begin.resize(static_cast<std::size_t>(count));
  return fail(Kind::kTooLarge,
              fmt::format("{}: the file is larger than {} bytes from here on",
                          at(path.string(), position_at(begin, bytes_max)), bytes_max),
              "keep long texts in files of their own, and rows of data in files of cases");
}

Status write_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path part = path.string() + fmt::format(".{}.part", ::getpid());
  Descriptor file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) return failed("write", path, errno);
  if (!write_all(file.get(), content) || ::fsync(file.get()) != 0 || file.close() != 0 ||
      ::rename(part.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(part.c_str());
    return failed("write", path, code);
  }
  return {};
}

Status create_file(const std::filesystem::path& path, std::string_view content) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0 && errno == EEXIST) {
    return fail(Kind::kConflict, fmt::format("{} exists already", path.string()));
  }
  if (file.get() < 0) return failed("create", path, errno);
  if (!write_all(file.get(), content) || file.close() != 0) {
    const int code = errno;
    ::unlink(path.c_str());
    return failed("write", path, code);
  }
  return {};
}

Status make_folders(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return failed("create the folder", path, code.value());
  return {};
}

std::filesystem::path user_state_folder() {
  return folder_from("XDG_STATE_HOME", ".local/state");
}

std::filesystem::path user_cache_folder() {
  const char* own = std::getenv("SIGHTER_CACHE");
  if (own != nullptr && *own == '/') return own;
  return folder_from("XDG_CACHE_HOME", ".cache");
}

struct LineReader::State {
  int fd = -1;
  bool owned = false;
  std::string origin;
  std::string buffer;
  std::size_t begin = 0;    // of the next line within the buffer
  std::size_t scanned = 0;  // no LF between begin and here
  std::int64_t line = 0;
  bool ended = false;
  bool started = false;

  ~State() {
    if (owned && fd >= 0) ::close(fd);
  }
  // Reads more; false at the end of the file.
  Result<bool> fill() {
    if (begin > 0) {
      buffer.erase(0, begin);
      scanned -= begin;
      begin = 0;
    }
    const std::size_t old = buffer.size();
    buffer.resize(old + (256u << 10));
    ssize_t count;
    do {
      count = ::read(fd, buffer.data() + old, buffer.size() - old);
    } while (count < 0 && errno == EINTR);
    buffer.resize(old + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0) return failed("read", origin, errno);
    if (!started && buffer.size() >= 3) {
      started = true;
      if (buffer.starts_with("\xEF\xBB\xBF")) begin = scanned = 3;
    }
    return count > 0;
  }
};

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  state->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (state->fd < 0) return failed("read", path, errno);
  state->owned = true;
  state->origin = path.string();
  struct stat info {};
  if (::fstat(state->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    return fail(Kind::kInvalid, fmt::format("{} is a folder, not a file", path.string()));
  }
  return LineReader(std::move(state));
}

LineReader LineReader::of_descriptor(int fd, std::string origin) {
  auto state = std::make_unique<State>();
  state->fd = fd;
  state->origin = std::move(origin);
  return LineReader(std::move(state));
}

Result<std::optional<std::string_view>> LineReader::next(std::size_t line_bytes_max) {
  State& s = *state_;
  while (true) {
    const std::size_t newline = s.buffer.find('\n', s.scanned);
    if (newline == std::string::npos) {
      s.scanned = s.buffer.size();
      if (s.scanned - s.begin > line_bytes_max) {
        return fail(Kind::kTooLarge, fmt::format("{}:{}: the line is longer than {} bytes",
                                                 s.origin, s.line + 1, line_bytes_max));
      }
      if (!s.ended) {
        const Result<bool> more = s.fill();
        if (!more) return std::unexpected(more.error());
        s.ended = !*more;
        continue;
      }
      if (s.begin == s.buffer.size()) return std::nullopt;
    }
    const std::size_t end = newline == std::string::npos ? s.buffer.size() : newline;
    std::string_view line(s.buffer.data() + s.begin, end - s.begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    s.begin = s.scanned = newline == std::string::npos ? end : end + 1;
    ++s.line;
    if (line.size() > line_bytes_max) {
      return fail(Kind::kTooLarge, fmt::format("{}:{}: the line is longer than {} bytes", s.origin,
                                               s.line, line_bytes_max));
    }
    return line;
  }
}

std::int64_t LineReader::line() const {
  return state_->line;
}
const std::string& LineReader::origin() const {
  return state_->origin;
}

}  // namespace sighter
