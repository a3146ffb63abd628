#include "text/template_paths.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/text_position.hpp"
#include "text/template_lexer.hpp"

namespace sighter::text::jinja {

namespace {

constexpr int kIncludesMax = 1000;  // included texts looked at; templates may include each other

using Steps = std::vector<std::string>;

// The written-out path of an expression: a name and the members behind it, up to what is computed.
// `whole` is false where something is left over.
bool steps_of(const Expr& expr, Steps& out, bool& whole) {
  if (expr.kind == Expr::Kind::kName) {
    out.emplace_back(static_cast<const NameExpr&>(expr).name);
    return true;
  }
  if (expr.kind == Expr::Kind::kAttribute) {
    const auto& attribute = static_cast<const AttributeExpr&>(expr);
    if (!steps_of(*attribute.object, out, whole)) return false;
    if (whole) out.emplace_back(attribute.name);
    return true;
  }
  if (expr.kind == Expr::Kind::kItem) {
    const auto& item = static_cast<const ItemExpr&>(expr);
    if (!steps_of(*item.object, out, whole)) return false;
    const bool name = item.item->kind == Expr::Kind::kConstant &&
                      static_cast<const ConstantExpr&>(*item.item).value.is_string();
    whole &= name;
    if (whole) out.emplace_back(static_cast<const ConstantExpr&>(*item.item).value.text());
    return true;
  }
  return false;
}

std::string joined(const Steps& steps) {
  std::string out;
  for (const std::string& step : steps) out += (out.empty() ? "" : ".") + step;
  return out;
}

class Finder {
 public:
  Finder(const Library& library, const DialectTable& dialect, bool lenient)
      : library_(library), dialect_(dialect), lenient_(lenient) {}

  std::vector<TemplatePath> run(const Unit& unit) {
    unit_ = &unit;
    scopes_.emplace_back();
    body(unit.body);
    return std::move(found_);
  }

 private:
  using Names = std::set<std::string_view>;

  bool is_bound(std::string_view name) const {
    return std::any_of(scopes_.begin(), scopes_.end(),
                       [&](const Names& s) { return s.contains(name); });
  }

  bool is_guarded(const Steps& steps) const {
    return std::any_of(guards_.begin(), guards_.end(), [&](const Steps& guard) {
      return guard.size() <= steps.size() && std::equal(guard.begin(), guard.end(), steps.begin());
    });
  }

  void record(const Steps& steps, std::size_t at, bool optional) {
    if (is_bound(steps[0]) || dialect_.function(steps[0]) != nullptr) return;
    optional |= is_guarded(steps);
    const std::string key = joined(steps);
    if (const auto there = places_.find(key); there != places_.end()) {
      TemplatePath& path = found_[there->second];
      if (path.optional && !optional) {
        path.origin = unit_->origin;
        path.position = position_at(unit_->source, at);
        path.optional = false;
      }
      return;
    }
    places_.emplace(key, found_.size());
    found_.push_back({steps, unit_->origin, position_at(unit_->source, at), optional});
  }

  // Runs with further names bound, then forgets them.
  template <class F>
  void scope(F inside) {
    scopes_.emplace_back();
    inside();
    scopes_.pop_back();
  }

  // Runs with paths that are known to be there, since a condition has asked.
  template <class F>
  void guarded(const std::vector<Steps>& guards, F inside) {
    const std::size_t size = guards_.size();
    guards_.insert(guards_.end(), guards.begin(), guards.end());
    inside();
    guards_.resize(size);
  }

  void bind(const Target& target) {
    if (target.attribute.empty() && target.items.empty()) scopes_.back().insert(target.name);
    for (const Target& item : target.items) bind(item);
  }

  // The paths that are defined where `expr` is true (or, with `holds` false, where it is false).
  void collect_guards(const Expr& expr, bool holds, std::vector<Steps>& out) const {
    if (expr.kind == Expr::Kind::kUnary) {
      const auto& unary = static_cast<const UnaryExpr&>(expr);
      if (unary.op == UnaryExpr::Op::kNot) collect_guards(*unary.operand, !holds, out);
    } else if (expr.kind == Expr::Kind::kLogic) {
      const auto& logic = static_cast<const LogicExpr&>(expr);
      if (logic.is_or == holds) return;
      for (const auto& part : logic.parts) collect_guards(*part, holds, out);
    } else if (expr.kind == Expr::Kind::kTest) {
      const auto& test = static_cast<const TestExpr&>(expr);
      const bool asks = test.test.name == "defined" || test.test.name == "undefined";
      const bool defined = (test.test.name == "defined") != test.negated;
      if (asks && defined == holds) add_guard(*test.operand, out);
    } else if (lenient_ && holds) {
      add_guard(expr, out);
    }
  }

  static void add_guard(const Expr& expr, std::vector<Steps>& out) {
    Steps steps;
    bool whole = true;
    if (steps_of(expr, steps, whole) && whole) out.push_back(std::move(steps));
  }

