// Global functions: range, dict, cycler, joiner, namespace; and those of chat templates.

#include <ctime>

#include "text/template_filters.hpp"
#include "text/template_render.hpp"

namespace sighter::text::jinja {

namespace {

Value range(Renderer& r, Call& call) {
  std::int64_t numbers[3] = {0, 0, 1};
  if (call.positional.empty() || call.positional.size() > 3) {
    return r.fail("range() takes one to three integers");
  }
  for (std::size_t i = 0; i < call.positional.size(); ++i) {
    const Value& value = call.positional[i];
    if (!value.is_int() && !value.is_bool()) {
      if (r.check_defined(value, true)) {
        r.fail("range() takes integers, not " + std::string(type_phrase(value)));
      }
      return {};
    }
    numbers[i] = value.as_int();
  }
  if (call.positional.size() == 1) std::swap(numbers[0], numbers[1]);
  if (numbers[2] == 0) return r.fail("the step of range() must not be 0");
  if (numbers[2] == std::numeric_limits<std::int64_t>::min()) ++numbers[2];
  const Value out = Value::object(new RangeObject(r.heap(), numbers[0], numbers[1], numbers[2]));
  if (static_cast<std::uint64_t>(out.as<RangeObject>().size) > r.input().limits.steps_max) {
    return r.fail("range() is limited to " + std::to_string(r.input().limits.steps_max) + " items",
                  {}, Kind::kTooLarge);
  }
  return out;
}

// dict(mapping or pairs, name=value ...)
Ref<DictObject> dict_of(Renderer& r, Call& call, std::string_view function) {
  auto out = r.new_dict();
  if (call.positional.size() > 1) {
    r.fail(std::string(function) + "() takes one mapping and named values");
    return out;
  }
  if (!call.positional.empty() && call.positional[0].is_mapping()) {
    const Value& map = call.positional[0];
    for (std::size_t i = 0; i < Renderer::mapping_size(map) && r.spend(1); ++i) {
      auto [key, value] = Renderer::mapping_at(map, i);
      out->set(std::move(key), std::move(value));
    }
  } else if (!call.positional.empty()) {
    Items items = r.items(call.positional[0]);
    Value item;
    while (!r.failed() && items.next(item)) {
      const auto both = r.list_of(item);
      if (r.failed()) break;
      if (both->items.size() != 2 || !is_hashable(both->items[0])) {
        r.fail(std::string(function) + "() takes pairs of a key and a value");
        break;
      }
      out->set(both->items[0], both->items[1]);
    }
  }
  for (auto& [name, value] : call.named) out->set(name, value);
  return out;
}

Value dict(Renderer& r, Call& call) {
  const auto out = dict_of(r, call, "dict");
  return r.failed() ? Value() : Renderer::value_of(out);
}

Value make_namespace(Renderer& r, Call& call) {
  const auto values = dict_of(r, call, "namespace");
  return r.failed() ? Value() : Value::object(new NamespaceObject(r.heap(), values.get()));
}

Value cycler(Renderer& r, Call& call) {
  if (call.positional.empty()) return r.fail("cycler() needs something to cycle through");
  auto* out = new CyclerObject(r.heap());
  out->items = call.positional;
  return Value::object(out);
}

Value joiner(Renderer& r, Call& call) {
  auto* out = new JoinerObject(r.heap());
  out->separator = call.has(0) ? call[0] : Value::string(", ");
  return Value::object(out);
}

constexpr Builtin kFunctions[] = {
    {"cycler", "*", cycler},    {"dict", "*, **", dict},
    {"joiner", "sep=", joiner}, {"namespace", "*, **", make_namespace},
    {"range", "*", range},
};

Value raise_exception(Renderer& r, Call& call) {
  const std::string message = r.str(call[0]);
  return r.failed() ? Value() : r.fail("the template refuses this: " + message);
}

// datetime.now().strftime(format), in UTC.
Value strftime_now(Renderer& r, Call& call) {
  const auto now = r.input().limits.now;
  if (!now) return r.fail("strftime_now() is not available here", "a render must be repeatable");
  const std::string format = r.str(call[0]);
  if (r.failed()) return {};
  if (format.size() > 256) return r.fail("the format of strftime_now() is too long");
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(*now));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char buffer[1024];
  const std::size_t size = std::strftime(buffer, sizeof buffer, format.c_str(), &parts);
  return r.text(std::string(buffer, size));
}

constexpr Builtin kChatFunctions[] = {
    {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
};

}  // namespace

std::span<const Builtin> all_functions() {
  return kFunctions;
}
std::span<const Builtin> chat_functions() {
  return kChatFunctions;
}

}  // namespace sighter::text::jinja
