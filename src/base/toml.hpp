#pragma once
// TOML 1.0 with the place of every value, so that each mistake is answered with file:line:column.
//
//   auto doc = toml_parse(text, "sighter.toml");
//   TomlTable serve = doc->root().table("serve");        // an absent table reads as an empty one
//   auto listen = serve.string("listen", "127.0.0.1:7777");
//   if (Status s = doc->finish(); !s) ...                // first wrong type or unknown key
//
// Getters never fail at once: the first mistake of the document is kept and told by finish(), which
// also refuses keys that nobody asked for ("unknown key 'lsten', did you mean 'listen'?").

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text_position.hpp"

namespace sighter {

struct TomlValue;  // a node of the document

class TomlDocument;

// One table of a document, or an absent one. Cheap to copy; valid as long as the document.
class TomlTable {
 public:
  TomlTable() = default;  // absent
  bool present() const { return node_ != nullptr; }
  bool has(std::string_view key) const;           // does not count as asked for
  std::vector<std::string> keys() const;          // in file order; does not count as asked for

  TomlTable table(std::string_view key) const;
  std::vector<TomlTable> tables(std::string_view key) const;  // array of tables
  std::optional<std::string> string(std::string_view key) const;
  std::string string(std::string_view key, std::string_view otherwise) const;
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most) const;
  std::optional<double> number(std::string_view key, double least, double most) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::vector<std::string> strings(std::string_view key) const;     // a list of strings
  // Any value as JSON (dates become strings); nullopt when absent.
  std::optional<Json> json(std::string_view key) const;
  // One of `words`; a mistake suggests the nearest.
  std::optional<std::string> word(std::string_view key, const std::vector<std::string>& words) const;
  bool is_string(std::string_view key) const;
  bool is_table(std::string_view key) const;
  bool is_array(std::string_view key) const;
  bool is_array_of_tables(std::string_view key) const;  // by its first item
  bool is_empty_array(std::string_view key) const;

  // "file:line:column" of a key's value, or of this table when the key is empty or absent.
  std::string where(std::string_view key = {}) const;
  // Reports a mistake of the value of `key`, found by the caller.
  void mistake(std::string_view key, std::string what, std::string hint = {}) const;

 private:
  friend class TomlDocument;
  TomlTable(TomlDocument* document, const TomlValue* node) : document_(document), node_(node) {}
  const TomlValue* value(std::string_view key, int type) const;
  TomlDocument* document_ = nullptr;
  const TomlValue* node_ = nullptr;
};

class TomlDocument {
 public:
  TomlDocument();
  TomlDocument(TomlDocument&&) = delete;
  ~TomlDocument();

  TomlTable root();
  // The first mistake in file order; then keys that nobody asked for.
  Status finish();
  const std::string& origin() const { return origin_; }

 private:
  friend class TomlTable;
  friend Result<std::unique_ptr<TomlDocument>> toml_parse(std::string_view, std::string_view);
  const TomlValue* look(const TomlValue* table, std::string_view key, bool asked);
  void note(TextPosition at, std::string what, std::string hint);

  std::string origin_;
  std::unique_ptr<TomlValue> root_;
  std::map<const TomlValue*, std::vector<std::string>> known_;  // the keys asked for, by table
  std::vector<std::pair<TextPosition, Error>> mistakes_;
};

Result<std::unique_ptr<TomlDocument>> toml_parse(std::string_view text, std::string_view origin);

}  // namespace sighter
