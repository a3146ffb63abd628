// Lists, mappings, strings and ranges: going over them, and looking into them.

#include <algorithm>
#include <limits>

#include "base/similar.hpp"
#include "base/utf8.hpp"
#include "text/template_javascript.hpp"
#include "text/template_number.hpp"
#include "text/template_render.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {
// From this size on an object that is asked for members often gets an index.
constexpr std::size_t kIndexMembersFrom = 64;
constexpr std::size_t kIndexAsksFrom = 8;
}  // namespace

bool Items::next(Value& out) {
  if (renderer_ == nullptr || !renderer_->spend(1)) return false;
  switch (source_.type()) {
    case Type::kString: {
      if (at_ >= source_.text().size()) return false;
      const std::size_t start = at_;
      next_code_point(source_.text(), at_);
      out = source_.part(start, at_ - start).with_markup(false);
      return true;
    }
    case Type::kJsonArray: {
      const JsonArray& array = source_.json().as_array();
      if (at_ >= array.size()) return false;
      out = Value::of(array[at_++]);
      return true;
    }
    case Type::kJsonObject: {
      const JsonObject& object = source_.json().as_object();
      if (at_ >= object.size()) return false;
      out = Value::string(object.begin()[static_cast<std::ptrdiff_t>(at_++)].first);
      return true;
    }
    case Type::kObject:
      break;
    default:
      return false;
  }
  if (source_.is_object(Object::Kind::kRange)) {
    const auto& range = source_.as<RangeObject>();
    if (at_ >= static_cast<std::size_t>(range.size)) return false;
    out = Value::integer(range.start + static_cast<std::int64_t>(at_++) * range.step);
    return true;
  }
  if (source_.is_object(Object::Kind::kDict)) {
    const auto& dict = source_.as<DictObject>();
    if (at_ >= dict.pairs.size()) return false;
    out = dict.pairs[at_++].first;
    return true;
  }
  const auto& list = source_.as<ListObject>();
  if (at_ >= list.items.size()) return false;
  out = list.items[at_++];
  return true;
}

std::size_t Items::left() const {
  switch (source_.type()) {
    case Type::kString:
      return sighter::text::jinja::length(source_.text().substr(at_));
    case Type::kJsonArray:
      return source_.json().as_array().size() - at_;
    case Type::kJsonObject:
      return source_.json().as_object().size() - at_;
    case Type::kObject:
      break;
    default:
      return 0;
  }
  if (source_.is_object(Object::Kind::kRange)) {
    return static_cast<std::size_t>(source_.as<RangeObject>().size) - at_;
  }
  if (source_.is_object(Object::Kind::kDict)) return source_.as<DictObject>().pairs.size() - at_;
  return source_.as<ListObject>().items.size() - at_;
}

bool Renderer::is_iterable(const Value& value) const {
  switch (value.type()) {
    case Type::kString:
    case Type::kJsonArray:
    case Type::kJsonObject:
      return true;
    case Type::kUndefined:
      return !is_strict(value);
    default:
      return value.is_object(Object::Kind::kList) || value.is_object(Object::Kind::kDict) ||
             value.is_object(Object::Kind::kRange);
  }
}

Items Renderer::items(const Value& value) {
  Items out;
  if (!check_defined(value)) return out;
  if (!is_iterable(value)) {
    fail(std::string(type_phrase(value)) + " has no items to go over");
    return out;
  }
  out.source_ = value;
  out.renderer_ = this;
  return out;
}

std::optional<std::size_t> Renderer::length(const Value& value) {
  if (!check_defined(value)) return std::nullopt;
  if (value.is_object(Object::Kind::kList) &&
      value.as<ListObject>().form == ListObject::Form::kGenerator) {
    fail("what the filter yields has no length", "add |list in front");
    return std::nullopt;
  }
  if (value.is_object(Object::Kind::kLoop)) {
    return static_cast<std::size_t>(loop_length(value.as<LoopObject>()));
  }
  if (!is_iterable(value)) {
    fail(std::string(type_phrase(value)) + " has no length");
    return std::nullopt;
  }
  if (value.is_undefined()) return 0;
  if (value.is_string() && !spend(value.text().size() / 1024)) return std::nullopt;
  return items(value).left();
}

bool Renderer::is_sequence(const Value& value) {
  return value.type() == Type::kJsonArray || value.is_object(Object::Kind::kList);
}

std::size_t Renderer::sequence_size(const Value& list) {
  return list.type() == Type::kJsonArray ? list.json().as_array().size()
                                         : list.as<ListObject>().items.size();
}

