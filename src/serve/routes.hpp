#pragma once
// Which handler answers which method and path: the one table that the server and the tests read.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/task.hpp"
#include "wire/message.hpp"

namespace sighter::serve {

struct Exchange;

struct Route {
  using Handler = io::Task<void> (*)(Exchange& exchange);

  std::string_view method;
  std::string_view path;  // "/v1/calls/{id}"; "{name...}" takes the rest, slashes included
  wire::Dialect dialect;  // of its errors; kNone: the program's own
  Handler handler;
  bool open = false;  // answered without a key
  std::string_view summary;
  bool ops = false;  // answered on ops_listen too, which has nothing else
};

std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;
  std::string value;                             // of the path's place, decoded
  bool path_known = false;                       // with another method: 405
  wire::Dialect dialect = wire::Dialect::kNone;  // of the path, where it is known
};
// The methods that a path takes, as the header Allow lists them: "GET, HEAD, POST".
std::string methods_of(std::string_view path);
// Paths below /v1 are found without it too, as some SDKs compose them. A path with empty, "." or
// ".." segments, or with escapes that decode to none of its own kind, is not found.
Match find_route(std::string_view method, std::string_view path);

}  // namespace sighter::serve
