#include "base/toml.hpp"

#define TOML_EXCEPTIONS 0
// toml++ 3.3 asserts, in builds with assertions, that a key begins with a key's character, where its
// next lines report that as the reader's mistake: input must never end the program.
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>

#include "base/check.hpp"
#include "base/similar.hpp"
#include "base/utf8.hpp"

namespace sighter {

// Our own copy of the parsed tree: the getters need no toml++ type, and each node remembers whether
// somebody asked for it.
struct TomlValue {
  enum class Type { kString, kInteger, kFloat, kBoolean, kDate, kArray, kTable };
  Type type = Type::kTable;
  TextPosition at;
  std::string key;  // the member's name within its table
  TextPosition key_at;
  std::string text;  // of a string or a date
  std::int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::vector<std::unique_ptr<TomlValue>> items;  // of an array or a table
  mutable bool asked = false;
};

namespace {

TextPosition position(const toml::source_position& at) {
  return {at.line, at.column};
}

std::string_view type_words(TomlValue::Type type) {
  switch (type) {
    case TomlValue::Type::kString:
      return "a string";
    case TomlValue::Type::kInteger:
      return "an integer";
    case TomlValue::Type::kFloat:
      return "a number";
    case TomlValue::Type::kBoolean:
      return "true or false";
    case TomlValue::Type::kDate:
      return "a date";
    case TomlValue::Type::kArray:
      return "a list";
    case TomlValue::Type::kTable:
      return "a table";
  }
  return "a value";
}

std::unique_ptr<TomlValue> copy(const toml::node& node) {
  using Type = TomlValue::Type;
  auto value = std::make_unique<TomlValue>();
  value->at = position(node.source().begin);
  if (const auto* table = node.as_table()) {
    for (const auto& [key, member] : *table) {
      auto item = copy(member);
      item->key = std::string(key.str());
      item->key_at = position(key.source().begin);
      value->items.push_back(std::move(item));
    }
    // toml++ sorts members by name; people count on the order that they wrote.
    std::stable_sort(value->items.begin(), value->items.end(), [](const auto& a, const auto& b) {
      return std::pair(a->key_at.line, a->key_at.column) <
             std::pair(b->key_at.line, b->key_at.column);
    });
    return value;
  }
  if (const auto* array = node.as_array()) {
    value->type = Type::kArray;
    for (const toml::node& item : *array) value->items.push_back(copy(item));
  } else if (const auto* text = node.as_string()) {
    value->type = Type::kString;
    value->text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value->type = Type::kInteger;
    value->integer = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    value->type = Type::kFloat;
    value->number = number->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value->type = Type::kBoolean;
    value->boolean = boolean->get();
  } else {
    value->type = Type::kDate;
    std::ostringstream words;
    node.visit([&](const auto& any) {
      if constexpr (requires { words << any.get(); }) words << any.get();
    });
    value->text = words.str();
  }
  return value;
}

Json to_json(const TomlValue& value) {
  using Type = TomlValue::Type;
  value.asked = true;
  switch (value.type) {
    case Type::kString:
    case Type::kDate:
      return Json(value.text);
    case Type::kInteger:
      return Json(value.integer);
    case Type::kFloat:
      return std::isfinite(value.number) ? Json(value.number) : Json();
    case Type::kBoolean:
      return Json(value.boolean);
    case Type::kArray: {
      JsonArray array;
      for (const auto& item : value.items) array.push_back(to_json(*item));
      return Json(std::move(array));
    }
    case Type::kTable: {
      JsonObject object;
      for (const auto& item : value.items) object.append(item->key, to_json(*item));
      return Json(std::move(object));
    }
  }
  return Json();
}

const TomlValue* member(const TomlValue* table, std::string_view key) {
  if (table == nullptr) return nullptr;
  for (const auto& item : table->items) {
    if (item->key == key) return item.get();
  }
  return nullptr;
}

// The names that were asked for and absent are remembered by the table, for suggestions.
void find_unasked(const TomlValue& table, const std::vector<std::string>& known,
                  std::vector<std::pair<TextPosition, Error>>& mistakes,
                  const std::string& origin) {
  for (const auto& item : table.items) {
    if (!item->asked) {
      mistakes.emplace_back(item->key_at, Error{Kind::kInvalid,
                                                fmt::format("{}: unknown key '{}'",
                                                            at(origin, item->key_at), item->key),
                                                did_you_mean(item->key, known)});
    }
  }
}

}  // namespace

TomlDocument::TomlDocument() = default;
TomlDocument::~TomlDocument() = default;

Result<std::unique_ptr<TomlDocument>> toml_parse(std::string_view text, std::string_view origin) {
  if (const auto bad = find_invalid_utf8(text)) {
    return fail(Kind::kInvalid,
                fmt::format("{}: bytes that are not UTF-8", at(origin, position_at(text, *bad))),
                "save the file as UTF-8");
  }
  const toml::parse_result parsed = toml::parse(text, std::string(origin));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(Kind::kInvalid, fmt::format("{}: {}", at(origin, position(error.source().begin)),
                                            error.description()));
  }
  auto document = std::make_unique<TomlDocument>();
  document->origin_ = origin;
  document->root_ = copy(parsed.table());
  document->root_->at = {1, 1};
  document->root_->asked = true;
  return document;
}

