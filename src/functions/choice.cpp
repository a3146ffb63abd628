#include "functions/choice.hpp"

#include "base/json.hpp"
#include "functions/body.hpp"

namespace sighter::functions {
namespace {

const Variant* last_winner(store::Store* store, const Function& function) {
  if (store == nullptr) return nullptr;
  const Result<std::vector<store::RunRow>> runs = store->runs(function.name, 1);
  if (!runs || runs->empty()) return nullptr;
  const Result<Json> result = json_parse(runs->front().result, "run");
  const std::string* winner = result ? result->find_string("winner") : nullptr;
  return winner != nullptr ? function.find(*winner) : nullptr;
}

Result<const Variant*> choose(Engine& engine, const Function& function, const Variant* winner) {
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

}  // namespace

Result<const Variant*> choose_variant(Engine& engine, const Function& function) {
  return choose(engine, function, last_winner(engine.shared().store(), function));
}

io::Task<Result<const Variant*>> choose_variant_aside(Engine& engine, const Function& function) {
  store::Store* store = engine.shared().store();
  const Variant* winner = nullptr;
  if (store != nullptr) {
    auto look = [store, &function]() { return last_winner(store, function); };
    const Result<const Variant*> found =
        co_await engine.shared().impl().lookups.run(engine.core(), std::move(look));
    if (found) winner = *found;
  }
  co_return choose(engine, function, winner);
}

}  // namespace sighter::functions
