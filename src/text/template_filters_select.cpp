// Filters that apply another filter or a test to each item. As in Jinja, what is false (None, 0)
// has no items here.

#include "text/template_filters.hpp"
#include "text/template_render.hpp"

namespace sighter::text::jinja {

namespace {

// A call of the inner filter or test for one item, with the arguments behind its name.
Call inner_call(const Call& outer, std::size_t skip, Value item) {
  Call call;
  call.slots[0] = std::move(item);
  if (outer.positional.size() > skip) {
    call.positional.assign(outer.positional.begin() + static_cast<long>(skip),
                           outer.positional.end());
  }
  call.named = outer.named;
  return call;
}

std::optional<std::string> inner_name(Renderer& r, const Call& call, std::size_t i) {
  if (call.positional[i].is_string()) return std::string(call.positional[i].text());
  if (r.check_defined(call.positional[i], true)) {
    r.fail("the name of a filter or test is a string, not " +
           std::string(type_phrase(call.positional[i])));
  }
  return std::nullopt;
}

Value map(Renderer& r, Call& call) {
  auto out = r.new_list(ListObject::Form::kGenerator);
  const Value* attribute = nullptr;
  const Value* otherwise = nullptr;
  if (call.positional.empty()) {
    for (const auto& [name, value] : call.named) {
      if (name.text() == "attribute") attribute = &value;
      if (name.text() == "default") otherwise = &value;
      if (name.text() != "attribute" && name.text() != "default") {
        return r.fail("'map' has no argument '" + std::string(name.text()) + "'");
      }
    }
    if (attribute == nullptr) return r.fail("'map' needs the name of a filter, or attribute=");
  }
  std::optional<std::string> filter;
  if (attribute == nullptr && !(filter = inner_name(r, call, 0))) return {};
  if (!r.truth(call.self())) return r.failed() ? Value() : Renderer::value_of(out);
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    if (attribute != nullptr) {
      out->append(r.path(item, *attribute, otherwise));
      continue;
    }
    Call inner = inner_call(call, 1, item);
    out->append(r.call_filter(*filter, inner));
  }
  return r.failed() ? Value() : Renderer::value_of(out);
}

Value choose(Renderer& r, Call& call, bool wanted, bool by_attribute) {
  const std::size_t skip = by_attribute ? 1 : 0;
  if (by_attribute && call.positional.empty()) {
    return r.fail("the name of the attribute is missing");
  }
  std::optional<std::string> test;
  if (call.positional.size() > skip && !(test = inner_name(r, call, skip))) return {};
  auto out = r.new_list(ListObject::Form::kGenerator);
  if (!r.truth(call.self())) return r.failed() ? Value() : Renderer::value_of(out);
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    const Value subject = by_attribute ? r.path(item, call.positional[0]) : item;
    if (r.failed()) break;
    bool holds = false;
    if (test) {
      Call inner = inner_call(call, skip + 1, subject);
      holds = r.call_test(*test, inner);
    } else {
      holds = r.truth(subject);
    }
    if (holds == wanted) out->append(item);
  }
  return r.failed() ? Value() : Renderer::value_of(out);
}

Value select(Renderer& r, Call& call) {
  return choose(r, call, true, false);
}
Value reject(Renderer& r, Call& call) {
  return choose(r, call, false, false);
}
Value selectattr(Renderer& r, Call& call) {
  return choose(r, call, true, true);
}
Value rejectattr(Renderer& r, Call& call) {
  return choose(r, call, false, true);
}

constexpr Builtin kFilters[] = {
    {"map", "value, *, **", map},
    {"reject", "value, *, **", reject},
    {"rejectattr", "value, *, **", rejectattr},
    {"select", "value, *, **", select},
    {"selectattr", "value, *, **", selectattr},
};

}  // namespace

std::span<const Builtin> select_filters() {
  return kFilters;
}

}  // namespace sighter::text::jinja
