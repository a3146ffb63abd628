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

void set_url(Media& media, std::string url) {
  constexpr std::string_view kMark = ";base64,";
  const std::size_t mark = url.starts_with("data:") ? url.find(kMark) : url.npos;
  if (mark == url.npos || mark == 5 || url.find(',') < mark ||
      std::string_view(url).substr(5, mark - 5).find(';') != url.npos) {
    media.url = std::move(url);
    return;
  }
  media.media_type = url.substr(5, mark - 5);
  url.erase(0, mark + kMark.size());
  media.data = std::move(url);
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