Value Renderer::sequence_at(const Value& list, std::size_t i) {
  return list.type() == Type::kJsonArray ? Value::of(list.json().as_array()[i])
                                         : list.as<ListObject>().items[i];
}

std::size_t Renderer::mapping_size(const Value& mapping) {
  return mapping.type() == Type::kJsonObject ? mapping.json().as_object().size()
                                             : mapping.as<DictObject>().pairs.size();
}

std::pair<Value, Value> Renderer::mapping_at(const Value& mapping, std::size_t i) {
  if (mapping.type() == Type::kJsonObject) {
    const auto& [name, value] = mapping.json().as_object().begin()[static_cast<std::ptrdiff_t>(i)];
    return {Value::string(name), Value::of(value)};
  }
  return mapping.as<DictObject>().pairs[i];
}

const Json* Renderer::member(const JsonObject& object, std::string_view name) {
  if (object.size() < kIndexMembersFrom) return object.find(name);
  Looked& looked = looked_[&object];
  if (looked.members.empty()) {
    if (++looked.times < kIndexAsksFrom) return object.find(name);
    for (const auto& [key, value] : object) looked.members.emplace(key, &value);
  }
  const auto it = looked.members.find(name);
  return it == looked.members.end() ? nullptr : it->second;
}

Value Renderer::mapping_get(const Value& mapping, const Value& key, bool& found) {
  found = false;
  if (key.is_string() && !spend(key.text().size() / 256)) return {};
  if (!is_hashable(key)) {
    fail(std::string(type_phrase(key)) + " cannot be the key of a mapping");
    return {};
  }
  if (mapping.type() == Type::kJsonObject) {
    if (!key.is_string()) return {};
    const Json* json = member(mapping.json().as_object(), key.text());
    found = json != nullptr;
    return found ? Value::of(*json) : Value();
  }
  const auto& dict = mapping.as<DictObject>();
  if (!key.is_string() && !spend(1 + dict.pairs.size() / 8)) return {};
  const Value* value = dict.find(key);
  found = value != nullptr;
  return found ? *value : Value();
}

Ref<ListObject> Renderer::list_of(const Value& value, ListObject::Form form) {
  auto out = new_list(form);
  Items all = items(value);
  if (!failed()) {
    const std::size_t size = value.is_undefined() ? 0 : all.left();
    if (size > steps_left_) spend(size);
    if (!failed()) out->items.reserve(size);
  }
  Value next;
  while (!failed() && all.next(next)) out->append(std::move(next));
  return out;
}

namespace {

// An index as Python takes it: negative ones count from the end.
std::optional<std::size_t> index_in(const Value& key, std::size_t size) {
  if (!key.is_int() && !key.is_bool()) return std::nullopt;
  std::int64_t i = key.as_int();
  if (i < 0) i += static_cast<std::int64_t>(size);
  if (i < 0 || i >= static_cast<std::int64_t>(size)) return std::nullopt;
  return static_cast<std::size_t>(i);
}

// Lists and tuples; not what filters yield or the views of a mapping.
bool is_indexed(const Value& sequence) {
  if (sequence.type() == Type::kJsonArray) return true;
  const auto& list = sequence.as<ListObject>();
  return list.form == ListObject::Form::kList || list.is_tuple();
}

std::string key_text(const Value& key) {
  if (key.is_string()) return std::string(key.text());
  if (key.is_int()) return std::to_string(key.as_int());
  return std::string(type_phrase(key));
}

}  // namespace

// The code point at an index, from the nearer end; undefined where there is none.
Value Renderer::character_at(const Value& string, const Value& index) {
  if (!index.is_int() && !index.is_bool()) return {};
  const std::string_view text = string.text();
  const std::int64_t i = index.as_int();
  const auto size = static_cast<std::int64_t>(text.size());
  if (i >= size || i < -size || !spend(static_cast<std::size_t>(i < 0 ? -i : i) / 1024)) return {};
  std::size_t from = 0;
  if (i >= 0) {
    from = byte_offset(text, static_cast<std::size_t>(i));
    if (from == text.size()) return {};
  } else {
    from = text.size();
    for (std::int64_t n = i; n < 0; ++n) {
      if (from == 0) return {};
      do {
        --from;
      } while (from > 0 && (text[from] & 0xC0) == 0x80);
    }
  }
  return string.part(from, byte_offset(text.substr(from), 1));
}

