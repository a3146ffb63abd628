// Filters on lists and mappings.

#include <algorithm>
#include <unordered_set>

#include "base/random.hpp"
#include "text/template_filters.hpp"
#include "text/template_render.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

using Form = ListObject::Form;

Value of(const Ref<ListObject>& list) {
  return Renderer::value_of(list);
}

// What filters compare: strings without regard to case unless told otherwise.
Value folded(Renderer& r, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  return r.text(to_lower(value.text()));
}

Value key_of(Renderer& r, const Call& call, std::size_t attribute, const Value& item,
             bool case_sensitive, const Value* otherwise = nullptr) {
  const Value found = call.has(attribute) ? r.path(item, call[attribute], otherwise) : item;
  return r.failed() ? Value() : folded(r, found, case_sensitive);
}

struct Keyed {
  Value key;
  Value item;
};

void sort_keyed(Renderer& r, std::vector<Keyed>& all, bool reverse) {
  // Once a comparison has failed, all are false: an order that any algorithm can end on.
  const auto before = [&](const Keyed& a, const Keyed& b) {
    if (!r.spend(1)) return false;
    return reverse ? r.less(b.key, a.key) : r.less(a.key, b.key);
  };
  std::stable_sort(all.begin(), all.end(), before);
}

Value sort(Renderer& r, Call& call) {
  const bool reverse = r.flag_argument(call, 1), case_sensitive = r.flag_argument(call, 2);
  std::vector<Value> paths;  // "age,name" sorts by several
  if (call.has(3) && call[3].is_string()) {
    const std::string_view text = call[3].text();
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find(',', at), text.size());
      paths.push_back(call[3].part(at, end - at));
      at = end + 1;
    }
  } else if (call.has(3)) {
    paths.push_back(call[3]);
  }
  std::vector<Keyed> all;
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    Value key;
    if (paths.size() <= 1) {
      key = folded(r, paths.empty() ? item : r.path(item, paths[0]), case_sensitive);
    } else {
      auto keys = r.new_list();
      for (const Value& path : paths) keys->append(folded(r, r.path(item, path), case_sensitive));
      key = of(keys);
    }
    all.push_back({std::move(key), item});
  }
  if (!r.failed()) sort_keyed(r, all, reverse);
  if (r.failed()) return {};
  auto out = r.new_list();
  for (Keyed& one : all) out->append(std::move(one.item));
  return of(out);
}

Value dictsort(Renderer& r, Call& call) {
  const Value& map = call.self();
  const bool case_sensitive = r.flag_argument(call, 1), reverse = r.flag_argument(call, 3);
  bool by_value = false;
  if (call.has(2)) {
    const std::string by = r.str(call[2]);
    if (by != "key" && by != "value") return r.fail("a mapping is sorted by 'key' or by 'value'");
    by_value = by == "value";
  }
  if (!map.is_mapping())
    return r.fail("'dictsort' needs a mapping, not " + std::string(type_phrase(map)));
  std::vector<Keyed> all;
  for (std::size_t i = 0; i < Renderer::mapping_size(map) && r.spend(1); ++i) {
    auto [key, value] = Renderer::mapping_at(map, i);
    Value sort_key = folded(r, by_value ? value : key, case_sensitive);
    all.push_back({std::move(sort_key), r.pair(key, value)});
  }
  if (!r.failed()) sort_keyed(r, all, reverse);
  if (r.failed()) return {};
  auto out = r.new_list();
  for (Keyed& one : all) out->append(std::move(one.item));
  return of(out);
}

Value items_of(Renderer& r, Call& call) {
  const Value& map = call.self();
  auto out = r.new_list(Form::kGenerator);
  if (map.is_undefined()) return of(out);
  if (!map.is_mapping())
    return r.fail("'items' needs a mapping, not " + std::string(type_phrase(map)));
  for (std::size_t i = 0; i < Renderer::mapping_size(map) && r.spend(1); ++i) {
    auto [key, value] = Renderer::mapping_at(map, i);
    out->append(r.pair(std::move(key), std::move(value)));
  }
  return of(out);
}

Value groupby(Renderer& r, Call& call) {
  const bool case_sensitive = r.flag_argument(call, 3);
  const Value* otherwise = call.has(2) ? &call[2] : nullptr;
  std::vector<Keyed> all;
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    Value key = key_of(r, call, 1, item, case_sensitive, otherwise);
    all.push_back({std::move(key), item});
  }
  if (!r.failed()) sort_keyed(r, all, false);
  auto out = r.new_list();
  for (std::size_t i = 0; i < all.size() && !r.failed();) {
    auto group = r.new_list();
    const std::size_t first = i;
    for (; i < all.size() && r.equal(all[i].key, all[first].key); ++i) group->append(all[i].item);
    if (i == first) ++i;  // a key that is not equal to itself, NaN
    // The name of a group is spelled as in its first item.
    Value name = case_sensitive ? all[first].key : r.path(all[first].item, call[1], otherwise);
    if (i == first + 1 && group->items.empty()) group->append(all[first].item);
    out->append(r.pair(std::move(name), of(group), Form::kGroup));
  }
  return r.failed() ? Value() : of(out);
}

