#pragma once
// From the graph of a compiled schema to rules. What has to hold at one place of the value is a set
// of nodes ("all of them"): a schema together with what it refers to and what allOf adds. anyOf and
// oneOf split a set into alternatives. Private to this room.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar.hpp"
#include "text/grammar_rules.hpp"
#include "text/schema_node.hpp"

namespace sighter::text {

using GrammarNodes = std::vector<const SchemaNode*>;

struct GrammarPlace {
  GrammarNodes nodes;          // all of them
  std::set<const void*> done;  // alternatives already chosen
};

class GrammarBuilder {
 public:
  explicit GrammarBuilder(const CompiledSchema& compiled) : compiled_(compiled) {}
  Result<Grammar> run();

 private:
  void unchecked(const SchemaNode& node, std::string_view keyword);

  // ---- sets of nodes
  // References and allOf followed; in order, each node once.
  static GrammarNodes flatten(const GrammarNodes& start);
  // Is all of the set part of that schema? Then it sees everything that is evaluated, and what it
  // says of the unevaluated rest is exact.
  static bool sees_all(const SchemaNode& node, const GrammarNodes& all);
  static std::string key_of(const GrammarPlace& place, const GrammarNodes& all);
  // The name of the rule for a value, or nullopt when there can be none.
  std::optional<std::string> value(const GrammarPlace& place, std::string_view hint);
  std::optional<std::string> body_of(const GrammarPlace& place, const GrammarNodes& all,
                                     std::string_view hint);
  void note_what_is_not_said(const GrammarNodes& all);
  // Constants: exactly those values that all nodes accept.
  std::optional<std::string> choices(const GrammarNodes& nodes, const EnumRules& rules);
  std::optional<std::string> split(const GrammarPlace& place, const SchemaNode& node,
                                   const GrammarNodes& list, bool one_of, std::string_view hint);
  // Certainly no value matches two of them: their types differ, or a member that all require has a
  // different constant in each.
  static bool exclusive(const GrammarNodes& list);
  // Required members that must be one constant: their values as text.
  static std::map<std::string, std::string> tags(const SchemaNode& node);
  std::optional<std::string> by_type(const GrammarNodes& all);

  // ---- numbers
  std::optional<std::string> number(const GrammarNodes& all, bool whole);
  struct Range {
    std::optional<long long> least, most;
    bool above = false;
    bool below = false;
  };
  // Narrows the range by one bound. One that is not an integer is widened to the next that is, and
  // checked afterwards; for whole numbers it is exact.
  void bound(const SchemaNode& node, std::string_view keyword, const ExactNumber& limit, bool upper,
             bool open, bool whole, Range& range);
  static std::optional<std::string> multiples(const Range& range, const ExactNumber& step,
                                              bool whole);

  // ---- strings: what is between the quotes
  std::string text(const GrammarNodes& all);

  // ---- arrays
  std::optional<std::string> array(const GrammarNodes& all);
  void size_bound(const SchemaNode& node, std::string_view least_keyword,
                  std::optional<std::size_t> mine_least, std::string_view most_keyword,
                  std::optional<std::size_t> mine_most, std::size_t& least,
                  std::optional<std::size_t>& most);
  std::optional<std::string> item(const GrammarNodes& all, std::size_t at);
  // The first items each by its own rule, those behind `least` optional from the right.
  std::string tuple(const std::vector<std::string>& first, const std::optional<std::string>& rest,
                    std::size_t least, std::optional<std::size_t> most);

  // ---- objects
  struct Member {
    std::string name;
    std::string rule;  // name, colon and value
    bool required = false;
  };
  std::optional<std::string> object(const GrammarNodes& all);
  // minProperties, maxProperties, dependentRequired: said where they are simple, else checked
  // later.
  void count_bounds(const SchemaNode& node, const std::set<std::string>& required,
                    std::size_t members, bool open, std::size_t& least,
                    std::optional<std::size_t>& most);
  std::optional<std::string> member_value(const GrammarNodes& all, const std::string& name);
  // The rule of a member that is not declared; nullopt when there is none.
  std::optional<std::string> other_member(const GrammarNodes& all,
                                          const std::vector<std::string>& declared);
  std::optional<std::string> pattern_member(const SchemaNode& node);
  std::optional<std::string> other_name(const std::vector<std::string>& declared,
                                        const SchemaNode* names);
  // Members in order. Behind the first that is there, each one brings its own comma; before a
  // required one, each optional one brings the comma that follows it.
  std::string sequence(const std::vector<Member>& members, const std::optional<std::string>& extra);

  const CompiledSchema& compiled_;
  GrammarRules rules_;
  std::map<std::string, std::optional<std::string>> by_key_;
  std::set<std::string> unchecked_;
  std::size_t depth_ = 0;
  std::string limit_;
};

}  // namespace sighter::text
