#pragma once
// One check of one value against a compiled schema. Private to this room.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/schema_node.hpp"
#include "text/schema_words.hpp"

namespace sighter::text {

// Which members and items a schema has looked at, for unevaluatedProperties and unevaluatedItems.
struct Seen {
  bool all_members = false;
  bool all_items = false;
  std::size_t first_items = 0;
  std::vector<bool> members;  // by position in the object
  std::vector<bool> items;

  void add(const Seen& other);
  void add_member(std::size_t at);
  void add_item(std::size_t at);
  bool has_member(std::size_t at) const {
    return all_members || (at < members.size() && members[at]);
  }
  bool has_item(std::size_t at) const {
    return all_items || at < first_items || (at < items.size() && items[at]);
  }
};

// Recursive over schema and value. Fast (only true or false) while out_ is null; otherwise it goes
// on after a violation until `most_` of them are found.
class SchemaRun {
 public:
  SchemaRun(const CompiledSchema& compiled, std::size_t most) : compiled_(compiled), most_(most) {}

  std::vector<Violation> violations(const SchemaNode& node, const Json& value);
  bool accepts(const SchemaNode& node, const Json& value);
  bool stopped() const { return stopped_ != nullptr; }  // by a limit
  Violation limit_violation(const SchemaNode& node) const;

 private:
  bool apply(const SchemaNode& node, const Json& value, const ValuePath& path, Seen* seen);
  bool apply_keywords(const SchemaNode& node, const Json& value, const ValuePath& path, Seen* seen);
  bool check_type(const SchemaNode& node, const Json& value, const ValuePath& path);
  bool check_choice(const SchemaNode& node, const Json& value, const ValuePath& path);
  bool check_number(const SchemaNode& node, const Json& value, const ValuePath& path);
  bool check_string(const SchemaNode& node, const std::string& text, const ValuePath& path);
  bool check_array(const SchemaNode& node, const JsonArray& array, const ValuePath& path,
                   Seen* seen);
  bool check_contains(const SchemaNode& node, const JsonArray& array, const ValuePath& path,
                      Seen* seen);
  bool check_unique(const SchemaNode& node, const JsonArray& array, const ValuePath& path);
  bool check_object(const SchemaNode& node, const JsonObject& object, const ValuePath& path,
                    Seen* seen);
  bool check_members(const SchemaNode& node, const JsonObject& object, const ValuePath& path,
                     Seen* seen);
  bool check_member(const SchemaNode& node, const JsonObject::Member& member, const ValuePath& path,
                    bool& looked_at);
  bool check_presence(const SchemaNode& node, const JsonObject& object, const ValuePath& path);
  bool check_references(const SchemaNode& node, const Json& value, const ValuePath& path,
                        Seen* seen);
  bool check_in_place(const SchemaNode& node, const Json& value, const ValuePath& path, Seen* seen);
  bool check_any_of(const SchemaNode& node, const Json& value, const ValuePath& path, Seen* seen);
  bool check_one_of(const SchemaNode& node, const Json& value, const ValuePath& path, Seen* seen);
  bool check_condition(const SchemaNode& node, const Json& value, const ValuePath& path,
                       Seen* seen);
  bool check_unevaluated(const SchemaNode& node, const Json& value, const ValuePath& path,
                         Seen& seen);
  bool quietly(const SchemaNode& node, const Json& value, const ValuePath& path, Seen* seen);
  void explain_alternatives(const SchemaNode& node, std::string_view keyword,
                            const std::vector<const SchemaNode*>& alternatives, const Json& value,
                            const ValuePath& path);
  const SchemaNode* dynamic_target(const SchemaNode& node) const;
  bool forbidden_member(const SchemaNode& node, std::string_view keyword, std::string_view name,
                        const ValuePath& path);

  // Notes a violation and returns false. `what` follows the place: "must be ...".
  bool wrong(const SchemaNode& node, std::string_view keyword, const ValuePath& path,
             std::string_view what);
  bool reporting() const { return out_ != nullptr; }
  // After a violation: go on?
  bool go_on() const { return out_ != nullptr && out_->size() < most_ && !stopped_; }

  const CompiledSchema& compiled_;
  std::size_t most_;
  std::vector<Violation>* out_ = nullptr;
  std::vector<const SchemaResource*> scope_;
  std::size_t steps_ = 0;
  std::size_t depth_ = 0;
  const char* stopped_ = nullptr;  // the limit that stopped the run
};

}  // namespace sighter::text
