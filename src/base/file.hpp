#pragma once
// Files, read and written whole or line by line. Errors name the path and what the system said.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sighter {

// The whole file; kTooLarge beyond `bytes_max`, kNotFound when there is none.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max);
// The same for text that a person wrote: an error about its size says file:line:column of the first
// byte too many, and what to do.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t bytes_max);
// Replaces the file at once: a temporary beside it, flushed to the disk, then renamed. A full disk
// or a kill leaves the old content.
Status write_file(const std::filesystem::path& path, std::string_view content);
// Creates it; kConflict when it exists.
Status create_file(const std::filesystem::path& path, std::string_view content);
Status make_folders(const std::filesystem::path& path);

// $XDG_STATE_HOME/sighter or ~/.local/state/sighter; the same for cache.
std::filesystem::path user_state_folder();
std::filesystem::path user_cache_folder();  // $SIGHTER_CACHE comes first

// Lines of a text file of any size with bounded memory. A line ends at LF or CRLF (both removed),
// or at the end of the file. A UTF-8 byte order mark at the start is skipped. One thread.
class LineReader {
 public:
  static Result<LineReader> open(const std::filesystem::path& path);
  static LineReader of_descriptor(int fd, std::string origin);  // not closed by it
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;
  ~LineReader();

  // The next line, valid until the next call; nullopt at the end. kTooLarge names the line.
  Result<std::optional<std::string_view>> next(std::size_t line_bytes_max);
  std::int64_t line() const;          // number of the line returned last, from 1
  const std::string& origin() const;  // what to call the source in messages

 private:
  struct State;
  explicit LineReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sighter
