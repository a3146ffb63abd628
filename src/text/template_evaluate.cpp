// Expressions.

#include <algorithm>

#include "text/template_render.hpp"

namespace sighter::text::jinja {

std::string path_text(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kName:
      return std::string(static_cast<const NameExpr&>(expr).name);
    case Expr::Kind::kAttribute: {
      const auto& attribute = static_cast<const AttributeExpr&>(expr);
      const std::string object = path_text(*attribute.object);
      return object.empty() ? "" : object + "." + std::string(attribute.name);
    }
    case Expr::Kind::kItem: {
      const auto& item = static_cast<const ItemExpr&>(expr);
      if (item.item->kind != Expr::Kind::kConstant) return "";
      const Value& key = static_cast<const ConstantExpr&>(*item.item).value;
      const std::string object = path_text(*item.object);
      if (object.empty()) return "";
      if (key.is_string()) return object + "." + std::string(key.text());
      return key.is_int() ? object + "[" + std::to_string(key.as_int()) + "]" : "";
    }
    default:
      return "";
  }
}

Value Renderer::eval(const Expr& expr) {
  if (failed() || too_deep()) return {};
  switch (expr.kind) {
    case Expr::Kind::kConstant:
      return static_cast<const ConstantExpr&>(expr).value;
    case Expr::Kind::kName:
      return eval_name(static_cast<const NameExpr&>(expr));
    case Expr::Kind::kAttribute: {
      const auto& e = static_cast<const AttributeExpr&>(expr);
      const Value object = eval(*e.object);
      at_ = object.is_undefined() ? e.object->at : e.at;
      return failed() ? Value() : attribute(object, e.name, &e);
    }
    case Expr::Kind::kItem: {
      const auto& e = static_cast<const ItemExpr&>(expr);
      const Value object = eval(*e.object);
      const Value key = eval(*e.item);
      at_ = object.is_undefined() ? e.object->at : e.at;
      return failed() ? Value() : item(object, key, &e);
    }
    case Expr::Kind::kSlice:
      return eval_slice(static_cast<const SliceExpr&>(expr));
    case Expr::Kind::kCall:
      return eval_call(static_cast<const CallExpr&>(expr));
    case Expr::Kind::kFilter:
      return eval_filter(static_cast<const FilterExpr&>(expr), nullptr);
    case Expr::Kind::kTest:
      return eval_test(static_cast<const TestExpr&>(expr));
    case Expr::Kind::kUnary: {
      const auto& e = static_cast<const UnaryExpr&>(expr);
      const Value value = eval(*e.operand);
      if (failed()) return {};
      at_ = e.operand->at;
      if (e.op == UnaryExpr::Op::kNot) return Value::boolean(!truth(value));
      if (e.op == UnaryExpr::Op::kMinus) return negative(value);
      return negative(negative(value));
    }
    case Expr::Kind::kChain:
      return eval_chain(static_cast<const ChainExpr&>(expr));
    case Expr::Kind::kConcat:
      return eval_concat(static_cast<const ConcatExpr&>(expr));
    case Expr::Kind::kCompare:
      return eval_compare(static_cast<const CompareExpr&>(expr));
    case Expr::Kind::kLogic:
      return eval_logic(static_cast<const LogicExpr&>(expr));
    case Expr::Kind::kConditional: {
      const auto& e = static_cast<const ConditionalExpr&>(expr);
      const Value test = eval(*e.test);
      at_ = e.test->at;
      if (!failed() && truth(test)) return eval(*e.then);
      if (failed()) return {};
      if (e.otherwise != nullptr) return eval(*e.otherwise);
      const Value nothing = missing("the condition is false and there is no 'else'");
      nothing.as<MissingObject>().is_lenient = true;
      return nothing;
    }
    case Expr::Kind::kList:
      return eval_list(static_cast<const ListExpr&>(expr));
    case Expr::Kind::kDict:
      return eval_dict(static_cast<const DictExpr&>(expr));
  }
  return {};
}

Value Renderer::eval_name(const NameExpr& expr) {
  for (ScopeObject* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    if (const Value* value = scope->find(expr.name)) return *value;
    if (scope->is_sealed) {
      if (const Builtin* function = input_.dialect.function(expr.name))
        return Value::function(*function);
      return Value::undefined(expr.name);
    }
  }
  if (const Json* json = argument(expr.name)) return Value::of(*json);
  const Builtin* function = input_.dialect.function(expr.name);
  if (function != nullptr) return Value::function(*function);
  return Value::undefined(expr.name);
}

