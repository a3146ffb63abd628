#include "wire/media.hpp"

#include <array>
#include <cstdint>

namespace sighter::wire {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto kValues = make_values();

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= n ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  int bits = 0;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    ++digits;
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits & 255);
  }
  if (digits % 4 == 1) return std::nullopt;
  return out;
}

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986, section 2.1; what is no escape stays.
std::string without_escapes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
    out += escape ? static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

// What base64 of an image begins with.
std::string_view sniffed(std::string_view base64) {
  struct Row {
    std::string_view head;
    std::string_view type;
  };
  constexpr Row kRows[] = {{"iVBORw0KGgo", "image/png"},
                           {"/9j/", "image/jpeg"},
                           {"R0lGOD", "image/gif"},
                           {"UklGR", "image/webp"},
                           {"JVBERi0", "application/pdf"}};
  for (const Row& row : kRows) {
    if (base64.starts_with(row.head)) return row.type;
  }
  return {};
}

struct DataHead {
  std::string type{};
  bool base64 = false;
  bool readable = true;  // text in UTF-8, or no text at all
};

// What stands between "data:" and the comma.
DataHead head_of(std::string_view text) {
  DataHead head;
  for (bool first = true; !text.empty() || first; first = false) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string word = lower(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (first) {
      head.type = word;
    } else if (word == "base64") {
      head.base64 = true;
    } else if (word.starts_with("charset=") && word != "charset=utf-8" &&
               word != "charset=us-ascii" && head.type.starts_with("text/")) {
      head.readable = false;
    }
  }
  if (head.type == "image/jpg") head.type = "image/jpeg";
  return head;
}

}  // namespace

void set_url(Media& media, std::string url) {
  constexpr std::string_view kData = "data:";
  const std::size_t comma = url.find(',');
  const bool is_data = comma != url.npos && lower(url.substr(0, kData.size())) == kData;
  const DataHead head =
      is_data ? head_of(std::string_view(url).substr(kData.size(), comma - kData.size()))
              : DataHead{};
  if (!is_data || !head.readable) {
    media.url = std::move(url);
    return;
  }
  media.media_type = head.type;
  url.erase(0, comma + 1);
  if (!head.base64) {
    media.data = base64_encode(without_escapes(url));
    if (media.media_type.empty()) media.media_type = "text/plain";
    return;
  }
  // Escaped where somebody was careful: '+', '/' and '=' mean something else in addresses.
  media.data = url.find('%') == url.npos ? std::move(url) : without_escapes(url);
  if (media.media_type.empty()) media.media_type = sniffed(media.data);
}

std::string url_of(const Media& media) {
  if (media.data.empty()) return media.url;
  std::string url;
  url.reserve(media.media_type.size() + media.data.size() + 16);
  url += "data:";
  url += media.media_type.empty() ? "application/octet-stream" : media.media_type;
  url += ";base64,";
  url += media.data;
  return url;
}

}  // namespace sighter::wire
