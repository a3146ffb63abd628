#include "text/template_parser.hpp"

#include <algorithm>
#include <utility>

#include "base/similar.hpp"

namespace sighter::text::jinja {

Parser::Parser(Unit& unit, const TemplateOptions& options, const DialectTable& dialect,
               IncludeHook include_hook)
    : unit_(unit), options_(options), dialect_(dialect), include_hook_(std::move(include_hook)) {}

Parser::Deeper::Deeper(Parser& p) : parser(p) {
  if (++parser.depth_ > limits::kTemplateDepthMax) {
    parser.fail_at(parser.token().at, "the template is nested too deeply (more than " +
                                          std::to_string(limits::kTemplateDepthMax) + " levels)");
  }
}
Parser::Deeper::~Deeper() {
  --parser.depth_;
}

Status Parser::run() {
  auto tokens = tokenize(unit_, options_);
  if (!tokens) return std::unexpected(tokens.error());
  tokens_ = std::move(*tokens);
  unit_.body = body({});
  if (error_) return std::unexpected(*error_);
  return {};
}

void Parser::fail_at(std::size_t at, std::string what, std::string hint) {
  if (error_) return;
  error_ = Error{Kind::kInvalid, where(unit_, at) + ": " + std::move(what), std::move(hint)};
  at_ = tokens_.size() - 1;
}

std::string Parser::describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kEnd:
      return "the end of the template";
    case Token::Kind::kData:
      return "text";
    case Token::Kind::kString:
      return "a string";
    case Token::Kind::kBlockEnd:
      return "'%}'";
    case Token::Kind::kVariableEnd:
      return "'}}'";
    default:
      return "'" + std::string(token.text) + "'";
  }
}

void Parser::unexpected(std::string_view wanted) {
  fail_at(token().at, std::string(wanted) + " is expected here, not " + describe(token()));
}

bool Parser::at_operator(std::string_view text) const {
  return token().kind == Token::Kind::kOperator && token().text == text;
}
bool Parser::at_name(std::string_view text) const {
  return token().kind == Token::Kind::kName && token().text == text;
}
bool Parser::at_name(std::initializer_list<std::string_view> texts) const {
  return std::any_of(texts.begin(), texts.end(), [&](std::string_view t) { return at_name(t); });
}

Token Parser::take() {
  const Token current = token();
  if (at_ + 1 < tokens_.size()) ++at_;
  return current;
}
bool Parser::skip_operator(std::string_view text) {
  if (!at_operator(text)) return false;
  take();
  return true;
}
bool Parser::skip_name(std::string_view text) {
  if (!at_name(text)) return false;
  take();
  return true;
}
bool Parser::expect_operator(std::string_view text) {
  if (skip_operator(text)) return true;
  unexpected("'" + std::string(text) + "'");
  return false;
}
bool Parser::expect_name(std::string_view text) {
  if (skip_name(text)) return true;
  unexpected("'" + std::string(text) + "'");
  return false;
}
std::string_view Parser::expect_any_name(std::string_view what) {
  if (token().kind == Token::Kind::kName) return take().text;
  unexpected(what);
  return {};
}
bool Parser::expect_block_end() {
  if (token().kind == Token::Kind::kBlockEnd) {
    take();
    return true;
  }
  unexpected("'%}'");
  return false;
}

// Statements up to one of `ends` (which stays the current token, behind its '{%'), or to the end.
Body Parser::body(std::initializer_list<std::string_view> ends) {
  const Deeper deeper(*this);
  Body out;
  while (!failed()) {
    const Token current = token();
    switch (current.kind) {
      case Token::Kind::kData:
        take();
        out.push_back(std::make_unique<TextNode>(current.at, current.text));
        break;
      case Token::Kind::kVariableBegin: {
        take();
        const std::size_t at = token().at;
        ExprPtr value = tuple(true, false);
        if (!failed() && token().kind != Token::Kind::kVariableEnd) unexpected("'}}'");
        take();
        out.push_back(std::make_unique<ExprNode>(Node::Kind::kOutput, at, std::move(value)));
        break;
      }
      case Token::Kind::kBlockBegin: {
        take();
        if (at_name(ends)) return out;
        auto node = statement();
        if (failed()) return out;
        expect_block_end();
        out.push_back(std::move(node));
        break;
      }
      default:
        return out;
    }
  }
  return out;
}

