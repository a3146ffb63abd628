#pragma once
// URIs as RFC 3986 has them: taken apart, resolved against a base, checked.

#include <optional>
#include <string>
#include <string_view>

namespace sighter::text {

struct Uri {
  std::optional<std::string> scheme;
  std::optional<std::string> authority;
  std::string path;
  std::optional<std::string> query;
  std::optional<std::string> fragment;  // as written, not decoded

  static Uri parse(std::string_view text);  // never fails (RFC 3986, appendix B)
  std::string to_string() const;
};

// RFC 3986, section 5.2. A base without scheme is allowed.
Uri resolve_uri(const Uri& base, const Uri& reference);
// "%7E" becomes "~"; a % without two digits stays.
std::string percent_decode(std::string_view text);

// Syntax. With `international` also characters beyond ASCII (RFC 3987).
bool is_uri(std::string_view text, bool international);
bool is_uri_reference(std::string_view text, bool international);
bool is_uri_template(std::string_view text);  // RFC 6570
bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);  // RFC 4291, without zone

}  // namespace sighter::text
