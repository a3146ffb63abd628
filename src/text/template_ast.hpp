#pragma once
// A parsed template. Internal to the template engine. Immutable after parsing, shared by threads:
// constants in it refer to text of the Unit and are never counted.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template_builtin.hpp"
#include "text/template_value.hpp"

namespace sighter::text::jinja {

struct Expr {
  enum class Kind : std::uint8_t {
    kConstant,
    kName,
    kAttribute,
    kItem,
    kSlice,
    kCall,
    kFilter,
    kTest,
    kUnary,
    kChain,
    kConcat,
    kCompare,
    kLogic,
    kConditional,
    kList,
    kDict,
  };
  Expr(Kind k, std::size_t offset) : kind(k), at(static_cast<std::uint32_t>(offset)) {}
  virtual ~Expr() = default;
  Kind kind;
  std::uint32_t at;  // offset in the unit's source
};
using ExprPtr = std::unique_ptr<Expr>;

struct ConstantExpr final : Expr {
  ConstantExpr(std::size_t offset, Value v) : Expr(Kind::kConstant, offset), value(std::move(v)) {}
  Value value;
};

struct NameExpr final : Expr {
  NameExpr(std::size_t offset, std::string_view n) : Expr(Kind::kName, offset), name(n) {}
  std::string_view name;
};

struct AttributeExpr final : Expr {  // a.b
  AttributeExpr(std::size_t offset, ExprPtr o, std::string_view n)
      : Expr(Kind::kAttribute, offset), object(std::move(o)), name(n) {}
  ExprPtr object;
  std::string_view name;
};

struct ItemExpr final : Expr {  // a[b]
  ItemExpr(std::size_t offset, ExprPtr o, ExprPtr i)
      : Expr(Kind::kItem, offset), object(std::move(o)), item(std::move(i)) {}
  ExprPtr object;
  ExprPtr item;
};

struct SliceExpr final : Expr {  // a[b:c:d]
  SliceExpr(std::size_t offset, ExprPtr o) : Expr(Kind::kSlice, offset), object(std::move(o)) {}
  ExprPtr object;
  ExprPtr start, stop, step;  // any may be null
};

struct Arguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string_view, ExprPtr>> named;
  ExprPtr star;         // *args
  ExprPtr double_star;  // **kwargs
};

struct CallExpr final : Expr {
  CallExpr(std::size_t offset, ExprPtr f) : Expr(Kind::kCall, offset), callee(std::move(f)) {}
  ExprPtr callee;
  Arguments arguments;
};

struct FilterExpr final : Expr {
  FilterExpr(std::size_t offset, ExprPtr o, const Builtin& f)
      : Expr(Kind::kFilter, offset), operand(std::move(o)), filter(f) {}
  ExprPtr operand;  // null in {% filter %}: the block's text
  const Builtin& filter;
  Arguments arguments;
};

struct TestExpr final : Expr {
  TestExpr(std::size_t offset, ExprPtr o, const Builtin& t)
      : Expr(Kind::kTest, offset), operand(std::move(o)), test(t) {}
  ExprPtr operand;
  const Builtin& test;
  Arguments arguments;
  bool negated = false;
};

struct UnaryExpr final : Expr {
  enum class Op : std::uint8_t { kMinus, kPlus, kNot };
  UnaryExpr(std::size_t offset, Op o, ExprPtr e)
      : Expr(Kind::kUnary, offset), op(o), operand(std::move(e)) {}
  Op op;
  ExprPtr operand;
};

enum class Arithmetic : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloor,
  kModulo,
  kPower
};

// a + b - c: operators of one precedence, from the left. Flat, so that a long sum is not deep.
struct ChainExpr final : Expr {
  struct Step {
    Arithmetic op;
    std::uint32_t at;
    ExprPtr operand;
  };
  ChainExpr(std::size_t offset, ExprPtr f) : Expr(Kind::kChain, offset), first(std::move(f)) {}
  ExprPtr first;
  std::vector<Step> steps;
};

struct ConcatExpr final : Expr {  // a ~ b ~ c
  explicit ConcatExpr(std::size_t offset) : Expr(Kind::kConcat, offset) {}
  std::vector<ExprPtr> parts;
};

enum class Comparison : std::uint8_t { kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn, kSame, kNotSame };

struct CompareExpr final : Expr {  // a < b <= c
  struct Step {
    Comparison op;
    std::uint32_t at;
    ExprPtr operand;
  };
  CompareExpr(std::size_t offset, ExprPtr f) : Expr(Kind::kCompare, offset), first(std::move(f)) {}
  ExprPtr first;
  std::vector<Step> steps;
};