// The rest of an opening tag, then statements up to one of `ends`.
Body Parser::block(std::string_view statement, std::size_t opened,
                   std::initializer_list<std::string_view> ends) {
  skip_operator(":");
  expect_block_end();
  Body out = body(ends);
  if (!failed() && at_end()) {
    fail_at(opened, "'" + std::string(statement) + "' is not closed",
            "close it with {% " + std::string(*(ends.end() - 1)) + " %}");
  }
  return out;
}

std::unique_ptr<Node> Parser::statement() {
  const Token name = token();
  if (name.kind != Token::Kind::kName) {
    unexpected("the name of a statement");
    return nullptr;
  }
  take();
  const std::size_t at = name.at;
  const std::string_view word = name.text;
  const bool chat_only = word == "generation" && options_.chat_functions;
  if (!chat_only && dialect_.refused_statement(word) != nullptr) {
    unknown_statement(name);
    return nullptr;
  }
  if (word == "if") return parse_if(at);
  if (word == "for") return parse_for(at);
  if (word == "set") return parse_set(at);
  if (word == "macro") return parse_macro(at);
  if (word == "call") return parse_call_block(at);
  if (word == "filter") return parse_filter_block(at);
  if (word == "with") return parse_with(at);
  if (word == "include") return parse_include(at);
  if (word == "print") return parse_print(at);
  if (word == "break") return parse_loop_control(at, Node::Kind::kBreak);
  if (word == "continue") return parse_loop_control(at, Node::Kind::kContinue);
  if (word == "do") {
    return std::make_unique<ExprNode>(Node::Kind::kDo, at, tuple(true, false));
  }
  if (word == "autoescape") {
    auto node = std::make_unique<BodyNode>(Node::Kind::kAutoescape, at);
    node->flag = expression();
    node->body = block(word, at, {"endautoescape"});
    take();
    return node;
  }
  if (word == "generation" && options_.chat_functions) {
    auto node = std::make_unique<BodyNode>(Node::Kind::kScope, at);
    node->body = block(word, at, {"endgeneration"});
    take();
    return node;
  }
  unknown_statement(name);
  return nullptr;
}

void Parser::unknown_statement(const Token& name) {
  static const std::vector<std::string> kNames = {
      "if",      "for",        "set",   "macro",    "call", "filter", "with",
      "include", "autoescape", "print", "continue", "do",   "break",  "raw"};
  const std::string word(name.text);
  if (const auto* refused = dialect_.refused_statement(word)) {
    return fail_at(name.at, "the statement '" + word + "' is not supported",
                   std::string(refused->why));
  }
  if (word == "else" || word == dialect_.else_if || word == dialect_.else_if_too ||
      word.starts_with("end")) {
    return fail_at(name.at, "'" + word + "' has nothing to belong to here",
                   "another block may have been opened and not closed before it");
  }
  fail_at(name.at, "there is no statement '" + word + "'", did_you_mean(word, kNames));
}

std::unique_ptr<Node> Parser::parse_if(std::size_t at) {
  auto node = std::make_unique<IfNode>(at);
  while (!failed()) {
    IfNode::Branch& branch = node->branches.emplace_back();
    branch.test = tuple(false, false);
    branch.body = block("if", at, {dialect_.else_if, dialect_.else_if_too, "else", "endif"});
    if (skip_name(dialect_.else_if) || skip_name(dialect_.else_if_too)) continue;
    if (skip_name("else")) node->otherwise = block("if", at, {"endif"});
    take();
    break;
  }
  return node;
}

