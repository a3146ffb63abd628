#pragma once
// Case mappings beyond ASCII, from the Unicode Character Database 14.0 (UnicodeData.txt and
// SpecialCasing.txt), as ranges. Internal to the template engine.

#include <cstdint>
#include <span>

namespace sighter::text::jinja {

// Every stride-th character from first to last becomes itself plus delta.
struct CaseRange {
  char32_t first, last;
  std::uint32_t stride;
  std::int32_t delta;
};

struct CaseSpecial {
  char32_t from;
  const char* to;
};

std::span<const CaseRange> upper_ranges();
std::span<const CaseRange> lower_ranges();
std::span<const CaseRange> title_ranges();  // where title case is neither the same nor upper case
std::span<const CaseSpecial> upper_specials();  // one character that becomes several

}  // namespace sighter::text::jinja