TomlTable TomlDocument::root() {
  return TomlTable(this, root_.get());
}

const TomlValue* TomlDocument::look(const TomlValue* table, std::string_view key, bool asked) {
  const TomlValue* found = member(table, key);
  if (asked && table != nullptr) {
    known_[table].emplace_back(key);
    if (found != nullptr) found->asked = true;
  }
  return found;
}

void TomlDocument::note(TextPosition place, std::string what, std::string hint) {
  mistakes_.emplace_back(
      place, Error{Kind::kInvalid, at(origin_, place) + ": " + std::move(what), std::move(hint)});
}

Status TomlDocument::finish() {
  std::vector<std::pair<TextPosition, Error>> mistakes = mistakes_;
  for (const auto& [table, known] : known_) find_unasked(*table, known, mistakes, origin_);
  // Tables that nobody opened are reported by their parents; the root is always open.
  if (known_.find(root_.get()) == known_.end()) find_unasked(*root_, {}, mistakes, origin_);
  if (mistakes.empty()) return {};
  const auto first =
      std::min_element(mistakes.begin(), mistakes.end(), [](const auto& a, const auto& b) {
        return std::pair(a.first.line, a.first.column) < std::pair(b.first.line, b.first.column);
      });
  return std::unexpected(first->second);
}

bool TomlTable::has(std::string_view key) const {
  return member(node_, key) != nullptr;
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> keys;
  if (node_ == nullptr) return keys;
  for (const auto& item : node_->items) keys.push_back(item->key);
  return keys;
}

// The value of a key when it has the wanted type; notes the mistake when it has another.
const TomlValue* TomlTable::value(std::string_view key, int type) const {
  if (document_ == nullptr) return nullptr;
  const TomlValue* found = document_->look(node_, key, true);
  if (found == nullptr) return nullptr;
  const auto wanted = static_cast<TomlValue::Type>(type);
  const bool widened =
      wanted == TomlValue::Type::kFloat && found->type == TomlValue::Type::kInteger;
  if (found->type == wanted || widened) return found;
  document_->note(
      found->at,
      fmt::format("'{}' must be {}, not {}", key, type_words(wanted), type_words(found->type)), "");
  return nullptr;
}

TomlTable TomlTable::table(std::string_view key) const {
  const TomlValue* found = value(key, static_cast<int>(TomlValue::Type::kTable));
  if (found != nullptr) document_->known_[found];
  return TomlTable(document_, found);
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) const {
  std::vector<TomlTable> tables;
  const TomlValue* found = value(key, static_cast<int>(TomlValue::Type::kArray));
  if (found == nullptr) return tables;
  for (const auto& item : found->items) {
    if (item->type == TomlValue::Type::kTable) {
      document_->known_[item.get()];
      tables.push_back(TomlTable(document_, item.get()));
    } else {
      document_->note(
          item->at,
          fmt::format("each item of '{}' must be a table, not {}", key, type_words(item->type)),
          "");
    }
  }
  return tables;
}