std::unique_ptr<Node> Parser::parse_for(std::size_t at) {
  auto node = std::make_unique<ForNode>(at);
  node->target = target(true, false);
  expect_name("in");
  node->iterable = tuple(false, false, "recursive");
  if (!dialect_.loop_clauses && (at_name("if") || at_name("recursive"))) {
    fail_at(token().at,
            "'for' has no '" + std::string(token().text) + "' in " + std::string(dialect_.name),
            "put {% if %} inside the loop, or write a macro that calls itself");
  }
  if (skip_name("if")) node->filter = expression();
  node->recursive = skip_name("recursive");
  const bool outer = std::exchange(saw_loop_, false);
  ++loops_;
  node->body = block("for", at, {"else", "endfor"});
  --loops_;
  node->uses_loop = std::exchange(saw_loop_, outer);
  if (skip_name("else")) node->otherwise = block("for", at, {"endfor"});
  take();
  return node;
}

std::unique_ptr<Node> Parser::parse_loop_control(std::size_t at, Node::Kind kind) {
  if (loops_ == 0) {
    fail_at(at, std::string(kind == Node::Kind::kBreak ? "'break'" : "'continue'") +
                    " stands outside of a loop");
  }
  return std::make_unique<Node>(kind, at);
}

std::unique_ptr<Node> Parser::parse_set(std::size_t at) {
  Target to = target(true, true);
  if (skip_operator("=")) {
    auto node = std::make_unique<SetNode>(at);
    node->target = std::move(to);
    node->value = tuple(true, false);
    return node;
  }
  auto node = std::make_unique<SetBlockNode>(at);
  node->target = std::move(to);
  node->filter = filter_chain(nullptr);
  if (!failed() && token().kind != Token::Kind::kBlockEnd) {
    unexpected("'=' or '%}'");
    return nullptr;
  }
  const int loops = std::exchange(loops_, 0);
  node->body = block("set", at, {"endset"});
  loops_ = loops;
  take();
  return node;
}

Target Parser::single_target(bool allow_namespace) {
  Target out;
  out.at = token().at;
  if (at_operator("(")) {
    take();
    const Deeper deeper(*this);
    if (failed()) return out;
    out = target(true, allow_namespace);
    expect_operator(")");
    return out;
  }
  const Token word = token();
  out.name = expect_any_name("a name to assign to");
  for (const auto& literal : dialect_.literals) {
    if (!failed() && literal.spelling == out.name) {
      fail_at(word.at, "cannot assign to '" + std::string(out.name) + "'");
    }
  }
  if (allow_namespace && skip_operator(".")) out.attribute = expect_any_name("an attribute");
  return out;
}

Target Parser::target(bool allow_tuple, bool allow_namespace) {
  Target first = single_target(allow_namespace);
  if (!allow_tuple || failed() || !at_operator(",")) return first;
  Target out;
  out.at = first.at;
  out.items.push_back(std::move(first));
  while (!failed() && skip_operator(",")) {
    if (at_name("in") || at_operator("=") || at_operator(")")) break;
    out.items.push_back(single_target(allow_namespace));
  }
  return out;
}

bool Parser::signature(Macro& macro) {
  expect_operator("(");
  while (!failed() && !at_operator(")")) {
    const Token name = token();
    macro.parameters.push_back(expect_any_name("a parameter's name"));
    if (std::count(macro.parameters.begin(), macro.parameters.end(), name.text) > 1) {
      fail_at(name.at, "the parameter '" + std::string(name.text) + "' is there twice");
    }
    if (skip_operator("=")) {
      macro.defaults.push_back(expression());
    } else if (!macro.defaults.empty()) {
      fail_at(name.at, "a parameter without a default follows one that has a default");
    }
    if (!skip_operator(",")) break;
  }
  return expect_operator(")");
}

void Parser::macro_body(Macro& macro, std::string_view statement, std::string_view end) {
  const bool caller = std::exchange(saw_caller_, false);
  const bool kwargs = std::exchange(saw_kwargs_, false);
  const bool varargs = std::exchange(saw_varargs_, false);
  const int loops = std::exchange(loops_, 0);
  macro.body = block(statement, macro.at, {end});
  take();
  loops_ = loops;
  macro.uses_caller = saw_caller_;
  macro.uses_kwargs = saw_kwargs_;
  macro.uses_varargs = saw_varargs_;
  saw_caller_ |= caller;
  saw_kwargs_ |= kwargs;
  saw_varargs_ |= varargs;
}