Value unique(Renderer& r, Call& call) {
  const bool case_sensitive = r.flag_argument(call, 1);
  auto out = r.new_list(Form::kGenerator);
  std::unordered_set<std::string> strings;
  std::vector<Value> others;
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    const Value key = key_of(r, call, 2, item, case_sensitive);
    if (r.failed() || !r.check_defined(key)) return {};
    if (!is_hashable(key)) {
      return r.fail("'unique' cannot tell " + std::string(type_phrase(key)) + " apart",
                    "give attribute= to compare by");
    }
    if (key.is_string()) {
      if (!r.spend(key.text().size() / 256)) return {};
      if (!strings.emplace(key.text()).second) continue;
    } else {
      if (!r.spend(others.size() / 8)) return {};
      const auto same = [&](const Value& seen) { return same_key(seen, key); };
      if (std::any_of(others.begin(), others.end(), same)) continue;
      others.push_back(key);
    }
    out->append(item);
  }
  return r.failed() ? Value() : of(out);
}

Value extreme(Renderer& r, Call& call, bool largest) {
  const bool case_sensitive = r.flag_argument(call, 1);
  Items items = r.items(call.self());
  Value item, best, best_key;
  bool any = false;
  while (!r.failed() && items.next(item)) {
    Value key = key_of(r, call, 2, item, case_sensitive);
    if (any && !(largest ? r.less(best_key, key) : r.less(key, best_key))) continue;
    any = true;
    best = item;
    best_key = std::move(key);
  }
  if (r.failed()) return {};
  return any ? best : r.missing("the sequence is empty: it has no least or greatest item");
}
Value min(Renderer& r, Call& call) {
  return extreme(r, call, false);
}
Value max(Renderer& r, Call& call) {
  return extreme(r, call, true);
}

Value sum(Renderer& r, Call& call) {
  Value total = call.has(2) ? call[2] : Value::integer(0);
  if (total.is_string()) return r.fail("'sum' adds numbers, not strings", "use |join");
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    const Value part = call.has(1) && !call[1].is_none() ? r.path(item, call[1]) : item;
    if (!r.failed()) total = r.arithmetic(Arithmetic::kAdd, total, part);
  }
  return r.failed() ? Value() : total;
}

Value first(Renderer& r, Call& call) {
  Items items = r.items(call.self());
  Value item;
  if (!r.failed() && items.next(item)) return item;
  return r.failed() ? Value() : r.missing("the sequence is empty: it has no first item");
}

bool is_generator(const Value& value) {
  return value.is_object(Object::Kind::kList) && value.as<ListObject>().form == Form::kGenerator;
}

Value last(Renderer& r, Call& call) {
  const Value& value = call.self();
  if (is_generator(value))
    return r.fail("what the filter yields has no end to start from", "add |list in front");
  if (Renderer::is_sequence(value)) {
    const std::size_t size = Renderer::sequence_size(value);
    if (size != 0) return Renderer::sequence_at(value, size - 1);
  } else {
    const auto all = r.list_of(value);
    if (r.failed()) return {};
    if (!all->items.empty()) return all->items.back();
  }
  return r.missing("the sequence is empty: it has no last item");
}

Value length_of(Renderer& r, Call& call) {
  const auto size = r.length(call.self());
  return size ? Value::integer(static_cast<std::int64_t>(*size)) : Value();
}

Value list(Renderer& r, Call& call) {
  const auto out = r.list_of(call.self());
  return r.failed() ? Value() : of(out);
}

Value reverse(Renderer& r, Call& call) {
  const Value& value = call.self();
  if (value.is_string()) return r.slice(value, Value::none(), Value::none(), Value::integer(-1));
  if (!r.is_iterable(value)) return r.fail(std::string(type_phrase(value)) + " cannot be reversed");
  auto out = r.list_of(value, is_generator(value) ? Form::kList : Form::kGenerator);
  std::reverse(out->items.begin(), out->items.end());
  return r.failed() ? Value() : of(out);
}

