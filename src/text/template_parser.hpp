#pragma once
// Tokens to a tree. Internal to the template engine.
//
// A mistake is kept once and sends the parser to the end of the tokens, so that every function
// simply returns; nothing made after it is used.

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "text/template.hpp"
#include "text/template_ast.hpp"
#include "text/template_dialect.hpp"
#include "text/template_lexer.hpp"

namespace sighter::text::jinja {

class Parser {
 public:
  // Called for each {% include %} whose names are written out.
  using IncludeHook = std::function<Status(std::span<const std::string> names, bool ignore_missing,
                                           std::size_t at)>;

  Parser(Unit& unit, const TemplateOptions& options, const DialectTable& dialect,
         IncludeHook include_hook);
  // Fills unit.body from unit.source.
  Status run();

 private:
  // Counts how deep the parser stands; a mistake when too deep.
  struct Deeper {
    explicit Deeper(Parser& p);
    ~Deeper();
    Parser& parser;
  };

  const Token& token() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool failed() const { return error_.has_value(); }
  bool at_operator(std::string_view text) const;
  bool at_name(std::string_view text) const;
  bool at_name(std::initializer_list<std::string_view> texts) const;
  bool at_end() const { return token().kind == Token::Kind::kEnd; }
  Token take();
  bool skip_operator(std::string_view text);
  bool skip_name(std::string_view text);
  bool expect_operator(std::string_view text);
  bool expect_name(std::string_view text);
  std::string_view expect_any_name(std::string_view what);
  bool expect_block_end();
  void fail_at(std::size_t at, std::string what, std::string hint = {});
  void unexpected(std::string_view wanted);
  static std::string describe(const Token& token);

  // Statements: template_parser.cpp
  Body body(std::initializer_list<std::string_view> ends);
  Body block(std::string_view statement, std::size_t opened,
             std::initializer_list<std::string_view> ends);
  std::unique_ptr<Node> statement();
  std::unique_ptr<Node> simple_block(std::string_view name, std::size_t at);
  std::unique_ptr<Node> parse_if(std::size_t at);
  std::unique_ptr<Node> parse_for(std::size_t at);
  std::unique_ptr<Node> parse_set(std::size_t at);
  std::unique_ptr<Node> parse_macro(std::size_t at);
  std::unique_ptr<Node> parse_call_block(std::size_t at);
  std::unique_ptr<Node> parse_filter_block(std::size_t at);
  std::unique_ptr<Node> parse_with(std::size_t at);
  std::unique_ptr<Node> parse_include(std::size_t at);
  std::unique_ptr<Node> parse_print(std::size_t at);
  std::unique_ptr<Node> parse_loop_control(std::size_t at, Node::Kind kind);
  void unknown_statement(const Token& name);
  void include_now(const IncludeNode& node);
  bool signature(Macro& macro);
  void macro_body(Macro& macro, std::string_view statement, std::string_view end);
  Target target(bool allow_tuple, bool allow_namespace);
  Target single_target(bool allow_namespace);

  // Expressions: template_expression.cpp
  ExprPtr expression();
  ExprPtr conditional();
  ExprPtr logic(bool is_or);
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr chain(int level);
  ExprPtr concat();
  ExprPtr unary(bool with_filter);
  ExprPtr primary();
  ExprPtr tuple(bool with_conditional, bool in_parentheses, std::string_view end_name = {});
  ExprPtr list();
  ExprPtr dict();
  ExprPtr strings();
  ExprPtr name();
  ExprPtr postfix(ExprPtr expr);
  ExprPtr filters_and_tests(ExprPtr expr);
  ExprPtr subscript(ExprPtr expr);
  ExprPtr slice_or_item(ExprPtr object, std::size_t at);
  ExprPtr call(ExprPtr callee);
  ExprPtr filter(ExprPtr operand);
  ExprPtr filter_chain(ExprPtr operand);
  ExprPtr test(ExprPtr operand);
  bool arguments(Arguments& out);
  std::string dotted_name(std::string_view what);
  void check_arguments(const Builtin& builtin, const Arguments& arguments, std::size_t at,
                       std::string_view kind);
  void check_method(const AttributeExpr& callee);

  Unit& unit_;
  const TemplateOptions& options_;
  const DialectTable& dialect_;
  IncludeHook include_hook_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  int loops_ = 0;  // {% for %} bodies that enclose this place, within one macro
  bool saw_loop_ = false;
  bool saw_caller_ = false;
  bool saw_kwargs_ = false;
  bool saw_varargs_ = false;
  std::optional<Error> error_;
};

}  // namespace sighter::text::jinja