std::unique_ptr<Node> Parser::parse_macro(std::size_t at) {
  auto node = std::make_unique<MacroNode>(at);
  node->macro.at = static_cast<std::uint32_t>(at);
  node->macro.name = expect_any_name("the macro's name");
  if (signature(node->macro)) macro_body(node->macro, "macro", "endmacro");
  return node;
}

std::unique_ptr<Node> Parser::parse_call_block(std::size_t at) {
  auto node = std::make_unique<CallBlockNode>(at);
  node->caller.at = static_cast<std::uint32_t>(at);
  node->caller.name = "caller";
  if (at_operator("(")) signature(node->caller);
  const std::size_t call_at = token().at;
  node->call = expression();
  if (!failed() && node->call->kind != Expr::Kind::kCall) {
    fail_at(call_at, "'call' needs the call of a macro", "{% call name(...) %}");
  }
  if (!failed()) macro_body(node->caller, "call", "endcall");
  return node;
}

std::unique_ptr<Node> Parser::parse_filter_block(std::size_t at) {
  auto node = std::make_unique<FilterBlockNode>(at);
  node->filter = filter_chain(filter(nullptr));
  const int loops = std::exchange(loops_, 0);
  node->body = block("filter", at, {"endfilter"});
  loops_ = loops;
  take();
  return node;
}

std::unique_ptr<Node> Parser::parse_with(std::size_t at) {
  auto node = std::make_unique<WithNode>(at);
  while (!failed() && token().kind != Token::Kind::kBlockEnd) {
    Target to = target(false, false);
    expect_operator("=");
    if (failed()) break;
    node->values.emplace_back(std::move(to), expression());
    if (!skip_operator(",")) break;
  }
  node->body = block("with", at, {"endwith"});
  take();
  return node;
}

std::unique_ptr<Node> Parser::parse_include(std::size_t at) {
  auto node = std::make_unique<IncludeNode>(at);
  if (options_.load == nullptr) {
    fail_at(at, "'include' is not available here", "put the text into this template");
    return nullptr;
  }
  node->name = expression();
  if (at_name("ignore") && look().text == "missing") {
    take();
    take();
    node->ignore_missing = true;
  }
  if (at_name({"with", "without"}) && look().text == "context") {
    node->with_context = take().text == "with";
    take();
  }
  if (!failed()) include_now(*node);
  return node;
}

// Reads what can be read before rendering.
void Parser::include_now(const IncludeNode& node) {
  std::vector<std::string> names;
  const auto add = [&](const Expr& expr) {
    if (expr.kind != Expr::Kind::kConstant) return false;
    const Value& value = static_cast<const ConstantExpr&>(expr).value;
    if (value.is_string()) names.emplace_back(value.text());
    return value.is_string();
  };
  if (node.name->kind == Expr::Kind::kList) {
    for (const auto& item : static_cast<const ListExpr&>(*node.name).items) {
      if (!add(*item)) return;
    }
  } else if (!add(*node.name)) {
    return;
  }
  const Status status = include_hook_(names, node.ignore_missing, node.name->at);
  if (!status && !error_) {
    error_ = status.error();
    at_ = tokens_.size() - 1;
  }
}

std::unique_ptr<Node> Parser::parse_print(std::size_t at) {
  auto node = std::make_unique<BodyNode>(Node::Kind::kScope, at);
  while (!failed() && token().kind != Token::Kind::kBlockEnd) {
    const std::size_t value_at = token().at;
    node->body.push_back(std::make_unique<ExprNode>(Node::Kind::kOutput, value_at, expression()));
    if (!skip_operator(",")) break;
  }
  return node;
}

}  // namespace sighter::text::jinja
