#pragma once
// The parts of HTTP that client and server share: header fields, URLs, messages. No sockets.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace sighter::io {

// Header fields in the order they came, names as they were written; names compare without case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  void add(std::string name, std::string value);
  // Replaces every field of that name by one.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  void clear() { fields_.clear(); }  // keeps memory
  // Appends to the value of the last field, which there is; a space between, unless one is empty.
  void fold(std::string_view more);
  // The first of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  // True when a comma-separated list of tokens under `name` holds `token` (no case).
  bool has_token(std::string_view name, std::string_view token) const;
  const std::vector<Field>& fields() const { return fields_; }
  bool empty() const { return fields_.empty(); }
  bool operator==(const Headers&) const = default;

 private:
  std::vector<Field> fields_;
};

bool equals_ignoring_case(std::string_view a, std::string_view b);
// True when a comma-separated list of tokens holds `token` (no case).
bool list_has_token(std::string_view list, std::string_view token);
// kInvalid, naming the field, when a name is no token or a value holds CR, LF or NUL: what keeps a
// value from becoming a header of its own.
Status check_fields(const Headers& headers);

// An absolute http or https URL without its fragment.
struct Url {
  bool https = false;
  std::string host;        // lower case, without brackets for IPv6
  std::uint16_t port = 0;  // the scheme's own when not given
  std::string target;      // path and query, at least "/"
  std::string user_info;   // "user:password" as decoded, empty when absent; never shown

  static Result<Url> parse(std::string_view text);
  std::string authority() const;  // host or [host], with the port when it is not the scheme's own
  std::string origin() const;     // https://host:port, for messages and pools; no user_info
};

struct HttpRequest {
  std::string method = "GET";
  std::string url = {};  // absolute
  Headers headers = {};  // Host, Content-Length and Connection are the client's business
  std::string body = {};
  // False: it leaves at most once, so never on a kept connection that may turn out dead.
  bool may_resend = true;
};

struct HttpReply {
  int status = 0;
  std::string reason = {};
  Headers headers = {};
  std::string body = {};
};

std::string_view reason_of(int status);  // "Not Found"; "" when unknown

}  // namespace sighter::io