Value batch(Renderer& r, Call& call) {
  const std::int64_t size = r.integer_argument(call, 1, 0);
  auto out = r.new_list(Form::kGenerator);
  auto part = r.new_list();
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    if (static_cast<std::int64_t>(part->items.size()) == size) {
      out->append(of(part));
      part = r.new_list();
    }
    part->append(item);
  }
  if (!part->items.empty()) {
    const bool fills = call.has(2) && !call[2].is_none();
    while (fills && static_cast<std::int64_t>(part->items.size()) < size && r.spend(1)) {
      part->append(call[2]);
    }
    out->append(of(part));
  }
  return r.failed() ? Value() : of(out);
}

Value slice(Renderer& r, Call& call) {
  const std::int64_t slices = r.integer_argument(call, 1, 0);
  const auto all = r.list_of(call.self());
  if (r.failed()) return {};
  if (slices == 0) return r.fail("'slice' into 0 parts is not possible");
  auto out = r.new_list(Form::kGenerator);
  if (slices < 0) return of(out);
  if (!r.spend(static_cast<std::size_t>(slices))) return {};
  const auto size = static_cast<std::int64_t>(all->items.size());
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < slices; ++i) {
    auto part = r.new_list();
    const std::int64_t end = at + size / slices + (i < size % slices ? 1 : 0);
    for (; at < end; ++at) part->append(all->items[static_cast<std::size_t>(at)]);
    if (call.has(2) && !call[2].is_none() && i >= size % slices) part->append(call[2]);
    out->append(of(part));
  }
  return of(out);
}

Value join(Renderer& r, Call& call) {
  Value glue = call.has(1) ? r.soft_string(call[1]) : Value::string("");
  const bool by_attribute = call.has(2) && !call[2].is_none();
  std::vector<Value> parts;
  bool markup = glue.is_markup();
  Items items = r.items(call.self());
  Value item;
  while (!r.failed() && items.next(item)) {
    parts.push_back(by_attribute ? r.path(item, call[2]) : item);
    if (parts.back().is_undefined() && !r.check_defined(parts.back())) return {};
    markup |= parts.back().is_markup();
  }
  if (r.failed()) return {};
  // Markup anywhere, and the rest is escaped; without autoescape all is plain text.
  markup &= r.autoescape();
  if (markup) glue = r.escaped(glue);
  std::string out, storage;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i != 0) out += glue.text();
    if (markup && !parts[i].is_markup()) {
      r.escape(out, r.view(parts[i], storage));
    } else {
      r.print(out, parts[i]);
    }
    if (!r.may_make(out.size())) return {};
  }
  return r.text(std::move(out), markup);
}

Value random(Renderer& r, Call& call) {
  Random* source = r.input().limits.random;
  if (source == nullptr) {
    return r.fail("the filter 'random' is not available here", "a render must be repeatable");
  }
  const Value& value = call.self();
  const auto size = r.length(value);
  if (!size) return {};
  if (*size == 0) return r.missing("the sequence is empty: it has no item to draw");
  return r.item(value, Value::integer(static_cast<std::int64_t>(source->below(*size))));
}

Value otherwise(Renderer& r, Call& call) {
  const Value& value = call.self();
  const bool boolean = r.flag_argument(call, 2);
  if (value.is_undefined() || (boolean && !r.truth(value))) {
    return call.has(1) ? call[1] : Value::string("");
  }
  return value;
}

Value attr(Renderer& r, Call& call) {
  const std::string name = r.str(call[1]);
  const Value& value = call.self();
  if (r.failed() || !r.check_defined(value, true)) return {};
  if (value.type() == Type::kObject && !value.is_mapping()) return r.attribute(value, name);
  return r.missing(std::string(type_phrase(value)) + " has no attribute '" + name +
                   "' (a member is looked up by a dot or brackets)");
}

constexpr Builtin kFilters[] = {
    {"attr", "obj, name", attr, true},
    {"batch", "value, linecount, fill_with=", batch},
    {"count", "obj", length_of},
    {"d", "value, default_value=, boolean=", otherwise, true},
    {"default", "value, default_value=, boolean=", otherwise, true},
    {"dictsort", "value, case_sensitive=, by=, reverse=", dictsort},
    {"first", "seq", first},
    {"groupby", "value, attribute, default=, case_sensitive=", groupby},
    {"items", "value", items_of},
    {"join", "value, d=, attribute=", join},
    {"last", "seq", last},
    {"length", "obj", length_of},
    {"list", "value", list},
    {"max", "value, case_sensitive=, attribute=", max},
    {"min", "value, case_sensitive=, attribute=", min},
    {"random", "seq", random},
    {"reverse", "value", reverse},
    {"slice", "value, slices, fill_with=", slice},
    {"sort", "value, reverse=, case_sensitive=, attribute=", sort},
    {"sum", "iterable, attribute=, start=", sum},
    {"unique", "value, case_sensitive=, attribute=", unique},
};

}  // namespace

std::span<const Builtin> list_filters() {
  return kFilters;
}

}  // namespace sighter::text::jinja
