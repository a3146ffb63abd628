// Calls: matching arguments to parameters, macros, recursive loops, and methods of objects.

#include <algorithm>

#include "base/similar.hpp"
#include "text/template_methods.hpp"
#include "text/template_render.hpp"

namespace sighter::text::jinja {

bool Renderer::eval_arguments(const Arguments& arguments, Call& call) {
  for (const auto& expr : arguments.positional) {
    call.positional.push_back(eval(*expr));
    if (failed()) return false;
  }
  if (arguments.star != nullptr) {
    const Value more = eval(*arguments.star);
    if (failed()) return false;
    at_ = arguments.star->at;
    Items all = items(more);
    Value next;
    while (!failed() && all.next(next)) call.positional.push_back(next);
  }
  for (const auto& [name, expr] : arguments.named) {
    call.named.emplace_back(Value::string(name), eval(*expr));
    if (failed()) return false;
  }
  if (arguments.double_star == nullptr) return !failed();
  const Value more = eval(*arguments.double_star);
  if (failed()) return false;
  at_ = arguments.double_star->at;
  if (!more.is_mapping()) {
    if (check_defined(more, true)) {
      fail("'**' needs a mapping, not " + std::string(type_phrase(more)));
    }
    return false;
  }
  for (std::size_t i = 0; i < mapping_size(more); ++i) {
    auto [key, value] = mapping_at(more, i);
    if (!key.is_string()) {
      fail("'**' needs strings as keys, not " + std::string(type_phrase(key)));
      return false;
    }
    call.named.emplace_back(std::move(key), std::move(value));
  }
  return spend(1 + mapping_size(more));
}

// Puts what was given into the slots of the signature. With `has_self`, slot 0 is filled already.
bool Renderer::bind(const Signature& signature, Call& call, bool has_self, std::string_view kind,
                    std::string_view name) {
  const auto what = [&] { return "the " + std::string(kind) + " '" + std::string(name) + "'"; };
  const std::size_t first = has_self ? 1 : 0;
  const std::size_t taken = std::min(call.positional.size(), signature.size - first);
  for (std::size_t i = 0; i < taken; ++i) {
    call.slots[first + i] = std::move(call.positional[i]);
    call.given |= 1u << (first + i);
  }
  call.positional.erase(call.positional.begin(),
                        call.positional.begin() + static_cast<long>(taken));
  if (!call.positional.empty() && !signature.rest) {
    fail(what() + " takes at most " + std::to_string(signature.size - first) + " arguments");
    return false;
  }
  std::vector<std::pair<Value, Value>> unknown;
  for (auto& [key, value] : call.named) {
    const auto names = std::span(signature.names).subspan(first, signature.size - first);
    const auto found = std::find(names.begin(), names.end(), key.text());
    if (found == names.end()) {
      unknown.emplace_back(std::move(key), std::move(value));
      continue;
    }
    const auto slot = first + static_cast<std::size_t>(found - names.begin());
    if (call.has(slot)) {
      fail(what() + " was given '" + std::string(*found) + "' twice");
      return false;
    }
    call.slots[slot] = std::move(value);
    call.given |= 1u << slot;
  }
  if (!unknown.empty() && !signature.named_rest) {
    const std::vector<std::string> names(
        signature.names.begin() + static_cast<long>(first),
        signature.names.begin() + static_cast<long>(signature.size));
    const std::string key(unknown.front().first.text());
    fail(what() + " has no argument '" + key + "'", names.empty() ? "" : did_you_mean(key, names));
    return false;
  }
  call.named = std::move(unknown);
  for (std::size_t i = first; i < signature.required; ++i) {
    if (call.has(i)) continue;
    fail(what() + " needs the argument '" + std::string(signature.names[i]) + "'");
    return false;
  }
  return true;
}

Value Renderer::call_builtin(const Builtin& builtin, Call& call, std::string_view kind) {
  const bool has_self = kind != "function";
  if (has_self && !builtin.takes_undefined && !check_defined(call.self())) return {};
  const bool plain =
      call.positional.empty() && call.named.empty() && builtin.signature.required <= 1;
  if (has_self) call.given |= 1;
  if (!(plain && has_self) && !bind(builtin.signature, call, has_self, kind, builtin.name))
    return {};
  const std::size_t size = call.self().is_string() ? call.self().text().size() : 0;
  return spend(1 + size / 128) ? builtin.run(*this, call) : Value();
}

Value Renderer::call_filter(std::string_view name, Call& call) {
  const Builtin* filter = input_.dialect.filter(name);
  if (filter == nullptr) {
    return fail("there is no filter '" + std::string(name) + "'",
                did_you_mean(name, input_.dialect.filter_names()));
  }
  return call_builtin(*filter, call, "filter");
}

bool Renderer::call_test(std::string_view name, Call& call) {
  const Builtin* test = input_.dialect.test(name);
  if (test == nullptr) {
    fail("there is no test '" + std::string(name) + "'",
         did_you_mean(name, input_.dialect.test_names()));
    return false;
  }
  return truth(call_builtin(*test, call, "test"));
}

std::int64_t Renderer::integer_argument(const Call& call, std::size_t i, std::int64_t otherwise) {
  if (!call.has(i) || call[i].is_none()) return otherwise;
  if (call[i].is_int() || call[i].is_bool()) return call[i].as_int();
  if (check_defined(call[i], true)) {
    fail("an integer is needed as argument, not " + std::string(type_phrase(call[i])));
  }
  return otherwise;
}

bool Renderer::flag_argument(const Call& call, std::size_t i, bool otherwise) {
  return call.has(i) ? truth(call[i]) : otherwise;
}

Value Renderer::eval_call(const CallExpr& expr) {
  const bool is_method = expr.callee->kind == Expr::Kind::kAttribute;
  Value callee;
  Call call;
  if (is_method) {
    const auto& attribute_expr = static_cast<const AttributeExpr&>(*expr.callee);
    const Value self = eval(*attribute_expr.object);
    if (failed() || !eval_arguments(expr.arguments, call)) return {};
    at_ = attribute_expr.at;
    bool found = false;
    Value result = object_method(self, attribute_expr.name, call, found);
    if (found || failed()) return result;
    callee = attribute(self, attribute_expr.name, &attribute_expr);
  } else {
    callee = eval(*expr.callee);
    if (failed() || !eval_arguments(expr.arguments, call)) return {};
  }
  at_ = expr.callee->at;
  return failed() ? Value() : call_value(callee, call);
}

Value Renderer::call_value(const Value& callee, Call& call) {
  if (callee.type() == Type::kFunction) return call_builtin(callee.builtin(), call, "function");
  if (callee.is_object(Object::Kind::kMacro)) {
    const Ref<MacroObject> keep(&callee.as<MacroObject>());
    return call_macro(*keep, call);
  }
  if (callee.is_object(Object::Kind::kLoop)) return call_loop(callee.as<LoopObject>(), call);
  if (callee.is_object(Object::Kind::kJoiner)) {
    auto& joiner = callee.as<JoinerObject>();
    return std::exchange(joiner.used, true) ? joiner.separator : Value::string("");
  }
  if (!check_defined(callee, true)) return {};
  return fail(std::string(type_phrase(callee)) + " cannot be called");
}

// loop.cycle(...), loop.changed(...), cycler.next() and reset(); Python's methods where allowed.
Value Renderer::object_method(const Value& self, std::string_view name, Call& call, bool& found) {
  found = true;
  if (self.is_object(Object::Kind::kLoop)) {
    auto& loop = self.as<LoopObject>();
    if (name == "cycle") {
      if (call.positional.empty()) return fail("loop.cycle() needs something to cycle through");
      return call.positional[static_cast<std::size_t>(loop.index0) % call.positional.size()];
    }
    if (name == "changed") {
      auto now = new_list(ListObject::Form::kTuple);
      for (const Value& value : call.positional) now->append(value);
      const Value tuple = value_of(now);
      if (loop.has_changed && equal(loop.changed, tuple)) return Value::boolean(false);
      loop.has_changed = true;
      loop.changed = tuple;
      return Value::boolean(true);
    }
  }
  if (self.is_object(Object::Kind::kCycler)) {
    auto& cycler = self.as<CyclerObject>();
    if (name == "next") {
      const Value current = cycler.items[cycler.position];
      cycler.last = current;
      cycler.position = (cycler.position + 1) % cycler.items.size();
      return current;
    }
    if (name == "reset") {
      cycler.position = 0;
      cycler.last = Value::none();
      return Value::none();
    }
  }
  if (input_.options.python_methods) {
    if (const Builtin* method = find_method(self, name)) {
      call.slots[0] = self;
      return call_builtin(*method, call, "method");
    }
    const PythonMethod* known = find_python_method(name);
    const bool holds_it = self.is_mapping() && !attribute(self, name).is_undefined();
    if (known != nullptr && !self.is_undefined() && self.type() != Type::kObject && !holds_it) {
      return fail("the method '." + std::string(name) + "()' of " + std::string(type_phrase(self)) +
                      " is not supported",
                  std::string(known->instead));
    }
  }
  found = false;
  return {};
}

namespace {
// Takes the named argument out of the call; nothing when it is not there.
std::optional<Value> take_named(Call& call, std::string_view name) {
  for (auto it = call.named.begin(); it != call.named.end(); ++it) {
    if (it->first.text() != name) continue;
    Value value = std::move(it->second);
    call.named.erase(it);
    return value;
  }
  return std::nullopt;
}
}  // namespace

// Fills the macro's scope from the call. Defaults are evaluated here, within the macro.
void Renderer::bind_macro(const Macro& macro, ScopeObject& scope, Call& call) {
  const std::string what = "the macro '" + std::string(macro.name) + "'";
  const std::size_t wanted = macro.parameters.size();
  const std::size_t first_default = wanted - macro.defaults.size();
  bool has_caller_parameter = false;
  for (std::size_t i = 0; i < wanted && !failed(); ++i) {
    const std::string_view name = macro.parameters[i];
    has_caller_parameter |= name == "caller";
    if (i < call.positional.size()) {
      scope.set(name, call.positional[i]);
    } else if (auto value = take_named(call, name)) {
      scope.set(name, std::move(*value));
    } else if (i >= first_default) {
      scope.set(name, eval(*macro.defaults[i - first_default]));
    } else {
      scope.set(name,
                missing("the parameter '" + std::string(name) + "' was not given to " + what));
    }
  }
  if (macro.uses_caller && !has_caller_parameter) {
    auto value = take_named(call, "caller");
    scope.set("caller",
              value ? std::move(*value)
                    : missing("there is no caller: " + what + " was not called by a call block"));
  }
  if (macro.uses_varargs) {
    auto rest = new_list(ListObject::Form::kTuple);
    for (std::size_t i = wanted; i < call.positional.size(); ++i) rest->append(call.positional[i]);
    scope.set("varargs", value_of(rest));
  }
  if (!macro.uses_kwargs) return;
  auto rest = new_dict();
  for (auto& [name, value] : call.named) rest->set(std::move(name), std::move(value));
  call.named.clear();
  scope.set("kwargs", value_of(rest));
}

// Whether the call has nothing that the macro does not take.
bool Renderer::fits_macro(const Macro& macro, const Call& call) {
  const std::string what = "the macro '" + std::string(macro.name) + "'";
  const std::size_t wanted = macro.parameters.size();
  if (call.positional.size() > wanted && !macro.uses_varargs) {
    fail(what + " takes at most " + std::to_string(wanted) + " arguments");
    return false;
  }
  if (macro.uses_kwargs) return true;
  const std::vector<std::string> names(macro.parameters.begin(), macro.parameters.end());
  for (const auto& [key, value] : call.named) {
    const std::string name(key.text());
    const auto place = std::find(names.begin(), names.end(), name);
    if (place != names.end() &&
        static_cast<std::size_t>(place - names.begin()) >= call.positional.size()) {
      continue;
    }
    if (place != names.end()) {
      fail(what + " was given '" + name + "' twice");
    } else if (name != "caller") {
      fail(what + " has no parameter '" + name + "'",
           names.empty() ? "" : did_you_mean(name, names));
    } else if (!macro.uses_caller) {
      fail(what + " does not use a caller");
    } else {
      continue;
    }
    return false;
  }
  return true;
}

Value Renderer::call_macro(const MacroObject& object, Call& call) {
  const Macro& macro = object.macro;
  if (calls_ >= limits::kTemplateDepthMax || too_deep()) {
    return fail("the macro '" + std::string(macro.name) + "' calls itself too deeply", {},
                Kind::kTooLarge);
  }
  if (!spend(1 + macro.body.size() / 16) || !fits_macro(macro, call)) return {};
  const Unit* const caller_unit = std::exchange(unit_, &object.unit);
  const std::uint32_t caller_at = at_;
  const bool caller_escapes = std::exchange(autoescape_, object.autoescape);
  Ref<ScopeObject> scope(new ScopeObject(heap_, object.closure));
  Ref<ScopeObject> caller_scope = std::exchange(scope_, scope);
  ++calls_;
  bind_macro(macro, *scope, call);
  std::string out;
  if (!failed()) out = capture([&] { run(macro.body); });
  --calls_;
  unit_ = caller_unit;
  at_ = caller_at;
  scope_ = std::move(caller_scope);
  autoescape_ = caller_escapes;
  return failed() ? Value() : text(std::move(out), caller_escapes);
}

Value Renderer::call_loop(LoopObject& loop, Call& call) {
  if (!loop.node.recursive) {
    return fail("this loop is not recursive", "write {% for ... in ... recursive %}");
  }
  if (call.positional.size() != 1 || !call.named.empty()) {
    return fail("loop() takes one argument, the items to go over");
  }
  if (calls_ >= limits::kTemplateDepthMax || too_deep()) {
    return fail("the loop calls itself too deeply", {}, Kind::kTooLarge);
  }
  const Value keep = Value::object(&loop);
  const Unit* const unit = std::exchange(unit_, &loop.unit);
  const std::uint32_t at = at_;
  Ref<ScopeObject> scope = std::exchange(scope_, loop.outer);
  ++calls_;
  std::string out = capture([&] { loop_over(loop.node, call.positional[0], loop.depth0 + 1); });
  --calls_;
  scope_ = std::move(scope);
  unit_ = unit;
  at_ = at;
  return text(std::move(out), autoescape_);
}

Value Renderer::loop_attribute(LoopObject& loop, std::string_view name, bool& found) {
  found = true;
  const auto integer = [](std::int64_t i) { return Value::integer(i); };
  if (name == "index") return integer(loop.index0 + 1);
  if (name == "index0") return integer(loop.index0);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(!loop_has_more(loop));
  if (name == "length") return integer(loop_length(loop));
  if (name == "revindex") return integer(loop_length(loop) - loop.index0);
  if (name == "revindex0") return integer(loop_length(loop) - loop.index0 - 1);
  if (name == "depth") return integer(loop.depth0 + 1);
  if (name == "depth0") return integer(loop.depth0);
  if (name == "previtem") {
    return loop.index0 == 0 ? missing("there is no previous item") : loop.previous;
  }
  if (name == "nextitem") {
    return loop_has_more(loop) ? loop.ahead.back() : missing("there is no next item");
  }
  found = false;
  return {};
}

}  // namespace sighter::text::jinja