Value Renderer::eval_filter(const FilterExpr& expr, const Value* operand) {
  Call call;
  if (operand != nullptr && expr.operand == nullptr) {
    call.slots[0] = *operand;
  } else if (operand != nullptr) {
    call.slots[0] = eval_filter(static_cast<const FilterExpr&>(*expr.operand), operand);
  } else {
    call.slots[0] = eval(*expr.operand);
  }
  if (failed() || !eval_arguments(expr.arguments, call)) return {};
  const bool blames_operand = call.slots[0].is_undefined() && expr.operand != nullptr;
  at_ = blames_operand ? expr.operand->at : expr.at;
  return call_builtin(expr.filter, call, "filter");
}

// The filters of a {% filter %} or {% set %} block applied to its text.
Value Renderer::filtered(const Expr& filter, const Value& operand) {
  return eval_filter(static_cast<const FilterExpr&>(filter), &operand);
}

Value Renderer::eval_test(const TestExpr& expr) {
  Call call;
  call.slots[0] = eval(*expr.operand);
  if (failed() || !eval_arguments(expr.arguments, call)) return {};
  at_ = call.slots[0].is_undefined() ? expr.operand->at : expr.at;
  const Value result = call_builtin(expr.test, call, "test");
  if (failed()) return {};
  return expr.negated ? Value::boolean(!truth(result)) : result;
}

Value Renderer::eval_chain(const ChainExpr& expr) {
  Value value = eval(*expr.first);
  const Expr* left = expr.first.get();
  for (const auto& step : expr.steps) {
    const Value right = eval(*step.operand);
    if (failed()) return {};
    at_ = value.is_undefined() ? left->at : right.is_undefined() ? step.operand->at : step.at;
    value = arithmetic(step.op, value, right);
    if (failed()) return {};
  }
  return value;
}

Value Renderer::eval_concat(const ConcatExpr& expr) {
  std::vector<Value> parts;
  parts.reserve(expr.parts.size());
  for (const auto& part : expr.parts) {
    parts.push_back(eval(*part));
    if (failed()) return {};
    at_ = part->at;
    if (parts.back().is_undefined() && !check_defined(parts.back())) return {};
  }
  return concat(parts);
}

Value Renderer::eval_compare(const CompareExpr& expr) {
  Value left = eval(*expr.first);
  std::uint32_t left_at = expr.first->at;
  for (const auto& step : expr.steps) {
    Value right = eval(*step.operand);
    if (failed()) return {};
    at_ = left.is_undefined() ? left_at : right.is_undefined() ? step.operand->at : step.at;
    const bool holds = compare(step.op, left, right);
    if (failed()) return {};
    if (!holds) return Value::boolean(false);
    left = std::move(right);
    left_at = step.operand->at;
  }
  return Value::boolean(true);
}

Value Renderer::eval_logic(const LogicExpr& expr) {
  Value value;
  for (std::size_t i = 0; i < expr.parts.size(); ++i) {
    value = eval(*expr.parts[i]);
    if (failed()) return {};
    if (i + 1 == expr.parts.size()) break;
    at_ = expr.parts[i]->at;
    if (truth(value) == expr.is_or) break;
  }
  return value;
}

Value Renderer::eval_slice(const SliceExpr& expr) {
  const auto part = [&](const ExprPtr& e) { return e == nullptr ? Value::none() : eval(*e); };
  const Value object = eval(*expr.object);
  const Value start = part(expr.start), stop = part(expr.stop), step = part(expr.step);
  at_ = object.is_undefined() ? expr.object->at : expr.at;
  return failed() ? Value() : slice(object, start, stop, step);
}

Value Renderer::eval_list(const ListExpr& expr) {
  auto list = new_list(expr.is_tuple ? ListObject::Form::kTuple : ListObject::Form::kList);
  list->items.reserve(expr.items.size());
  for (const auto& item : expr.items) {
    list->append(eval(*item));
    if (failed()) return {};
  }
  if (list->depth > limits::kTemplateDepthMax) {
    at_ = expr.at;
    return fail("lists are nested too deeply", {}, Kind::kTooLarge);
  }
  return value_of(list);
}

Value Renderer::eval_dict(const DictExpr& expr) {
  auto dict = new_dict();
  for (const auto& [key_expr, value_expr] : expr.pairs) {
    Value key = eval(*key_expr);
    if (failed()) return {};
    at_ = key_expr->at;
    if (key.is_undefined() && !check_defined(key)) return {};
    if (!is_hashable(key)) {
      return fail(std::string(type_phrase(key)) + " cannot be the key of a mapping");
    }
    Value value = eval(*value_expr);
    if (failed()) return {};
    dict->set(std::move(key), std::move(value));
  }
  if (dict->depth > limits::kTemplateDepthMax) {
    at_ = expr.at;
    return fail("mappings are nested too deeply", {}, Kind::kTooLarge);
  }
  return value_of(dict);
}

}  // namespace sighter::text::jinja
