#pragma once
// Changes of a request's body by JSON Pointer (RFC 6901): what a dialect or this program does not
// know can be sent all the same.

#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace sighter {
class TomlTable;
}
namespace sighter::models {

struct BodyEdit {
  std::string pointer;  // "/reasoning/effort"; "/stop/-" appends to a list, and makes one
  Json value;           // null removes the member
};

// kInvalid for a pointer that is no JSON Pointer, or leads through something that is no object or
// list. What is missing on the way is made: a list where its first element is named ("-" or "0"),
// else an object.
Status set_at(Json& root, const BodyEdit& edit);

// The same for a text; the text is written anew.
Status edit_body(std::string& body, const std::vector<BodyEdit>& edits);

// An object of pointers and values, as a configuration has it, or the text of one: TOML has no
// null. kInvalid names what is wrong.
Result<std::vector<BodyEdit>> read_body_edits(const Json& object);

// What is sent beside or instead of what this program would say: of a provider, and of a variant.
struct Extras {
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<BodyEdit> body;
};
// `headers` and `extra_body` of a provider's or a variant's table; mistakes are noted there.
Extras read_extras(const TomlTable& table);

}  // namespace sighter::models