  void visit(const ExprPtr& expr, bool optional = false) {
    if (expr != nullptr) visit(*expr, optional);
  }

  void visit(const Expr& expr, bool optional = false) {
    Steps steps;
    bool whole = true;
    if (steps_of(expr, steps, whole)) {
      record(steps, first_of(expr), optional && whole);
      visit_keys(expr);
      return;
    }
    visit_parts(expr, optional);
  }

  static std::size_t first_of(const Expr& expr) {
    if (expr.kind == Expr::Kind::kAttribute)
      return first_of(*static_cast<const AttributeExpr&>(expr).object);
    if (expr.kind == Expr::Kind::kItem) return first_of(*static_cast<const ItemExpr&>(expr).object);
    return expr.at;
  }

  // The computed keys within a path: a[b].c
  void visit_keys(const Expr& expr) {
    if (expr.kind == Expr::Kind::kAttribute) {
      visit_keys(*static_cast<const AttributeExpr&>(expr).object);
    } else if (expr.kind == Expr::Kind::kItem) {
      visit_keys(*static_cast<const ItemExpr&>(expr).object);
      visit(static_cast<const ItemExpr&>(expr).item);
    }
  }

  void visit(const Arguments& arguments) {
    for (const auto& e : arguments.positional) visit(e);
    for (const auto& [name, e] : arguments.named) visit(e);
    visit(arguments.star);
    visit(arguments.double_star);
  }

  void visit_parts(const Expr& expr, bool optional) {
    switch (expr.kind) {
      case Expr::Kind::kConstant:
      case Expr::Kind::kName:
        return;
      case Expr::Kind::kAttribute:
        return visit(static_cast<const AttributeExpr&>(expr).object);
      case Expr::Kind::kItem:
        visit(static_cast<const ItemExpr&>(expr).object);
        return visit(static_cast<const ItemExpr&>(expr).item);
      case Expr::Kind::kSlice: {
        const auto& e = static_cast<const SliceExpr&>(expr);
        for (const auto* part : {&e.object, &e.start, &e.stop, &e.step}) visit(*part);
        return;
      }
      case Expr::Kind::kCall: {
        const auto& e = static_cast<const CallExpr&>(expr);
        const bool method = e.callee->kind == Expr::Kind::kAttribute;
        visit(method ? static_cast<const AttributeExpr&>(*e.callee).object : e.callee);
        return visit(e.arguments);
      }
      case Expr::Kind::kFilter: {
        const auto& e = static_cast<const FilterExpr&>(expr);
        visit(e.operand, e.filter.name == "default" || e.filter.name == "d");
        return visit(e.arguments);
      }
      case Expr::Kind::kTest: {
        const auto& e = static_cast<const TestExpr&>(expr);
        visit(e.operand, e.test.name == "defined" || e.test.name == "undefined");
        return visit(e.arguments);
      }
      case Expr::Kind::kUnary: {
        const auto& e = static_cast<const UnaryExpr&>(expr);
        return visit(e.operand, optional && e.op == UnaryExpr::Op::kNot);
      }
      case Expr::Kind::kChain: {
        const auto& e = static_cast<const ChainExpr&>(expr);
        visit(e.first);
        for (const auto& step : e.steps) visit(step.operand);
        return;
      }
      case Expr::Kind::kConcat:
        for (const auto& e : static_cast<const ConcatExpr&>(expr).parts) visit(e);
        return;
      case Expr::Kind::kCompare: {
        const auto& e = static_cast<const CompareExpr&>(expr);
        visit(e.first);
        for (const auto& step : e.steps) visit(step.operand);
        return;
      }
      case Expr::Kind::kLogic:
        return visit_logic(static_cast<const LogicExpr&>(expr), optional);
      case Expr::Kind::kConditional: {
        const auto& e = static_cast<const ConditionalExpr&>(expr);
        visit(e.test, lenient_);
        branch(*e.test, true, [&] { visit(e.then); });
        branch(*e.test, false, [&] { visit(e.otherwise); });
        return;
      }
      case Expr::Kind::kList:
        for (const auto& e : static_cast<const ListExpr&>(expr).items) visit(e);
        return;
      case Expr::Kind::kDict:
        for (const auto& [key, value] : static_cast<const DictExpr&>(expr).pairs) {
          visit(key);
          visit(value);
        }
        return;
    }
  }

  template <class F>
  void branch(const Expr& test, bool holds, F inside) {
    std::vector<Steps> guards;
    collect_guards(test, holds, guards);
    guarded(guards, inside);
  }

  // Each part is reached only when those before it were true (and) or false (or).
  void visit_logic(const LogicExpr& expr, bool optional) {
    std::vector<Steps> guards;
    for (const auto& part : expr.parts) {
      guarded(guards, [&] { visit(part, optional); });
      collect_guards(*part, !expr.is_or, guards);
    }
  }

  void body(const Body& nodes) {
    std::vector<const Macro*> macros;  // their bodies run later, when all names are set
    for (const auto& node : nodes) statement(*node, macros);
    for (const Macro* m : macros) macro(*m);
  }

