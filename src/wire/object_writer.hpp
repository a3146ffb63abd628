#pragma once
// Writes JSON straight into a string, and what a dialect cannot express into a list.

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "wire/message.hpp"

namespace sighter::wire {

// One JSON object, from '{' at construction to end(). Names are literals. Inner values are written
// to the string that key() returns before the next member is begun.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

  std::string& key(std::string_view name);
  void string(std::string_view name, std::string_view value) { json_quote_to(key(name), value); }
  // Nothing where it is empty.
  void string_if(std::string_view name, std::string_view value) {
    if (!value.empty()) string(name, value);
  }
  void raw(std::string_view name, std::string_view json) { key(name) += json; }
  void json(std::string_view name, const Json& value) { json_write_to(key(name), value); }
  void boolean(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  void integer(std::string_view name, std::int64_t value);
  void number(std::string_view name, const Number& value) { key(name) += value.text; }
  template <class T>
  void optional(std::string_view name, const std::optional<T>& value) {
    if (!value.has_value()) return;
    if constexpr (std::is_same_v<T, bool>) {
      boolean(name, *value);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      integer(name, *value);
    } else if constexpr (std::is_same_v<T, Number>) {
      number(name, *value);
    } else if constexpr (std::is_same_v<T, Json>) {
      json(name, *value);
    } else {
      string(name, *value);
    }
  }
  // Counts as written: rest() leaves it out.
  void skip(std::string_view name);
  // The members whose names have not been written.
  void rest(const JsonObject& members);
  // The same for the object under `name` of an outer one's rest.
  void inner_rest(const Extra& outer, std::string_view name, Dialect dialect);
  void end() { out_ += '}'; }

 private:
  bool written(std::string_view name) const;

  std::string& out_;
  std::array<std::string_view, 48> names_;
  std::size_t count_ = 0;
  bool empty_ = true;
};

// The comma before every element of an array but the first.
class Commas {
 public:
  void next(std::string& out) {
    if (!first_) out += ',';
    first_ = false;
  }

 private:
  bool first_ = true;
};

// Where Chat Completions keeps the entries of reasoning_details that one block was read from.
inline constexpr std::string_view kPieces = "sighter:pieces";
// Where Converse keeps the members that stood beside a block's own.
inline constexpr std::string_view kBeside = "sighter:beside";

// "messages.role: 'x' is no role", for a message whose role is kOther.
std::string unknown_role(const Message& message);

// True for null, "", [], {} and objects of nothing else: a member that says nothing elsewhere.
bool says_nothing(const Json& value);

// What `dialect` could not express of one request or reply.
class Losses {
 public:
  Losses(Dialect dialect, std::span<const std::string> allow_drop)
      : dialect_(dialect), allow_drop_(allow_drop) {}
  // Of a reply: nothing can be refused, and what is empty says nothing.
  static Losses of_reply(Dialect dialect) {
    Losses losses(dialect, {});
    losses.reply_ = true;
    return losses;
  }

  Dialect dialect() const { return dialect_; }
  // True where the members of `extra` belong to this dialect (or the program put them there).
  bool own(const Extra& extra) const {
    return extra.dialect == dialect_ || extra.dialect == Dialect::kNone;
  }
  bool form(const Extra& extra, std::uint32_t bit) const {
    return extra.dialect == dialect_ && (extra.forms & bit) != 0;
  }
  // `name` as allow_drop would list it, or an outer one of its names ("tools", "tools.function");
  // `why` may be empty.
  void cannot(std::string_view name, std::string_view why = {});
  void approximate(std::string_view name);
  // A value that no dialect takes, in the words of the error: the request is refused whatever may
  // be dropped. The first one counts.
  void wrong(std::string what);
  // An effort of reasoning that another dialect asks for; false, and refused by name, where it is
  // no word that any dialect knows: there is nothing near it.
  bool effort(std::string_view word);
  // Members of another dialect: refused one by one as "prefix.name", those that are left of an
  // object whose other members were understood as "prefix.object.name"; `structure` names those
  // that have no meaning of their own.
  void foreign(const Extra& extra, std::string_view prefix,
               std::span<const std::string_view> structure = {});
  // The same of members that may be of this dialect, where they are not written.
  void lost(const Extra& extra, std::string_view prefix);
  // Own members are written, those of another dialect are refused.
  void rest(ObjectWriter& writer, const Extra& extra, std::string_view prefix,
            std::span<const std::string_view> structure = {});

  // A finish reason of another dialect that is written as one of kind `written`; kNone: it said
  // none, and `written` was made up.
  void finish(const FinishReason& reason, FinishReason::Kind written, Dialect source);

  // For requests: kInvalid, naming what was not allowed to be dropped.
  Status refused() const;
  // The same, for whoever says it in other words.
  const std::vector<std::string>& refused_names() const { return refused_; }
  // Dropped, and what was refused where nobody can refuse any more (replies).
  std::vector<std::string> take_dropped();
  std::vector<std::string> take_approximated() { return std::move(approximated_); }

 private:
  bool allowed(std::string_view name) const;
  bool asks_nothing(std::string_view prefix, std::string_view name, const Json& value) const;
  void members(const JsonObject& members, Dialect dialect, std::string_view prefix,
               std::span<const std::string_view> structure);
  void item(const JsonObject& rest, std::string_view prefix);
  void parts(const Json& list, Dialect dialect, std::string_view prefix);

  Dialect dialect_;
  bool reply_ = false;
  std::span<const std::string> allow_drop_;
  std::vector<std::string> dropped_;
  std::vector<std::string> approximated_;
  std::vector<std::string> refused_;
  std::string why_;
  std::string wrong_;
};

}  // namespace sighter::wire
