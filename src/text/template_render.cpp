#include "text/template_render.hpp"

#include <algorithm>

#include "base/similar.hpp"
#include "base/text_position.hpp"
#include "text/template_lexer.hpp"

namespace sighter::text::jinja {

namespace {
// What a render may hold at a time, in relation to what it may produce.
constexpr std::size_t kHeapPerOutput = 4;
// Stack that evaluation may use; threads have 8 MB unless made otherwise.
constexpr std::size_t kStackBytesMax = 1u << 20;
}  // namespace

Value* ScopeObject::find(std::string_view name) {
  for (auto& [key, value] : names) {
    if (key == name) return &value;
  }
  return nullptr;
}

void ScopeObject::set(std::string_view name, Value value) {
  if (Value* there = find(name)) {
    *there = std::move(value);
  } else {
    names.emplace_back(name, std::move(value));
  }
}

Renderer::Renderer(const Input& input)
    : input_(input),
      heap_(input.limits.bytes_max * kHeapPerOutput),
      autoescape_(input.options.autoescape),
      steps_left_(input.limits.steps_max) {}

Result<std::string> Renderer::render(const Unit& unit) {
  stack_ = static_cast<const char*>(__builtin_frame_address(0));
  unit_ = &unit;
  scope_ = Ref<ScopeObject>(new ScopeObject(heap_, {}));
  run(unit.body);
  scope_ = {};
  if (error_) return std::unexpected(*error_);
  return std::move(out_);
}

Value Renderer::fail(std::string what, std::string hint, Kind kind) {
  if (!error_) {
    error_ = Error{kind, where(*unit_, at_) + ": " + std::move(what), std::move(hint)};
  }
  return {};
}

bool Renderer::too_deep() {
  const auto* here = static_cast<const char*>(__builtin_frame_address(0));
  const auto used = stack_ > here ? stack_ - here : here - stack_;
  if (static_cast<std::size_t>(used) < kStackBytesMax) return false;
  fail("the template is nested too deeply", {}, Kind::kTooLarge);
  return true;
}

bool Renderer::spend(std::size_t steps) {
  if (failed()) return false;
  if (steps > steps_left_) {
    steps_left_ = 0;
    fail("the template takes more than " + std::to_string(input_.limits.steps_max) + " steps",
         "loop over less", Kind::kTooLarge);
    return false;
  }
  steps_left_ -= steps;
  if (heap_.is_full()) {
    fail("the template holds more than " +
             std::to_string(input_.limits.bytes_max * kHeapPerOutput) + " bytes of values",
         {}, Kind::kTooLarge);
    return false;
  }
  return true;
}

bool Renderer::may_make(std::size_t bytes) {
  if (failed()) return false;
  if (bytes <= input_.limits.bytes_max) return true;
  fail("the result is larger than " + std::to_string(input_.limits.bytes_max) + " bytes", {},
       Kind::kTooLarge);
  return false;
}

Value Renderer::text(std::string content, bool markup) {
  if (!may_make(content.size()) || !spend(content.size() / 128)) return {};
  auto* object = new TextObject(heap_, std::move(content));
  return Value::string(object->text, object, markup);
}

Ref<ListObject> Renderer::new_list(ListObject::Form form) {
  return Ref<ListObject>(new ListObject(heap_, form));
}
Ref<DictObject> Renderer::new_dict() {
  return Ref<DictObject>(new DictObject(heap_));
}

Value Renderer::pair(Value first, Value second, ListObject::Form form) {
  auto list = new_list(form);
  list->append(std::move(first));
  list->append(std::move(second));
  return value_of(list);
}

Value Renderer::missing(std::string what) {
  return Value::missing(new MissingObject(heap_, std::move(what)));
}

bool Renderer::is_strict(const Value& undefined) const {
  if (input_.options.undefined == UndefinedMode::kLenient) return false;
  return undefined.owner() == nullptr || !undefined.as<MissingObject>().is_lenient;
}

bool Renderer::check_defined(const Value& value, bool always) {
  if (!value.is_undefined()) return true;
  if (!always && !is_strict(value)) return true;
  if (!error_) error_ = undefined_error(value);
  return false;
}

std::vector<std::string> Renderer::visible_names() const {
  std::vector<std::string> names;
  const ScopeObject* scope = scope_.get();
  for (; scope != nullptr; scope = scope->is_sealed ? nullptr : scope->parent.get()) {
    for (const auto& [name, value] : scope->names) names.emplace_back(name);
    if (scope->is_sealed) return names;
  }
  for (const auto& [name, value] : input_.arguments) names.emplace_back(name);
  return names;
}

Error Renderer::undefined_error(const Value& value) const {
  std::size_t place = at_;
  // Inside of what is being evaluated, the place of the variable is nearer than that of the whole.
  if (value.owner() != nullptr) {
    const auto& missing = value.as<MissingObject>();
    if (missing.expr != nullptr && missing.unit == unit_ && missing.expr->at > at_)
      place = missing.expr->at;
  }
  Error error{Kind::kInvalid, where(*unit_, place) + ": ", ""};
  if (value.owner() == nullptr) {
    const std::string name(value.text());
    error.what += "'" + name + "' is undefined";
    const auto names = visible_names();
    if (!names.empty()) error.hint = did_you_mean(name, names);
    return error;
  }
  const auto& missing = value.as<MissingObject>();
  if (!missing.what.empty()) {
    error.what += missing.what;
    return error;
  }
  const std::string full = missing.expr == nullptr ? "" : path_text(*missing.expr);
  error.what += full.empty()
                    ? std::string(type_phrase(missing.base)) + " has no '" + missing.key + "'"
                    : "'" + full + "' is undefined";
  const bool is_map = missing.base.is_mapping() || missing.base.is_object(Object::Kind::kNamespace);
  if (!is_map) return error;
  const Value map = missing.base.is_mapping()
                        ? missing.base
                        : value_of(missing.base.as<NamespaceObject>().attributes);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < mapping_size(map) && i < 1000; ++i) {
    const auto [key, ignored] = mapping_at(map, i);
    if (key.is_string()) names.emplace_back(key.text());
  }
  if (!names.empty()) error.hint = did_you_mean(missing.key, names);
  return error;
}

