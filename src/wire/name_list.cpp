#include "wire/name_list.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace sighter::wire {

void add_name(std::vector<std::string>& names, std::string_view name) {
  if (name.size() > kNameBytesMax)
    name = name.substr(0, complete_utf8_prefix(name.substr(0, kNameBytesMax)));
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  if (names.size() < kNamesMax) {
    names.emplace_back(name);
  } else if (names.back() != "*") {
    names.emplace_back("*");
  }
}

}  // namespace sighter::wire
