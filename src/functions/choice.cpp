#include "functions/choice.hpp"

#include "base/json.hpp"

namespace sighter::functions {
namespace {

const Variant* last_winner(Engine& engine, const Function& function) {
  store::Store* store = engine.shared().store();
  if (store == nullptr) return nullptr;
  const Result<std::vector<store::RunRow>> runs = store->runs(function.name, 1);
  if (!runs || runs->empty()) return nullptr;
  const Result<Json> result = json_parse(runs->front().result, "run");
  const std::string* winner = result ? result->find_string("winner") : nullptr;
  return winner != nullptr ? function.find(*winner) : nullptr;
}

}  // namespace

Result<const Variant*> choose_variant(Engine& engine, const Function& function) {
  const Variant* winner = last_winner(engine, function);
  if (winner != nullptr && !engine.unusable(function, *winner)) return winner;
  std::optional<Error> why;
  for (const Variant& variant : function.variants) {
    std::optional<Error> trouble = engine.unusable(function, variant);
    if (!trouble) return &variant;
    if (!why) why = std::move(trouble);
  }
  if (why) return std::unexpected(*why);
  return fail(Kind::kInvalid, fmt::format("the function '{}' has no variant", function.name));
}

}  // namespace sighter::functions