Value Renderer::item(const Value& object, const Value& key, const Expr* expr) {
  if (object.is_mapping()) {
    bool found = false;
    Value value = mapping_get(object, key, found);
    if (found || failed()) return value;
  } else if (object.is_string()) {
    Value character = character_at(object, key);
    if (failed() || !character.is_undefined()) return character;
  } else if (is_sequence(object)) {
    const auto i = is_indexed(object) ? index_in(key, sequence_size(object)) : std::nullopt;
    if (i) return sequence_at(object, *i);
  } else if (object.is_object(Object::Kind::kRange)) {
    const auto& range = object.as<RangeObject>();
    if (const auto i = index_in(key, static_cast<std::size_t>(range.size))) {
      return Value::integer(range.start + static_cast<std::int64_t>(*i) * range.step);
    }
  } else if (object.is_undefined()) {
    if (!input_.dialect.undefined_chains) check_defined(object, true);
    return {};
  }
  if (input_.dialect.javascript_values && key.is_string() && key.text() == "length")
    return attribute(object, key.text(), expr);
  if (key.is_undefined() && !check_defined(key)) return {};
  if (key.is_string() && object.type() == Type::kObject && !object.is_mapping()) {
    return attribute(object, key.text(), expr);
  }
  auto* missing = new MissingObject(heap_, object, key_text(key), expr);
  missing->unit = unit_;
  return Value::missing(missing);
}

Value Renderer::attribute(const Value& object, std::string_view name, const Expr* expr) {
  if (object.is_undefined()) {
    if (!input_.dialect.undefined_chains) check_defined(object, true);
    return {};
  }
  if (input_.dialect.javascript_values && name == "length") {
    if (object.is_string())
      return Value::integer(static_cast<std::int64_t>(javascript::length(object.text())));
    if (is_sequence(object))
      return Value::integer(static_cast<std::int64_t>(sequence_size(object)));
    if (object.is_object(Object::Kind::kRange))
      return Value::integer(object.as<RangeObject>().size);
  }
  if (object.type() == Type::kJsonObject) {
    if (const Json* json = member(object.json().as_object(), name)) return Value::of(*json);
  } else if (object.type() == Type::kObject) {
    bool found = true;
    switch (object.owner()->kind) {
      case Object::Kind::kDict:
        if (const Value* value = object.as<DictObject>().find(name)) return *value;
        break;
      case Object::Kind::kNamespace:
        if (const Value* value = object.as<NamespaceObject>().attributes->find(name)) return *value;
        break;
      case Object::Kind::kLoop: {
        const auto& known = input_.dialect.loop_members;
        if (!known.empty() && std::ranges::find(known, name) == known.end()) break;
        Value value = loop_attribute(object.as<LoopObject>(), name, found);
        if (found) return value;
        break;
      }
      case Object::Kind::kCycler:
        if (name == "current" && input_.dialect.cycler_gave) return object.as<CyclerObject>().last;
        if (name == "current")
          return object.as<CyclerObject>().items[object.as<CyclerObject>().position];
        break;
      case Object::Kind::kList: {
        const auto& list = object.as<ListObject>();
        if (list.form == ListObject::Form::kGroup && name == "grouper") return list.items[0];
        if (list.form == ListObject::Form::kGroup && name == "list") return list.items[1];
        break;
      }
      case Object::Kind::kMacro: {
        Value value = macro_attribute(object.as<MacroObject>().macro, name, found);
        if (found) return value;
        break;
      }
      default:
        break;
    }
  }
  auto* missing = new MissingObject(heap_, object, std::string(name), expr);
  missing->unit = unit_;
  return Value::missing(missing);
}

Value Renderer::macro_attribute(const Macro& macro, std::string_view name, bool& found) {
  found = true;
  if (name == "name") return Value::string(macro.name);
  if (name == "caller") return Value::boolean(macro.uses_caller);
  if (name == "catch_kwargs") return Value::boolean(macro.uses_kwargs);
  if (name == "catch_varargs") return Value::boolean(macro.uses_varargs);
  found = name == "arguments";
  if (!found) return {};
  auto names = new_list(ListObject::Form::kTuple);
  for (const auto parameter : macro.parameters) names->append(Value::string(parameter));
  return value_of(names);
}

Value Renderer::path(const Value& object, const Value& path, const Value* otherwise) {
  Value current = object;
  const auto step = [&](const Value& key) {
    current = item(current, key);
    if (current.is_undefined() && otherwise != nullptr && !otherwise->is_none())
      current = *otherwise;
  };
  if (!path.is_string()) {
    if (!path.is_none()) step(path);
    return current;
  }
  std::string_view left = path.text();
  while (!failed()) {
    const std::string_view part = left.substr(0, left.find('.'));
    const ParsedInt number = part.find_first_not_of("0123456789") == std::string_view::npos
                                 ? parse_int(part, 10)
                                 : ParsedInt{};
    const std::size_t from = static_cast<std::size_t>(part.data() - path.text().data());
    step(number.valid && !number.overflow ? Value::integer(number.value)
                                          : path.part(from, part.size()));
    if (part.size() == left.size()) break;
    left.remove_prefix(part.size() + 1);
  }
  return current;
}

