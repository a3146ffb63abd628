#include "functions/function.hpp"

#include <algorithm>
#include <array>

#include "base/similar.hpp"

namespace sighter::functions {

std::string_view Variant::kind() const {
  constexpr std::array<std::string_view, 4> kKinds{"code", "learned", "prompt", "cascade"};
  return kKinds[body.index()];
}

const Variant* Function::find(std::string_view variant) const {
  const auto found = std::find_if(variants.begin(), variants.end(),
                                  [&](const Variant& v) { return v.name == variant; });
  return found == variants.end() ? nullptr : &*found;
}

Result<const Variant*> Function::variant(std::string_view wanted) const {
  if (const Variant* found = find(wanted)) return found;
  std::vector<std::string> names;
  for (const Variant& v : variants) names.push_back(v.name);
  return fail(Kind::kNotFound, fmt::format("the function '{}' has no variant '{}'", name, wanted),
              did_you_mean(wanted, names));
}

}  // namespace sighter::functions
