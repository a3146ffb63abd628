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

// Moves "data:image/png;base64,AAAA" into media_type and data; any other URL, also a data URL with
// parameters or without base64, goes into `url` as it is.
void set_url(Media& media, std::string url);
// What set_url was given.
std::string url_of(const Media& media);

}  // namespace sighter::wire