const Json* Renderer::argument(std::string_view name) const {
  for (const auto& [key, value] : input_.arguments) {
    if (key == name) return value;
  }
  return nullptr;
}

void Renderer::emit(std::string_view text) {
  if (may_make(out_.size() + text.size())) out_ += text;
}

void Renderer::emit(const Value& value) {
  if (value.is_string() && (!autoescape_ || value.is_markup())) return emit(value.text());
  if (!autoescape_) return print(out_, value);
  std::string storage;
  escape(out_, view(value, storage));
  may_make(out_.size());
}

Flow Renderer::run(const Body& body) {
  for (const auto& node : body) {
    const Flow flow = run_node(*node);
    if (failed()) return Flow::kNext;
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Flow Renderer::run_node(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kText:
      emit(static_cast<const TextNode&>(node).text);
      return Flow::kNext;
    case Node::Kind::kOutput:
      run_output(static_cast<const ExprNode&>(node));
      return Flow::kNext;
    case Node::Kind::kIf:
      return run_if(static_cast<const IfNode&>(node));
    case Node::Kind::kFor:
      return run_for(static_cast<const ForNode&>(node));
    case Node::Kind::kSet: {
      const auto& set = static_cast<const SetNode&>(node);
      Value value = eval(*set.value);
      if (!failed()) set_variable(set.target, std::move(value));
      return Flow::kNext;
    }
    case Node::Kind::kSetBlock:
      run_set_block(static_cast<const SetBlockNode&>(node));
      break;
    case Node::Kind::kMacro: {
      const Macro& macro = static_cast<const MacroNode&>(node).macro;
      scope_->set(macro.name,
                  Value::object(new MacroObject(heap_, macro, *unit_, scope_, autoescape_)));
      break;
    }
    case Node::Kind::kCallBlock:
      run_call_block(static_cast<const CallBlockNode&>(node));
      break;
    case Node::Kind::kFilterBlock:
      run_filter_block(static_cast<const FilterBlockNode&>(node));
      break;
    case Node::Kind::kWith:
      return run_with(static_cast<const WithNode&>(node));
    case Node::Kind::kInclude:
      run_include(static_cast<const IncludeNode&>(node));
      break;
    case Node::Kind::kAutoescape:
      return run_autoescape(static_cast<const BodyNode&>(node));
    case Node::Kind::kDo:
      eval(*static_cast<const ExprNode&>(node).expr);
      break;
    case Node::Kind::kBreak:
      return Flow::kBreak;
    case Node::Kind::kContinue:
      return Flow::kContinue;
    case Node::Kind::kScope:
      return run(static_cast<const BodyNode&>(node).body);
  }
  return Flow::kNext;
}

void Renderer::run_output(const ExprNode& node) {
  const Value value = eval(*node.expr);
  at_ = node.expr->at;
  if (!failed()) emit(value);
}

Flow Renderer::run_if(const IfNode& node) {
  for (const auto& branch : node.branches) {
    const Value test = eval(*branch.test);
    at_ = branch.test->at;
    if (!failed() && truth(test)) return run(branch.body);
    if (failed()) return Flow::kNext;
  }
  return run(node.otherwise);
}

void Renderer::set_variable(const Target& target, Value value) {
  if (input_.dialect.set_reaches_out && target.items.empty() && target.attribute.empty()) {
    for (ScopeObject* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
      if (scope->find(target.name) != nullptr) return scope->set(target.name, std::move(value));
      if (scope->is_sealed) break;
    }
  }
  assign(target, std::move(value));
}

void Renderer::assign(const Target& target, Value value) {
  if (failed()) return;
  if (!target.attribute.empty()) {
    at_ = target.at;
    const NameExpr name(target.at, target.name);
    const Value object = eval_name(name);
    if (!object.is_object(Object::Kind::kNamespace)) {
      fail("'" + std::string(target.name) + "' is not a namespace, so '" +
               std::string(target.name) + "." + std::string(target.attribute) + "' cannot be set",
           "make one first: {% set " + std::string(target.name) + " = namespace() %}");
      return;
    }
    object.as<NamespaceObject>().attributes->set(Value::string(target.attribute), std::move(value));
    return;
  }
  if (target.items.empty()) return scope_->set(target.name, std::move(value));
  at_ = target.at;
  if (!check_defined(value, true)) return;
  if (!is_iterable(value)) {
    fail(std::string(type_phrase(value)) + " cannot be unpacked into " +
         std::to_string(target.items.size()) + " names");
    return;
  }
  Items parts = items(value);
  if (parts.left() != target.items.size()) {
    fail(std::to_string(target.items.size()) + " names cannot take " +
         std::to_string(parts.left()) + " items");
    return;
  }
  Value part;
  for (const Target& name : target.items) {
    if (!parts.next(part)) return;
    assign(name, std::move(part));
  }
}

void Renderer::run_set_block(const SetBlockNode& node) {
  Ref<ScopeObject> outer = scope_;
  scope_ = Ref<ScopeObject>(new ScopeObject(heap_, outer));
  std::string content = capture([&] { run(node.body); });
  Value value = text(std::move(content), autoescape_);
  if (!failed() && node.filter != nullptr) value = filtered(*node.filter, value);
  scope_ = std::move(outer);
  if (failed()) return;
  if (autoescape_) value = soft_string(value).with_markup(true);
  set_variable(node.target, std::move(value));
}

void Renderer::run_filter_block(const FilterBlockNode& node) {
  Ref<ScopeObject> outer = scope_;
  scope_ = Ref<ScopeObject>(new ScopeObject(heap_, outer));
  std::string content = capture([&] { run(node.body); });
  const Value value = text(std::move(content), autoescape_);
  if (!failed()) {
    const Value result = filtered(*node.filter, value);
    if (!failed()) print(out_, result);
  }
  scope_ = std::move(outer);
}

Flow Renderer::run_with(const WithNode& node) {
  Ref<ScopeObject> inner(new ScopeObject(heap_, scope_));
  std::vector<Value> values;
  for (const auto& [target, expr] : node.values) values.push_back(eval(*expr));
  if (failed()) return Flow::kNext;
  Ref<ScopeObject> outer = std::exchange(scope_, inner);
  for (std::size_t i = 0; i < values.size(); ++i)
    assign(node.values[i].first, std::move(values[i]));
  const Flow flow = run(node.body);
  scope_ = std::move(outer);
  return flow;
}

Flow Renderer::run_autoescape(const BodyNode& node) {
  const Value flag = eval(*node.flag);
  at_ = node.flag->at;
  const bool wanted = !failed() && truth(flag);
  if (failed()) return Flow::kNext;
  const bool before = std::exchange(autoescape_, wanted);
  Ref<ScopeObject> outer = scope_;
  scope_ = Ref<ScopeObject>(new ScopeObject(heap_, outer));
  const Flow flow = run(node.body);
  scope_ = std::move(outer);
  autoescape_ = before;
  return flow;
}

void Renderer::run_call_block(const CallBlockNode& node) {
  const auto& expr = static_cast<const CallExpr&>(*node.call);
  const Value callee = eval(*expr.callee);
  Call call;
  if (failed() || !eval_arguments(expr.arguments, call)) return;
  call.named.emplace_back(
      Value::string("caller"),
      Value::object(new MacroObject(heap_, node.caller, *unit_, scope_, autoescape_)));
  at_ = expr.callee->at;
  if (!callee.is_object(Object::Kind::kMacro)) {
    if (check_defined(callee, true)) {
      fail("'call' needs a macro, not " + std::string(type_phrase(callee)));
    }
    return;
  }
  const Value result = call_value(callee, call);
  if (!failed()) emit(result);
}

const Unit* Renderer::find_include(const IncludeNode& node) {
  const Value name = eval(*node.name);
  if (failed()) return nullptr;
  at_ = node.name->at;
  std::vector<Value> names;
  if (name.is_string()) {
    names.push_back(name);
  } else {
    const Ref<ListObject> list = list_of(name);
    names = list->items;
  }
  std::string tried;
  for (const Value& candidate : names) {
    if (failed()) return nullptr;
    if (!candidate.is_string()) {
      if (check_defined(candidate, true)) {
        fail("'include' needs a name, not " + std::string(type_phrase(candidate)));
      }
      return nullptr;
    }
    const auto unit = input_.library.find(candidate.text());
    if (unit) return *unit;
    if (unit.error().kind != Kind::kNotFound) {
      if (!error_) error_ = unit.error();
      return nullptr;
    }
    tried += (tried.empty() ? "'" : ", '") + std::string(candidate.text()) + "'";
  }
  if (!failed() && !node.ignore_missing) {
    fail("there is no template " + (tried.empty() ? std::string("to include") : tried), {},
         Kind::kNotFound);
  }
  return nullptr;
}

void Renderer::run_include(const IncludeNode& node) {
  const Unit* unit = find_include(node);
  if (unit == nullptr) return;
  if (calls_ >= limits::kTemplateDepthMax || too_deep()) {
    fail("templates include each other too deeply", {}, Kind::kTooLarge);
    return;
  }
  if (!spend(1)) return;
  const std::uint32_t at = at_;
  const Unit* const outer_unit = std::exchange(unit_, unit);
  Ref<ScopeObject> outer = scope_;
  scope_ = Ref<ScopeObject>(new ScopeObject(heap_, node.with_context ? outer : Ref<ScopeObject>()));
  scope_->is_sealed = !node.with_context;
  const bool escapes = std::exchange(autoescape_, input_.options.autoescape);
  ++calls_;
  run(unit->body);
  --calls_;
  autoescape_ = escapes;
  scope_ = std::move(outer);
  unit_ = outer_unit;
  at_ = at;
  if (error_ && error_->what.find(", included from ") == std::string::npos) {
    error_->what += ", included from " + where(*unit_, at_);
  }
}

}  // namespace sighter::text::jinja
