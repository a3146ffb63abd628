#include "base/error.hpp"

#include <array>

namespace sighter {
namespace {

struct Row {
  Kind kind;
  std::string_view word;
  int http;
  bool transient;
};

constexpr std::array kRows{
    Row{Kind::kInvalid, "invalid", 400, false},
    Row{Kind::kNotFound, "not_found", 404, false},
    Row{Kind::kUnauthorized, "unauthorized", 401, false},
    Row{Kind::kForbidden, "forbidden", 403, false},
    Row{Kind::kConflict, "conflict", 409, false},
    Row{Kind::kTooLarge, "too_large", 413, false},
    Row{Kind::kRateLimited, "rate_limited", 429, true},
    Row{Kind::kBudget, "budget", 402, false},
    Row{Kind::kUnavailable, "unavailable", 503, true},
    Row{Kind::kTimeout, "timeout", 504, true},
    Row{Kind::kCancelled, "cancelled", 499, false},
    Row{Kind::kUpstream, "upstream", 502, true},
    Row{Kind::kUnsupported, "unsupported", 501, false},
    Row{Kind::kIo, "io", 500, false},
    Row{Kind::kInternal, "internal", 500, false},
};

const Row& row(Kind kind) {
  for (const Row& r : kRows) {
    if (r.kind == kind) return r;
  }
  return kRows.back();
}

}  // namespace

std::string Error::message() const {
  return hint.empty() ? what : what + "\n  " + hint;
}

Error Error::in(std::string_view context) const {
  return Error{kind, std::string(context) + ": " + what, hint};
}

std::string_view to_string(Kind kind) {
  return row(kind).word;
}

Kind kind_from(std::string_view word) {
  for (const Row& r : kRows) {
    if (r.word == word) return r.kind;
  }
  return Kind::kInternal;
}

int http_status(Kind kind) {
  return row(kind).http;
}
int exit_code(Kind kind) {
  return kind == Kind::kInvalid ? 2 : 1;
}
bool is_transient(Kind kind) {
  return row(kind).transient;
}

}  // namespace sighter
