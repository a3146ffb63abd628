#pragma once
// What went wrong, in words for the person who must mend it.
//
// Every operation that the outside can make fail returns Result<T>. `what` says what happened and
// where (file:line:column for text that a person wrote); `hint` says what to do about it and may be
// empty. Neither ever holds a secret.

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sighter {

enum class Kind {
  kInvalid,       // the caller's input is wrong
  kNotFound,      // it names something that does not exist
  kUnauthorized,  // no key, or a wrong one
  kForbidden,     // the key may not do this
  kConflict,      // it contradicts what is there (a newer store, a name taken)
  kTooLarge,      // beyond a limit of base/limits.hpp or of a model's context
  kRateLimited,   // the other side asks to slow down
  kBudget,        // it would spend more than was allowed
  kUnavailable,   // the other side or a resource does not work now
  kTimeout,       // a deadline passed
  kCancelled,     // the caller went away or asked to stop
  kUpstream,      // the other side answered, but wrongly
  kUnsupported,   // this build, kernel or dialect cannot do it
  kIo,            // disk or pipe
  kInternal,      // a fault of this program
};

struct Error {
  Kind kind = Kind::kInternal;
  std::string what;
  std::string hint;

  // "what" or "what\n  hint", as a terminal shows it.
  std::string message() const;
  // The same error seen from further out: "context: what".
  Error in(std::string_view context) const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// return fail(Kind::kInvalid, "what happened", "what to do");
inline std::unexpected<Error> fail(Kind kind, std::string what, std::string hint = {}) {
  return std::unexpected(Error{kind, std::move(what), std::move(hint)});
}

// A short lower-case word for logs, rows and JSON: "invalid", "rate_limited", ...
std::string_view to_string(Kind kind);
// The inverse; kInternal for a word that is not one of them.
Kind kind_from(std::string_view word);
// The HTTP status that this kind of error is answered with.
int http_status(Kind kind);
// The process exit code: 2 for a wrong call of the program itself (kInvalid), else 1.
int exit_code(Kind kind);
// True where the same request may succeed a little later.
bool is_transient(Kind kind);

}  // namespace sighter
