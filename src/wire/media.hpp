#pragma once
// Media inside JSON: base64 and data URLs.

#include <optional>
#include <string>
#include <string_view>

#include "wire/message.hpp"

namespace sighter::wire {

std::string base64_encode(std::string_view bytes);
// nullopt unless it is base64 (RFC 4648, section 4; padding may be missing, line ends are skipped).
std::optional<std::string> base64_decode(std::string_view text);

// Moves "data:image/png;base64,AAAA" into media_type (in small letters, "image/jpeg" for
// "image/jpg", what the bytes say where it is missing; parameters say nothing more) and data, which
// is base64 whatever it was. Any other URL, and text of another charset than UTF-8, goes into `url`
// as it is.
void set_url(Media& media, std::string url);
// The URL again, as a data URL where there are data.
std::string url_of(const Media& media);

}  // namespace sighter::wire
