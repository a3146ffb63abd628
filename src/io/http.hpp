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
// All their bytes stand in one piece of memory: what fields(), get() and all() give is valid until
// the next change.
class Headers {
 public:
  using Field = std::pair<std::string_view, std::string_view>;
  class Fields;  // a range of Field, by value

  Headers() = default;
  Headers(std::initializer_list<Field> fields);
  // Neither may be a view into these headers.
  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name by one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  void clear();  // keeps memory
  // Appends to the value of the last field, which there is; a space between, unless one is empty.
  void fold(std::string_view more);
  // The first of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  // True when a comma-separated list of tokens under `name` holds `token` (no case).
  bool has_token(std::string_view name, std::string_view token) const;
  Fields fields() const;
  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  bool operator==(const Headers& other) const;
  // Appends all of them as they are sent, a line each.
  void write_to(std::string& out) const;

 private:
  struct Place {
    std::uint32_t at = 0;               // of the name; the value follows it
    std::uint32_t name = 0, value = 0;  // bytes
  };
  Field field(const Place& place) const {
    const char* const name = text_.data() + place.at;
    return {{name, place.name}, {name + place.name, place.value}};
  }
  std::string text_;
  std::vector<Place> places_;
};

class Headers::Fields {
 public:
  class Iterator {
   public:
    Iterator(const Headers& headers, const Place* at) : headers_(&headers), at_(at) {}
    Field operator*() const { return headers_->field(*at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const Headers* headers_;
    const Place* at_;
  };
  explicit Fields(const Headers& headers) : headers_(headers) {}
  Iterator begin() const { return {headers_, headers_.places_.data()}; }
  Iterator end() const { return {headers_, headers_.places_.data() + headers_.places_.size()}; }

 private:
  const Headers& headers_;
};

inline Headers::Fields Headers::fields() const {
  return Fields(*this);
}

bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string in_lower_case(std::string_view text);  // of ASCII letters, as of names and hosts
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