std::optional<std::string> TomlTable::string(std::string_view key) const {
  const TomlValue* found = value(key, static_cast<int>(TomlValue::Type::kString));
  if (found == nullptr) return std::nullopt;
  return found->text;
}

std::string TomlTable::string(std::string_view key, std::string_view otherwise) const {
  return string(key).value_or(std::string(otherwise));
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key, std::int64_t least,
                                               std::int64_t most) const {
  const TomlValue* found = value(key, static_cast<int>(TomlValue::Type::kInteger));
  if (found == nullptr) return std::nullopt;
  if (found->integer >= least && found->integer <= most) return found->integer;
  document_->note(
      found->at,
      fmt::format("'{}' must be from {} to {}, not {}", key, least, most, found->integer), "");
  return std::nullopt;
}

std::optional<double> TomlTable::number(std::string_view key, double least, double most) const {
  const TomlValue* found = value(key, static_cast<int>(TomlValue::Type::kFloat));
  if (found == nullptr) return std::nullopt;
  const double number = found->type == TomlValue::Type::kInteger
                            ? static_cast<double>(found->integer)
                            : found->number;
  if (number >= least && number <= most) return number;
  document_->note(found->at,
                  fmt::format("'{}' must be from {} to {}, not {}", key, least, most, number), "");
  return std::nullopt;
}

std::optional<bool> TomlTable::boolean(std::string_view key) const {
  const TomlValue* found = value(key, static_cast<int>(TomlValue::Type::kBoolean));
  if (found == nullptr) return std::nullopt;
  return found->boolean;
}

std::vector<std::string> TomlTable::strings(std::string_view key) const {
  std::vector<std::string> strings;
  const TomlValue* found = value(key, static_cast<int>(TomlValue::Type::kArray));
  if (found == nullptr) return strings;
  for (const auto& item : found->items) {
    if (item->type == TomlValue::Type::kString)
      strings.push_back(item->text);
    else
      document_->note(
          item->at,
          fmt::format("each item of '{}' must be a string, not {}", key, type_words(item->type)),
          "");
  }
  return strings;
}

std::optional<Json> TomlTable::json(std::string_view key) const {
  if (document_ == nullptr) return std::nullopt;
  const TomlValue* found = document_->look(node_, key, true);
  if (found == nullptr) return std::nullopt;
  return to_json(*found);
}

std::optional<std::string> TomlTable::word(std::string_view key,
                                           const std::vector<std::string>& words) const {
  const std::optional<std::string> text = string(key);
  if (!text || std::find(words.begin(), words.end(), *text) != words.end()) return text;
  mistake(key, fmt::format("'{}' cannot be '{}'", key, *text), did_you_mean(*text, words));
  return std::nullopt;
}

bool TomlTable::is_string(std::string_view key) const {
  const TomlValue* found = member(node_, key);
  return found != nullptr && found->type == TomlValue::Type::kString;
}

bool TomlTable::is_table(std::string_view key) const {
  const TomlValue* found = member(node_, key);
  return found != nullptr && found->type == TomlValue::Type::kTable;
}

bool TomlTable::is_array(std::string_view key) const {
  const TomlValue* found = member(node_, key);
  return found != nullptr && found->type == TomlValue::Type::kArray;
}

std::string TomlTable::where(std::string_view key) const {
  if (document_ == nullptr) return "";
  const TomlValue* found = member(node_, key);
  if (found != nullptr) return at(document_->origin_, found->at);
  return node_ != nullptr ? at(document_->origin_, node_->at) : document_->origin_;
}

void TomlTable::mistake(std::string_view key, std::string what, std::string hint) const {
  if (document_ == nullptr) return;
  const TomlValue* found = member(node_, key);
  if (found == nullptr) found = node_;
  document_->note(found != nullptr ? found->at : TextPosition{}, std::move(what), std::move(hint));
}

}  // namespace sighter
