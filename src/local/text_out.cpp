#include "local/text_out.hpp"

#include <algorithm>
#include <utility>

#include "base/utf8.hpp"

namespace sighter::local {

TextOut::TextOut(std::vector<std::string> stops) : stops_(std::move(stops)) {}

std::size_t TextOut::find_stop() {
  std::size_t first_end = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    const std::size_t end = at + stop.size();
    if (end > first_end || (end == first_end && stop.size() < stopped_by_.size())) continue;
    first_end = end;
    stopped_by_ = stop;
  }
  return first_end == std::string::npos ? first_end : first_end - stopped_by_.size();
}

std::size_t TextOut::possible_stop() const {
  std::size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (held_.ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return longest;
}

std::string TextOut::feed(std::string_view bytes) {
  if (!stopped_by_.empty()) return {};
  held_.append(bytes);
  if (const std::size_t at = find_stop(); at != std::string::npos) {
    std::string out = repair_utf8(std::string_view(held_).substr(0, at));
    held_.clear();
    return out;
  }
  const std::size_t certain = held_.size() - possible_stop();
  const std::size_t whole = complete_utf8_prefix(std::string_view(held_).substr(0, certain));
  std::string out = repair_utf8(std::string_view(held_).substr(0, whole));
  held_.erase(0, whole);
  return out;
}

std::string TextOut::finish() {
  std::string out = stopped_by_.empty() ? repair_utf8(held_) : std::string();
  held_.clear();
  return out;
}

}  // namespace sighter::local
