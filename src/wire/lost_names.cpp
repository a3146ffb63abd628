#include "wire/lost_names.hpp"

#include <algorithm>

namespace sighter::wire {
namespace {

void add_once(std::vector<std::string>& to, std::vector<std::string>& names) {
  for (std::string& name : names) {
    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(std::move(name));
  }
}

}  // namespace

void LostNames::note(std::vector<std::string> dropped, std::vector<std::string> approximated) {
  add_once(dropped_, dropped);
  add_once(approximated_, approximated);
}

}  // namespace sighter::wire