  void macro(const Macro& m) {
    scope([&] {
      for (const auto name : {"caller", "kwargs", "varargs"}) scopes_.back().insert(name);
      for (const auto& expr : m.defaults) visit(expr);
      scopes_.back().insert(m.parameters.begin(), m.parameters.end());
      body(m.body);
    });
  }

  void statement(const Node& node, std::vector<const Macro*>& macros) {
    switch (node.kind) {
      case Node::Kind::kText:
      case Node::Kind::kBreak:
      case Node::Kind::kContinue:
        return;
      case Node::Kind::kOutput:
      case Node::Kind::kDo:
        return visit(static_cast<const ExprNode&>(node).expr);
      case Node::Kind::kIf:
        return statement_if(static_cast<const IfNode&>(node));
      case Node::Kind::kFor:
        return statement_for(static_cast<const ForNode&>(node));
      case Node::Kind::kSet: {
        const auto& set = static_cast<const SetNode&>(node);
        visit(set.value);
        return bind(set.target);
      }
      case Node::Kind::kSetBlock: {
        const auto& set = static_cast<const SetBlockNode&>(node);
        scope([&] { body(set.body); });
        filter_block(set.filter);
        return bind(set.target);
      }
      case Node::Kind::kMacro: {
        const Macro& m = static_cast<const MacroNode&>(node).macro;
        scopes_.back().insert(m.name);
        macros.push_back(&m);
        return;
      }
      case Node::Kind::kCallBlock: {
        const auto& call = static_cast<const CallBlockNode&>(node);
        visit(call.call);
        return macro(call.caller);
      }
      case Node::Kind::kFilterBlock: {
        const auto& filter = static_cast<const FilterBlockNode&>(node);
        scope([&] { body(filter.body); });
        return filter_block(filter.filter);
      }
      case Node::Kind::kWith: {
        const auto& with = static_cast<const WithNode&>(node);
        for (const auto& [target, expr] : with.values) visit(expr);
        scope([&] {
          for (const auto& [target, expr] : with.values) bind(target);
          body(with.body);
        });
        return;
      }
      case Node::Kind::kInclude:
        return include(static_cast<const IncludeNode&>(node));
      case Node::Kind::kAutoescape:
      case Node::Kind::kScope: {
        const auto& block = static_cast<const BodyNode&>(node);
        visit(block.flag);
        return body(block.body);
      }
    }
  }

  void filter_block(const ExprPtr& filter) {
    for (const Expr* e = filter.get(); e != nullptr;) {
      const auto& f = static_cast<const FilterExpr&>(*e);
      visit(f.arguments);
      e = f.operand.get();
    }
  }

  void statement_if(const IfNode& node) {
    std::vector<Steps> passed;  // what holds since the earlier conditions did not
    for (const auto& part : node.branches) {
      guarded(passed, [&] {
        visit(part.test, lenient_);
        branch(*part.test, true, [&] { body(part.body); });
      });
      collect_guards(*part.test, false, passed);
    }
    guarded(passed, [&] { body(node.otherwise); });
  }

  void statement_for(const ForNode& node) {
    visit(node.iterable);
    scope([&] {
      bind(node.target);
      visit(node.filter);
      scopes_.back().insert("loop");
      body(node.body);
    });
    scope([&] { body(node.otherwise); });
  }

  void include(const IncludeNode& node) {
    visit(node.name);
    std::vector<const Expr*> names = {node.name.get()};
    if (node.name->kind == Expr::Kind::kList) {
      names.clear();
      for (const auto& item : static_cast<const ListExpr&>(*node.name).items)
        names.push_back(item.get());
    }
    for (const Expr* name : names) {
      if (name->kind != Expr::Kind::kConstant) return;
      const Value& value = static_cast<const ConstantExpr&>(*name).value;
      if (!value.is_string()) return;
      const auto unit = library_.find(value.text());
      if (!unit) continue;
      if (node.with_context && ++includes_ <= kIncludesMax && !open_.contains(*unit)) enter(**unit);
      return;
    }
  }

  void enter(const Unit& unit) {
    const Unit* const outer = std::exchange(unit_, &unit);
    open_.insert(&unit);
    scope([&] { body(unit.body); });
    open_.erase(&unit);
    unit_ = outer;
  }

  const Library& library_;
  const DialectTable& dialect_;
  bool lenient_;
  const Unit* unit_ = nullptr;
  std::vector<Names> scopes_;
  std::vector<Steps> guards_;
  std::vector<TemplatePath> found_;
  std::map<std::string, std::size_t> places_;
  std::set<const Unit*> open_;
  int includes_ = 0;
};

}  // namespace

std::vector<TemplatePath> find_paths(const Unit& unit, const Library& library,
                                     const DialectTable& dialect, bool lenient) {
  return Finder(library, dialect, lenient).run(unit);
}

}  // namespace sighter::text::jinja
