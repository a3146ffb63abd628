#pragma once
// One render of a template. Internal to the template engine.
//
// The first mistake is kept; from then on every function returns at once with some value that
// nobody uses. So after each step that may fail, a loop or a write asks failed().

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "text/template.hpp"
#include "text/template_ast.hpp"
#include "text/template_dialect.hpp"
#include "text/template_value.hpp"

namespace sighter::text::jinja {

// Finds (and, for a name that was computed, reads and parses) the template of a name.
class Library {
 public:
  virtual ~Library() = default;
  // kNotFound where there is none. The unit lives at least as long as the library.
  virtual Result<const Unit*> find(std::string_view name) const = 0;
};

struct ScopeObject final : Object {
  ScopeObject(Heap& owner, Ref<ScopeObject> outer)
      : Object(owner, Kind::kScope), parent(std::move(outer)) {}
  void clear() override {
    names.clear();
    parent = {};
  }
  Value* find(std::string_view name);
  void set(std::string_view name, Value value);

  Ref<ScopeObject> parent;
  std::vector<std::pair<std::string_view, Value>> names;
  bool is_sealed = false;  // include without context: nothing beyond is seen
};

struct MacroObject final : Object {
  MacroObject(Heap& owner, const Macro& m, const Unit& u, Ref<ScopeObject> scope, bool escapes)
      : Object(owner, Kind::kMacro),
        macro(m),
        unit(u),
        closure(std::move(scope)),
        autoescape(escapes) {}
  void clear() override { closure = {}; }
  const Macro& macro;
  const Unit& unit;
  Ref<ScopeObject> closure;
  bool autoescape;
};

// Goes over whatever can be iterated: lists, tuples, dicts (their keys), strings (code points),
// ranges, generated sequences; an undefined value, where that is allowed, has no items.
class Items {
 public:
  Items() = default;
  bool next(Value& out);
  // How many are left; every source knows.
  std::size_t left() const;

 private:
  friend class Renderer;
  Value source_;
  std::size_t at_ = 0;  // index, or offset in a string
  Renderer* renderer_ = nullptr;
};

struct LoopObject final : Object {
  LoopObject(Heap& owner, const ForNode& n, const Unit& u, Ref<ScopeObject> around)
      : Object(owner, Kind::kLoop), node(n), unit(u), outer(std::move(around)) {}
  void clear() override;

  const ForNode& node;
  const Unit& unit;
  Ref<ScopeObject> outer;
  Items items;
  std::vector<Value> ahead;  // fetched already, in reverse order
  Value current, previous;
  Value changed;  // the tuple that changed() was given last
  bool has_changed = false;
  std::int64_t index0 = -1;
  std::int64_t depth0 = 0;
  std::optional<std::int64_t> length;
};

enum class Flow { kNext, kBreak, kContinue };

class Renderer {
 public:
  struct Input {
    const TemplateOptions& options;
    const RenderOptions& limits;
    const DialectTable& dialect;
    const Library& library;
    const TemplateArguments& arguments;
  };
  explicit Renderer(const Input& input);
  Result<std::string> render(const Unit& unit);

  // --- for filters, tests, functions and methods ---
  Value fail(std::string what, std::string hint = {}, Kind kind = Kind::kInvalid);
  bool failed() const { return error_.has_value(); }
  // Takes `steps` from the render's allowance; false when it is used up, and has failed.
  bool spend(std::size_t steps);
  // False, and a failure, where a result of that many bytes would be too large.
  bool may_make(std::size_t bytes);
  // Whether using this undefined value is an error.
  bool is_strict(const Value& undefined) const;
  bool autoescape() const { return autoescape_; }
  const Input& input() const { return input_; }
  Heap& heap() { return heap_; }

  Value text(std::string content, bool markup = false);
  Ref<ListObject> new_list(ListObject::Form form = ListObject::Form::kList);
  Ref<DictObject> new_dict();
  Value pair(Value first, Value second, ListObject::Form form = ListObject::Form::kTuple);
  Value missing(std::string what);
  static Value value_of(const Ref<ListObject>& list) { return Value::object(list.get()); }
  static Value value_of(const Ref<DictObject>& dict) { return Value::object(dict.get()); }

  // Fails for an undefined value that is used. In lenient mode only where `always`.
  bool check_defined(const Value& value, bool always = false);

  // Conversions: template_print.cpp
  void print(std::string& out, const Value& value);  // str(value)
  void repr(std::string& out, const Value& value, int depth = 0);
  void escape(std::string& out, std::string_view text);  // & < > ' "
  std::string str(const Value& value);
  // str(value) without a copy where it is a string; `storage` holds it otherwise.
  std::string_view view(const Value& value, std::string& storage);
  // The value as a string value, marked as HTML if it was.
  Value soft_string(const Value& value);
  Value escaped(const Value& value);

  // Operators: template_operators.cpp
  bool truth(const Value& value);
  bool equal(const Value& a, const Value& b, int depth = 0);
  // a < b, a <= b ...: fails where the two have no order.
  bool compare(Comparison op, const Value& a, const Value& b);
  bool less(const Value& a, const Value& b, int depth = 0);
  bool contains(const Value& container, const Value& item);
  Value arithmetic(Arithmetic op, const Value& a, const Value& b);
  Value negative(const Value& value);
  Value concat(std::span<const Value> parts);

