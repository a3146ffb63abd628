#include "functions/choice.hpp"

#include "base/json.hpp"
#include "functions/body.hpp"

namespace sighter::functions {
namespace {

constexpr std::size_t kRunsLooked = 100;

// Of the runs, the newest first: the first that judged all variants, or whose winner reached the
// bar. A run of some variants that reached nothing says nothing about the others.
const Variant* last_winner(store::Store* store, const Function& function) {
  if (store == nullptr) return nullptr;
  const Result<std::vector<store::RunRow>> runs = store->runs(function.name, kRunsLooked);
  if (!runs) return nullptr;
  const Variant* newest = nullptr;
  for (const store::RunRow& run : *runs) {
    const Result<Json> result = json_parse(run.result, "run");
    const std::string* winner = result ? result->find_string("winner") : nullptr;
    const Variant* variant = winner != nullptr ? function.find(*winner) : nullptr;
    if (variant == nullptr) continue;
    const std::string* verdict = result->find_string("verdict");
    const Result<Json> asked = json_parse(run.asked, "run");
    const Json* some = asked ? asked->find("variants") : nullptr;
    const bool all = some == nullptr || !some->is_array() || some->as_array().empty();
    if (all || (verdict != nullptr && (*verdict == "READY" || *verdict == "PASS"))) return variant;
    if (newest == nullptr) newest = variant;
  }
  return newest;
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