struct LogicExpr final : Expr {  // a and b and c; a or b or c
  LogicExpr(std::size_t offset, bool o) : Expr(Kind::kLogic, offset), is_or(o) {}
  bool is_or;
  std::vector<ExprPtr> parts;
};

struct ConditionalExpr final : Expr {  // then if test else otherwise
  explicit ConditionalExpr(std::size_t offset) : Expr(Kind::kConditional, offset) {}
  ExprPtr then, test, otherwise;  // otherwise may be null
};

struct ListExpr final : Expr {  // [a, b] and (a, b)
  ListExpr(std::size_t offset, bool t) : Expr(Kind::kList, offset), is_tuple(t) {}
  bool is_tuple;
  std::vector<ExprPtr> items;
};

struct DictExpr final : Expr {
  explicit DictExpr(std::size_t offset) : Expr(Kind::kDict, offset) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> pairs;
};

// What an assignment fills: a name, a namespace's attribute, or several of them.
struct Target {
  std::uint32_t at = 0;
  std::string_view name;       // empty for a tuple
  std::string_view attribute;  // not empty: `name` is a namespace
  std::vector<Target> items;
};

struct Node {
  enum class Kind : std::uint8_t {
    kText,
    kOutput,
    kIf,
    kFor,
    kSet,
    kSetBlock,
    kMacro,
    kCallBlock,
    kFilterBlock,
    kWith,
    kInclude,
    kAutoescape,
    kDo,
    kBreak,
    kContinue,
    kScope,
  };
  Node(Kind k, std::size_t offset) : kind(k), at(static_cast<std::uint32_t>(offset)) {}
  virtual ~Node() = default;
  Kind kind;
  std::uint32_t at;
};
using Body = std::vector<std::unique_ptr<Node>>;

struct TextNode final : Node {
  TextNode(std::size_t offset, std::string_view t) : Node(Kind::kText, offset), text(t) {}
  std::string_view text;
};

struct ExprNode final : Node {  // output, do
  ExprNode(Kind k, std::size_t offset, ExprPtr e) : Node(k, offset), expr(std::move(e)) {}
  ExprPtr expr;
};

struct IfNode final : Node {
  explicit IfNode(std::size_t offset) : Node(Kind::kIf, offset) {}
  struct Branch {
    ExprPtr test;
    Body body;
  };
  std::vector<Branch> branches;  // if, elif ...
  Body otherwise;
};

struct ForNode final : Node {
  explicit ForNode(std::size_t offset) : Node(Kind::kFor, offset) {}
  Target target;
  ExprPtr iterable;
  ExprPtr filter;  // null: all items
  bool recursive = false;
  bool uses_loop = false;
  Body body;
  Body otherwise;
};

struct SetNode final : Node {
  explicit SetNode(std::size_t offset) : Node(Kind::kSet, offset) {}
  Target target;
  ExprPtr value;
};

struct SetBlockNode final : Node {
  explicit SetBlockNode(std::size_t offset) : Node(Kind::kSetBlock, offset) {}
  Target target;
  ExprPtr filter;  // a FilterExpr chain whose innermost operand is null; or null
  Body body;
};

struct FilterBlockNode final : Node {
  explicit FilterBlockNode(std::size_t offset) : Node(Kind::kFilterBlock, offset) {}
  ExprPtr filter;
  Body body;
};

// A macro, or the body of a call block.
struct Macro {
  std::string_view name;
  std::uint32_t at = 0;
  std::vector<std::string_view> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  Body body;
  bool uses_caller = false;
  bool uses_kwargs = false;
  bool uses_varargs = false;
};

struct MacroNode final : Node {
  explicit MacroNode(std::size_t offset) : Node(Kind::kMacro, offset) {}
  Macro macro;
};

struct CallBlockNode final : Node {
  explicit CallBlockNode(std::size_t offset) : Node(Kind::kCallBlock, offset) {}
  ExprPtr call;  // a CallExpr
  Macro caller;
};

struct WithNode final : Node {
  explicit WithNode(std::size_t offset) : Node(Kind::kWith, offset) {}
  std::vector<std::pair<Target, ExprPtr>> values;
  Body body;
};

struct IncludeNode final : Node {
  explicit IncludeNode(std::size_t offset) : Node(Kind::kInclude, offset) {}
  ExprPtr name;  // a string, or a list of them: the first that exists
  bool ignore_missing = false;
  bool with_context = true;
};

struct BodyNode final : Node {  // autoescape, generation
  BodyNode(Kind k, std::size_t offset) : Node(k, offset) {}
  ExprPtr flag;  // autoescape's
  Body body;
};

// One source text and what it says.
struct Unit {
  std::string origin;
  std::string source;               // with \n as the only line break
  std::deque<std::string> strings;  // of literals with escapes, joined or unescaped
  Body body;
};

}  // namespace sighter::text::jinja
