// The parser's second half: expressions.

#include <algorithm>

#include "base/similar.hpp"
#include "text/template_methods.hpp"
#include "text/template_parser.hpp"

namespace sighter::text::jinja {

namespace {
constexpr std::string_view kReserved[] = {"and", "else", "elif", "if", "in", "is", "not", "or"};

bool is_reserved(std::string_view name) {
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}
}  // namespace

ExprPtr Parser::expression() {
  const Deeper deeper(*this);
  return failed() ? nullptr : conditional();
}

ExprPtr Parser::conditional() {
  ExprPtr then = logic(true);
  std::size_t links = 0;
  while (!failed() && at_name("if")) {
    auto node = std::make_unique<ConditionalExpr>(take().at);
    if (++links > limits::kTemplateDepthMax) {
      fail_at(node->at, "the expression is nested too deeply");
      break;
    }
    node->then = std::move(then);
    node->test = logic(true);
    if (skip_name("else")) {
      const Deeper deeper(*this);
      node->otherwise = failed() ? nullptr : conditional();
    }
    then = std::move(node);
  }
  return then;
}

ExprPtr Parser::logic(bool is_or) {
  ExprPtr first = is_or ? logic(false) : negation();
  if (failed() || !at_name(is_or ? "or" : "and")) return first;
  auto node = std::make_unique<LogicExpr>(token().at, is_or);
  node->parts.push_back(std::move(first));
  while (!failed() && skip_name(is_or ? "or" : "and")) {
    node->parts.push_back(is_or ? logic(false) : negation());
  }
  return node;
}

ExprPtr Parser::negation() {
  if (!at_name("not")) return comparison();
  const Deeper deeper(*this);
  const std::size_t at = take().at;
  return failed() ? nullptr : std::make_unique<UnaryExpr>(at, UnaryExpr::Op::kNot, negation());
}

ExprPtr Parser::comparison() {
  struct Spelling {
    std::string_view text;
    Comparison op;
  };
  static constexpr Spelling kSpellings[] = {
      {"===", Comparison::kSame}, {"!==", Comparison::kNotSame}, {"==", Comparison::kEq},
      {"!=", Comparison::kNe},    {"<=", Comparison::kLe},       {">=", Comparison::kGe},
      {"<", Comparison::kLt},     {">", Comparison::kGt}};
  ExprPtr first = chain(0);
  std::unique_ptr<CompareExpr> node;
  while (!failed()) {
    std::optional<Comparison> op;
    const std::uint32_t at = token().at;
    for (const Spelling& spelling : kSpellings) {
      if (at_operator(spelling.text)) op = spelling.op;
    }
    if (at_name("in")) op = Comparison::kIn;
    if (at_name("not") && look().kind == Token::Kind::kName && look().text == "in") {
      take();
      op = Comparison::kNotIn;
    }
    if (!op) break;
    take();
    if (node == nullptr) node = std::make_unique<CompareExpr>(at, std::move(first));
    node->steps.push_back({*op, at, chain(0)});
  }
  if (node == nullptr) return first;
  return node;
}

// Level 0: + and -; level 1: * / // %; level 2: **. Between the first two stands ~.
ExprPtr Parser::chain(int level) {
  struct Spelling {
    int level;
    std::string_view text;
    Arithmetic op;
  };
  static constexpr Spelling kSpellings[] = {
      {0, "+", Arithmetic::kAdd},      {0, "-", Arithmetic::kSubtract},
      {1, "*", Arithmetic::kMultiply}, {1, "/", Arithmetic::kDivide},
      {1, "//", Arithmetic::kFloor},   {1, "%", Arithmetic::kModulo},
      {2, "**", Arithmetic::kPower}};
  const auto operand = [&]() -> ExprPtr {
    return level == 0 ? concat() : level == 1 ? chain(2) : unary(true);
  };
  ExprPtr first = operand();
  std::unique_ptr<ChainExpr> node;
  while (!failed() && token().kind == Token::Kind::kOperator) {
    const auto* spelling =
        std::find_if(std::begin(kSpellings), std::end(kSpellings),
                     [&](const Spelling& s) { return s.level == level && s.text == token().text; });
    if (spelling == std::end(kSpellings)) break;
    const std::uint32_t at = take().at;
    if (node == nullptr) node = std::make_unique<ChainExpr>(at, std::move(first));
    node->steps.push_back({spelling->op, at, operand()});
  }
  if (node == nullptr) return first;
  return node;
}

ExprPtr Parser::concat() {
  ExprPtr first = chain(1);
  if (failed() || !at_operator("~")) return first;
  auto node = std::make_unique<ConcatExpr>(token().at);
  node->parts.push_back(std::move(first));
  while (!failed() && skip_operator("~")) node->parts.push_back(chain(1));
  return node;
}

ExprPtr Parser::unary(bool with_filter) {
  ExprPtr node;
  if (at_operator("-") || at_operator("+")) {
    const Deeper deeper(*this);
    const Token sign = take();
    if (failed()) return nullptr;
    node = std::make_unique<UnaryExpr>(
        sign.at, sign.text == "-" ? UnaryExpr::Op::kMinus : UnaryExpr::Op::kPlus, unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filter ? filters_and_tests(std::move(node)) : std::move(node);
}

ExprPtr Parser::primary() {
  const Token current = token();
  switch (current.kind) {
    case Token::Kind::kName:
      return name();
    case Token::Kind::kString:
      return strings();
    case Token::Kind::kInteger:
      take();
      return std::make_unique<ConstantExpr>(current.at, Value::integer(current.integer));
    case Token::Kind::kFloat:
      take();
      return std::make_unique<ConstantExpr>(current.at, Value::number(current.number));
    case Token::Kind::kOperator:
      break;
    default:
      unexpected("an expression");
      return nullptr;
  }
  if (current.text == "[") return list();
  if (current.text == "{") return dict();
  if (current.text != "(") {
    unexpected("an expression");
    return nullptr;
  }
  const Deeper deeper(*this);
  take();
  if (failed()) return nullptr;
  ExprPtr inner = tuple(true, true);
  expect_operator(")");
  return inner;
}

ExprPtr Parser::name() {
  const Token current = take();
  for (const auto& literal : dialect_.literals) {
    if (literal.spelling != current.text) continue;
    Value value =
        literal.word == Word::kNone ? Value::none() : Value::boolean(literal.word == Word::kTrue);
    return std::make_unique<ConstantExpr>(current.at, std::move(value));
  }
  if (is_reserved(current.text)) {
    fail_at(current.at, "unexpected '" + std::string(current.text) + "'",
            "an expression is expected here");
    return nullptr;
  }
  saw_loop_ |= current.text == "loop";
  saw_caller_ |= current.text == "caller";
  saw_kwargs_ |= current.text == "kwargs";
  saw_varargs_ |= current.text == "varargs";
  return std::make_unique<NameExpr>(current.at, current.text);
}

ExprPtr Parser::strings() {
  const Token first = take();
  std::string_view text = first.text;
  if (token().kind == Token::Kind::kString) {
    std::string joined(text);
    while (token().kind == Token::Kind::kString) joined += take().text;
    text = unit_.strings.emplace_back(std::move(joined));
  }
  return std::make_unique<ConstantExpr>(first.at, Value::string(text));
}

ExprPtr Parser::tuple(bool with_conditional, bool in_parentheses, std::string_view end_name) {
  const std::size_t at = token().at;
  const auto ends = [&] {
    return token().kind == Token::Kind::kVariableEnd || token().kind == Token::Kind::kBlockEnd ||
           at_operator(")") || (!end_name.empty() && at_name(end_name));
  };
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (!failed() && !ends()) {
    items.push_back(with_conditional ? expression() : logic(true));
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (failed()) return nullptr;
  if (!is_tuple && items.size() == 1) return std::move(items.front());
  if (items.empty() && !in_parentheses) {
    unexpected("an expression");
    return nullptr;
  }
  auto node = std::make_unique<ListExpr>(at, true);
  node->items = std::move(items);
  return node;
}

ExprPtr Parser::list() {
  auto node = std::make_unique<ListExpr>(take().at, false);
  while (!failed() && !at_operator("]")) {
    node->items.push_back(expression());
    if (!skip_operator(",")) break;
  }
  expect_operator("]");
  return node;
}

ExprPtr Parser::dict() {
  auto node = std::make_unique<DictExpr>(take().at);
  while (!failed() && !at_operator("}")) {
    const bool bare = dialect_.bare_keys && token().kind == Token::Kind::kName &&
                      look().kind == Token::Kind::kOperator && look().text == ":";
    ExprPtr key;
    if (bare) {
      const Token word = take();
      key = std::make_unique<ConstantExpr>(word.at, Value::string(word.text));
    } else {
      key = expression();
    }
    expect_operator(":");
    if (failed()) break;
    node->pairs.emplace_back(std::move(key), expression());
    if (!skip_operator(",")) break;
  }
  expect_operator("}");
  return node;
}

ExprPtr Parser::postfix(ExprPtr expr) {
  std::size_t links = 0;
  while (!failed()) {
    if (at_operator(".") || at_operator("[")) {
      expr = subscript(std::move(expr));
    } else if (at_operator("(")) {
      expr = call(std::move(expr));
    } else {
      break;
    }
    if (++links > limits::kTemplateDepthMax) fail_at(token().at, "the expression is too long");
  }
  return expr;
}

ExprPtr Parser::filters_and_tests(ExprPtr expr) {
  std::size_t links = 0;
  while (!failed()) {
    if (at_operator("|")) {
      take();
      expr = filter(std::move(expr));
    } else if (at_name("is")) {
      expr = test(std::move(expr));
    } else if (at_operator("(")) {
      expr = call(std::move(expr));
    } else {
      break;
    }
    if (++links > limits::kTemplateDepthMax) fail_at(token().at, "the expression is too long");
  }
  return expr;
}

ExprPtr Parser::subscript(ExprPtr object) {
  const Token opener = take();
  if (opener.text == "[") return slice_or_item(std::move(object), opener.at);
  const Token member = take();
  if (member.kind == Token::Kind::kName) {
    return std::make_unique<AttributeExpr>(member.at, std::move(object), member.text);
  }
  if (member.kind != Token::Kind::kInteger) {
    fail_at(member.at, "a name or a number is expected behind '.', not " + describe(member));
    return nullptr;
  }
  return std::make_unique<ItemExpr>(
      member.at, std::move(object),
      std::make_unique<ConstantExpr>(member.at, Value::integer(member.integer)));
}

ExprPtr Parser::slice_or_item(ExprPtr object, std::size_t at) {
  ExprPtr first;
  if (!at_operator(":")) {
    first = expression();
    if (at_operator(",")) {  // a[b, c]: the key is a tuple
      auto key = std::make_unique<ListExpr>(at, true);
      key->items.push_back(std::move(first));
      while (!failed() && skip_operator(",")) {
        if (at_operator("]")) break;
        key->items.push_back(expression());
      }
      first = std::move(key);
    }
    if (failed() || !at_operator(":")) {
      expect_operator("]");
      return std::make_unique<ItemExpr>(at, std::move(object), std::move(first));
    }
  }
  if (!dialect_.slices) {
    fail_at(token().at, "there are no slices x[1:2] in " + std::string(dialect_.name),
            "prepare the part before the template");
    return nullptr;
  }
  auto node = std::make_unique<SliceExpr>(at, std::move(object));
  node->start = std::move(first);
  take();
  if (!at_operator(":") && !at_operator("]")) node->stop = expression();
  if (skip_operator(":") && !at_operator("]")) node->step = expression();
  expect_operator("]");
  return node;
}

bool Parser::arguments(Arguments& out) {
  const std::size_t at = token().at;
  expect_operator("(");
  const auto misplaced = [&](bool wrong) {
    if (wrong) fail_at(token().at, "a positional argument follows named ones");
    return wrong;
  };
  while (!failed() && !at_operator(")")) {
    const bool star = at_operator("*");
    if (star || at_operator("**")) {
      if (misplaced(out.double_star != nullptr || (star && out.star != nullptr))) break;
      take();
      (star ? out.star : out.double_star) = expression();
    } else if (token().kind == Token::Kind::kName && look().kind == Token::Kind::kOperator &&
               look().text == "=") {
      if (misplaced(out.double_star != nullptr)) break;
      const Token key = take();
      take();
      for (const auto& [name, value] : out.named) {
        if (name == key.text) {
          fail_at(key.at, "the argument '" + std::string(name) + "' is given twice");
        }
      }
      out.named.emplace_back(key.text, expression());
    } else {
      if (misplaced(out.star != nullptr || out.double_star != nullptr || !out.named.empty())) break;
      out.positional.push_back(expression());
    }
    if (!skip_operator(",")) break;
  }
  if (!failed() && !at_operator(")")) {
    fail_at(token().at, "',' or ')' is expected in the arguments, not " + describe(token()),
            "the parenthesis opens at " + where(unit_, at));
  }
  return expect_operator(")");
}

void Parser::check_method(const AttributeExpr& callee) {
  if (options_.python_methods) return;
  const PythonMethod* method = find_python_method(callee.name);
  if (method == nullptr) return;
  fail_at(callee.at, "Python's method '." + std::string(callee.name) + "()' is not supported",
          std::string(method->instead));
}

ExprPtr Parser::call(ExprPtr callee) {
  auto node = std::make_unique<CallExpr>(token().at, std::move(callee));
  if (failed()) return nullptr;
  if (node->callee->kind == Expr::Kind::kAttribute) {
    check_method(static_cast<const AttributeExpr&>(*node->callee));
  } else if (node->callee->kind == Expr::Kind::kName) {
    const auto name = static_cast<const NameExpr&>(*node->callee).name;
    if (const auto* refused = dialect_.refused_function(name)) {
      fail_at(node->callee->at, "'" + std::string(name) + "()' is not supported",
              std::string(refused->why));
    }
  }
  arguments(node->arguments);
  return node;
}

std::string Parser::dotted_name(std::string_view what) {
  std::string name(expect_any_name(what));
  while (!failed() && skip_operator(".")) name += "." + std::string(expect_any_name(what));
  return name;
}

// What can be said before rendering: too many arguments, or one that does not exist.
void Parser::check_arguments(const Builtin& builtin, const Arguments& given, std::size_t at,
                             std::string_view kind) {
  const Signature& signature = builtin.signature;
  const std::string what = std::string(kind) + " '" + std::string(builtin.name) + "'";
  const std::size_t most = signature.size - 1;  // without the value in front
  if (!signature.rest && given.positional.size() > most) {
    const std::string count = most == 0   ? "no argument"
                              : most == 1 ? "one argument"
                                          : std::to_string(most) + " arguments";
    return fail_at(at, "the " + what + " takes " + (most == 0 ? "" : "at most ") + count);
  }
  std::vector<std::string> names(signature.names.begin() + 1,
                                 signature.names.begin() + static_cast<long>(signature.size));
  for (const auto& [name, value] : given.named) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end() && !signature.named_rest) {
      return fail_at(at, "the " + what + " has no argument '" + std::string(name) + "'",
                     names.empty() ? "" : did_you_mean(name, names));
    }
  }
  if (given.star != nullptr || given.double_star != nullptr) return;
  for (std::size_t i = given.positional.size() + 1; i < signature.required; ++i) {
    const bool named = std::any_of(given.named.begin(), given.named.end(), [&](const auto& pair) {
      return pair.first == signature.names[i];
    });
    if (!named) {
      return fail_at(
          at, "the " + what + " needs the argument '" + std::string(signature.names[i]) + "'");
    }
  }
}

ExprPtr Parser::filter(ExprPtr operand) {
  const std::size_t at = token().at;
  const std::string name = dotted_name("the name of a filter");
  if (failed()) return nullptr;
  const Builtin* builtin = dialect_.filter(name);
  if (builtin == nullptr) {
    if (const auto* refused = dialect_.refused_filter(name)) {
      fail_at(at, "the filter '" + name + "' is not supported", std::string(refused->why));
    } else {
      fail_at(at, "there is no filter '" + name + "'", did_you_mean(name, dialect_.filter_names()));
    }
    return nullptr;
  }
  auto node = std::make_unique<FilterExpr>(at, std::move(operand), *builtin);
  if (at_operator("(")) arguments(node->arguments);
  if (!failed()) check_arguments(*builtin, node->arguments, at, "filter");
  return node;
}

// The filters of a {% filter %} or {% set %} block: name, | name ...
ExprPtr Parser::filter_chain(ExprPtr operand) {
  std::size_t links = 0;
  while (!failed() && skip_operator("|")) {
    operand = filter(std::move(operand));
    if (++links > limits::kTemplateDepthMax) fail_at(token().at, "the expression is too long");
  }
  return operand;
}

ExprPtr Parser::test(ExprPtr operand) {
  take();  // is
  const bool negated = skip_name("not");
  const std::size_t at = token().at;
  const std::string name = dotted_name("the name of a test");
  if (failed()) return nullptr;
  const Builtin* builtin = dialect_.test(name);
  if (builtin == nullptr) {
    if (const auto* refused = dialect_.refused_test(name)) {
      fail_at(at, "the test '" + name + "' is not supported", std::string(refused->why));
      return nullptr;
    }
    fail_at(at, "there is no test '" + name + "'", did_you_mean(name, dialect_.test_names()));
    return nullptr;
  }
  auto node = std::make_unique<TestExpr>(at, std::move(operand), *builtin);
  node->negated = negated;
  const Token::Kind kind = token().kind;
  if (at_operator("(")) {
    arguments(node->arguments);
  } else if (at_name("is")) {
    fail_at(token().at, "tests cannot be chained with 'is'", "join them by 'and'");
  } else if (kind == Token::Kind::kString || kind == Token::Kind::kInteger ||
             kind == Token::Kind::kFloat || at_operator("[") || at_operator("{") ||
             (kind == Token::Kind::kName && !is_reserved(token().text) && !at_name("recursive") &&
              builtin->signature.size > 1)) {
    node->arguments.positional.push_back(postfix(primary()));
  }
  if (!failed()) check_arguments(*builtin, node->arguments, at, "test");
  return node;
}

}  // namespace sighter::text::jinja
