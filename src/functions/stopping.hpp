#pragma once
// Calls that end because the process was told to: that is no client that went away. Private to the
// room.

#include <optional>

#include "base/error.hpp"
#include "io/cancel.hpp"
#include "io/http_server.hpp"

namespace sighter::functions {

inline bool is_stopping(const io::CancelToken& token) {
  return token.cancelled() && token.error().what == io::HttpServer::kServerStopping;
}

// What is said instead of that the call was cancelled; nullopt: it is as `error` says.
inline std::optional<Error> stopped_error(const Error& error, const io::CancelToken& token) {
  if (error.kind != Kind::kCancelled || !is_stopping(token)) return std::nullopt;
  return Error{Kind::kUnavailable, std::string(io::HttpServer::kServerStopping),
               "ask again in a moment"};
}

// Whether `error` is one of these.
inline bool is_interruption(const Error& error, const io::CancelToken& token) {
  return error.kind == Kind::kUnavailable && is_stopping(token);
}

}  // namespace sighter::functions