namespace {

__extension__ using Wide = __int128;

struct Range {
  std::int64_t start, stop, step;
};

// base + times * step, kept within 64 bits.
std::int64_t clamped(std::int64_t base, std::int64_t times, std::int64_t step) {
  const Wide exact = base + static_cast<Wide>(times) * step;
  const Wide least = std::numeric_limits<std::int64_t>::min() + 1;
  const Wide most = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp(exact, least, most));
}

// Bounds as Python understands them: negative ones count from the end, too large ones are cut.
std::optional<Range> adjusted(Renderer& r, const Value& start, const Value& stop, const Value& step,
                              std::int64_t size) {
  for (const Value* v : {&start, &stop, &step}) {
    if (!v->is_none() && !v->is_int() && !v->is_bool()) {
      if (r.check_defined(*v, true)) {
        r.fail("a slice needs integers, not " + std::string(type_phrase(*v)));
      }
      return std::nullopt;
    }
  }
  Range out{0, 0, step.is_none() ? 1 : step.as_int()};
  if (out.step == 0) {
    r.fail("the step of a slice must not be 0");
    return std::nullopt;
  }
  out.step = std::max(out.step, -std::numeric_limits<std::int64_t>::max());
  const bool back = out.step < 0;
  const auto bound = [&](const Value& v, std::int64_t otherwise) {
    if (v.is_none()) return otherwise;
    std::int64_t i = v.as_int();
    if (i < 0) i = i < -size ? -1 : i + size;
    if (i < 0) return back ? std::int64_t{-1} : std::int64_t{0};
    return std::min(i, back ? size - 1 : size);
  };
  out.start = bound(start, back ? size - 1 : 0);
  out.stop = bound(stop, back ? -1 : size);
  return out;
}

}  // namespace

Value Renderer::slice(const Value& object, const Value& start, const Value& stop,
                      const Value& step) {
  if (!check_defined(object, true)) return {};
  std::size_t size = 0;
  if (object.is_string()) {
    size = sighter::text::jinja::length(object.text());
  } else if (object.is_object(Object::Kind::kRange)) {
    size = static_cast<std::size_t>(object.as<RangeObject>().size);
  } else if (!is_sequence(object)) {
    return fail(std::string(type_phrase(object)) + " cannot be sliced");
  } else if (!is_indexed(object)) {
    return fail("what the filter yields cannot be sliced", "add |list in front");
  } else {
    size = sequence_size(object);
  }
  const auto range = adjusted(*this, start, stop, step, static_cast<std::int64_t>(size));
  if (!range || !spend(1 + size / 64)) return {};
  if (object.is_object(Object::Kind::kRange)) {
    const auto& source = object.as<RangeObject>();
    return Value::object(new RangeObject(heap_, clamped(source.start, range->start, source.step),
                                         clamped(source.start, range->stop, source.step),
                                         clamped(0, range->step, source.step)));
  }
  const Ref<RangeObject> picked(new RangeObject(heap_, range->start, range->stop, range->step));
  if (object.is_string()) return slice_string(object, *picked);
  const bool tuple = object.type() == Type::kObject && object.as<ListObject>().is_tuple();
  auto out = new_list(tuple ? ListObject::Form::kTuple : ListObject::Form::kList);
  for (std::int64_t i = 0; i < picked->size; ++i) {
    out->append(sequence_at(object, static_cast<std::size_t>(range->start + i * range->step)));
  }
  return value_of(out);
}

Value Renderer::slice_string(const Value& object, const RangeObject& picked) {
  if (picked.step == 1) {
    const std::size_t from = byte_offset(object.text(), static_cast<std::size_t>(picked.start));
    const std::size_t bytes =
        byte_offset(object.text().substr(from), static_cast<std::size_t>(picked.size));
    return object.part(from, bytes);
  }
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < object.text().size(); next_code_point(object.text(), at)) {
    starts.push_back(at);
  }
  starts.push_back(object.text().size());
  std::string out;
  for (std::int64_t i = 0; i < picked.size; ++i) {
    const auto place = static_cast<std::size_t>(picked.start + i * picked.step);
    out += object.text().substr(starts[place], starts[place + 1] - starts[place]);
  }
  return text(std::move(out), object.is_markup());
}

}  // namespace sighter::text::jinja