  // Containers: template_items.cpp
  Items items(const Value& value);  // fails where it has none
  bool is_iterable(const Value& value) const;
  std::optional<std::size_t> length(const Value& value);  // fails where it has none
  static bool is_sequence(const Value& value);            // has a length and an order
  static std::size_t sequence_size(const Value& list);    // of a list, tuple or JSON array
  static Value sequence_at(const Value& list, std::size_t i);
  static std::size_t mapping_size(const Value& mapping);
  static std::pair<Value, Value> mapping_at(const Value& mapping, std::size_t i);
  Ref<ListObject> list_of(const Value& value, ListObject::Form form = ListObject::Form::kList);
  Value mapping_get(const Value& mapping, const Value& key, bool& found);
  Value item(const Value& object, const Value& key, const Expr* expr = nullptr);
  Value attribute(const Value& object, std::string_view name, const Expr* expr = nullptr);
  Value slice(const Value& object, const Value& start, const Value& stop, const Value& step);
  // "a.b.0" as filters take it: members, one after the other; a number looks up itself.
  Value path(const Value& object, const Value& path, const Value* otherwise = nullptr);

  // Calls: template_call.cpp
  Value call_value(const Value& callee, Call& call);
  Value call_builtin(const Builtin& builtin, Call& call, std::string_view kind);
  Value call_filter(std::string_view name, Call& call);
  bool call_test(std::string_view name, Call& call);
  // The i-th argument as an integer, or `otherwise` when it was not given (or is None).
  std::int64_t integer_argument(const Call& call, std::size_t i, std::int64_t otherwise);
  bool flag_argument(const Call& call, std::size_t i, bool otherwise = false);

 private:
  friend class Items;

  void repr_sequence(std::string& out, const Value& value, int depth);
  void repr_mapping(std::string& out, const Value& value, int depth);
  void repr_object(std::string& out, const Value& value, int depth);

  // Statements: template_render.cpp, template_loop.cpp
  Flow run(const Body& body);
  Flow run_node(const Node& node);
  void run_output(const ExprNode& node);
  Flow run_if(const IfNode& node);
  Flow run_for(const ForNode& node);
  Value entries_of(const ForNode& node, const Value& iterable);
  Flow loop_over(const ForNode& node, const Value& iterable, std::int64_t depth0);
  bool loop_next(LoopObject& loop, Value& out);
  bool loop_fetch(LoopObject& loop, Value& out);
  bool loop_has_more(LoopObject& loop);
  std::int64_t loop_length(LoopObject& loop);
  void run_set_block(const SetBlockNode& node);
  void run_filter_block(const FilterBlockNode& node);
  Flow run_with(const WithNode& node);
  void run_include(const IncludeNode& node);
  const Unit* find_include(const IncludeNode& node);
  Flow run_autoescape(const BodyNode& node);
  void run_call_block(const CallBlockNode& node);
  void assign(const Target& target, Value value);
  void set_variable(const Target& target, Value value);  // {% set %}
  void emit(std::string_view text);
  void emit(const Value& value);
  // Runs with output going to a string of its own.
  template <class F>
  std::string capture(F run_it) {
    std::string outer = std::exchange(out_, {});
    run_it();
    std::swap(out_, outer);
    return outer;
  }

  // Expressions: template_evaluate.cpp
  Value eval(const Expr& expr);
  Value eval_name(const NameExpr& expr);
  Value eval_call(const CallExpr& expr);
  Value eval_filter(const FilterExpr& expr, const Value* operand);
  Value eval_test(const TestExpr& expr);
  Value eval_chain(const ChainExpr& expr);
  Value eval_concat(const ConcatExpr& expr);
  Value eval_compare(const CompareExpr& expr);
  Value eval_logic(const LogicExpr& expr);
  Value eval_slice(const SliceExpr& expr);
  Value eval_list(const ListExpr& expr);
  Value eval_dict(const DictExpr& expr);
  Value filtered(const Expr& filter, const Value& operand);
  bool eval_arguments(const Arguments& arguments, Call& call);
  bool bind(const Signature& signature, Call& call, bool has_self, std::string_view kind,
            std::string_view name);
  Value call_macro(const MacroObject& object, Call& call);
  bool fits_macro(const Macro& macro, const Call& call);
  void bind_macro(const Macro& macro, ScopeObject& scope, Call& call);
  Value call_loop(LoopObject& loop, Call& call);
  Value object_method(const Value& self, std::string_view name, Call& call, bool& found);
  Value loop_attribute(LoopObject& loop, std::string_view name, bool& found);
  Value macro_attribute(const Macro& macro, std::string_view name, bool& found);
  Value character_at(const Value& string, const Value& index);
  Value slice_string(const Value& object, const RangeObject& picked);
  const Json* argument(std::string_view name) const;
  const Json* member(const JsonObject& object, std::string_view name);
  std::vector<std::string> visible_names() const;
  Error undefined_error(const Value& value) const;
  bool too_deep();

  const Input& input_;
  Heap heap_;
  const Unit* unit_ = nullptr;
  Ref<ScopeObject> scope_;
  std::string out_;
  bool autoescape_;
  std::uint32_t at_ = 0;  // offset in unit_ of what is being worked on
  std::size_t steps_left_;
  std::size_t calls_ = 0;  // macros, includes and recursive loops that are running
  const char* stack_ = nullptr;
  std::optional<Error> error_;
  // Members of large objects by name, made when one is asked for often.
  struct Looked {
    std::size_t times = 0;
    std::unordered_map<std::string_view, const Json*> members;
  };
  std::unordered_map<const JsonObject*, Looked> looked_;
};

// How an expression that names something reads: "input.user.name"; "" for any other.
std::string path_text(const Expr& expr);

}  // namespace sighter::text::jinja
