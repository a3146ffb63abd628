#include "wire/lost_names.hpp"

#include "wire/name_list.hpp"

namespace sighter::wire {

void LostNames::note(std::vector<std::string> dropped, std::vector<std::string> approximated) {
  for (const std::string& name : dropped) add_name(dropped_, name);
  for (const std::string& name : approximated) add_name(approximated_, name);
}

}  // namespace sighter::wire
