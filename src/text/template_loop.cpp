// {% for %} and what its body can ask about it.

#include <algorithm>
#include <iterator>

#include "text/template_render.hpp"

namespace sighter::text::jinja {

void LoopObject::clear() {
  outer = {};
  items = {};
  ahead.clear();
  current = previous = changed = Value();
}

Flow Renderer::run_for(const ForNode& node) {
  Value iterable = eval(*node.iterable);
  if (failed() || too_deep()) return Flow::kNext;
  if (input_.dialect.loops_over_entries) iterable = entries_of(node, iterable);
  at_ = node.iterable->at;
  return loop_over(node, iterable, 0);
}

// What JavaScript's dialects go over: the entries of an object where there are names for both, and
// nothing where there are no items.
Value Renderer::entries_of(const ForNode& node, const Value& iterable) {
  if (is_iterable(iterable) && !iterable.is_mapping()) return iterable;
  auto out = new_list();
  if (!iterable.is_mapping() || node.target.items.size() != 2) return value_of(out);
  for (std::size_t i = 0; i < mapping_size(iterable) && spend(1); ++i) {
    auto [key, value] = mapping_at(iterable, i);
    out->append(pair(std::move(key), std::move(value)));
  }
  return value_of(out);
}

Flow Renderer::loop_over(const ForNode& node, const Value& iterable, std::int64_t depth0) {
  const Ref<LoopObject> loop(new LoopObject(heap_, node, *unit_, scope_));
  loop->depth0 = depth0;
  loop->items = items(iterable);
  Ref<ScopeObject> outer = scope_;
  bool any = false;
  Value item;
  while (!failed() && loop_next(*loop, item)) {
    any = true;
    // A scope that nothing refers to any more (a macro may) serves the next turn, too; where a
    // variable may be set from within, all turns share one.
    if (scope_.get() != outer.get() && input_.dialect.set_reaches_out) {
      // as it is
    } else if (scope_.get() != outer.get() && scope_->count == 1) {
      scope_->names.clear();
    } else {
      scope_ = Ref<ScopeObject>(new ScopeObject(heap_, outer));
    }
    assign(node.target, std::move(item));
    if (node.uses_loop || node.recursive) scope_->set("loop", Value::object(loop.get()));
    if (failed() || run(node.body) == Flow::kBreak) break;
  }
  scope_ = outer;
  if (any || node.otherwise.empty() || failed()) return Flow::kNext;
  scope_ = Ref<ScopeObject>(new ScopeObject(heap_, outer));
  const Flow flow = run(node.otherwise);
  scope_ = outer;
  return flow;
}

// The next item that the loop's condition lets through, evaluated as late as possible: a body may
// change what its condition looks at.
bool Renderer::loop_fetch(LoopObject& loop, Value& out) {
  if (loop.node.filter == nullptr) return loop.items.next(out);
  Ref<ScopeObject> scope = scope_;
  const std::uint32_t at = at_;
  bool found = false;
  while (!found && loop.items.next(out)) {
    scope_ = Ref<ScopeObject>(new ScopeObject(heap_, loop.outer));
    assign(loop.node.target, out);
    const Value test = eval(*loop.node.filter);
    at_ = loop.node.filter->at;
    if (failed()) break;
    found = truth(test);
  }
  scope_ = std::move(scope);
  at_ = at;
  return found && !failed();
}

bool Renderer::loop_next(LoopObject& loop, Value& out) {
  if (!loop.ahead.empty()) {
    out = std::move(loop.ahead.back());
    loop.ahead.pop_back();
  } else if (!loop_fetch(loop, out)) {
    return false;
  }
  ++loop.index0;
  loop.previous = std::move(loop.current);
  loop.current = out;
  return true;
}

bool Renderer::loop_has_more(LoopObject& loop) {
  if (!loop.ahead.empty()) return true;
  if (loop.node.filter == nullptr) {
    if (loop.items.left() == 0) return false;
  }
  Value next;
  if (!loop_fetch(loop, next)) return false;
  loop.ahead.push_back(std::move(next));
  return true;
}

std::int64_t Renderer::loop_length(LoopObject& loop) {
  if (loop.length) return *loop.length;
  std::size_t left = loop.ahead.size();
  if (loop.node.filter == nullptr) {
    left += loop.items.left();
  } else {
    std::vector<Value> rest;
    Value next;
    while (!failed() && loop_fetch(loop, next)) rest.push_back(std::move(next));
    left += rest.size();
    std::reverse(rest.begin(), rest.end());
    loop.ahead.insert(loop.ahead.begin(), std::make_move_iterator(rest.begin()),
                      std::make_move_iterator(rest.end()));
  }
  loop.length = loop.index0 + 1 + static_cast<std::int64_t>(left);
  return *loop.length;
}

}  // namespace sighter::text::jinja
