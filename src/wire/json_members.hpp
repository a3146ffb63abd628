#pragma once
// Where the members of a JSON object stand in its text, those of the objects inside it included:
// one strict pass without a tree. Plain data, any thread.
//
// Strict means: exactly what json_parse() accepts (RFC 8259, no name twice in any object, nesting
// up to limits::kJsonDepthMax, well-formed UTF-8), and an object at the top.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sighter::wire {

struct JsonMember {
  std::uint32_t key = 0;      // offset of the name's first quote
  std::uint32_t key_end = 0;  // behind its last one
  std::uint32_t begin = 0;    // the value is [begin, end)
  std::uint32_t end = 0;
  std::uint32_t depth = 0;  // objects and arrays around it: 1 for a member of the outermost object
  bool escaped = false;     // the name is written with escapes

  // The name as it is written, without the quotes. `text` is what was scanned.
  std::string_view written(std::string_view text) const {
    return {text.data() + key + 1, key_end - key - 2};
  }
  std::string name(std::string_view text) const;  // decoded
  std::string_view value(std::string_view text) const { return {text.data() + begin, end - begin}; }
};

struct JsonSeen {
  std::uint32_t close = 0;   // offset of the last brace
  std::uint32_t values = 0;  // objects, arrays, texts, numbers and words inside of it, at any depth
};

// Appends the members at depths up to `depth_max` in the order of their names. False when the text,
// of less than 4 GB, is not such an object; what was appended then means nothing, and the values
// are those before the mistake.
bool scan_members(std::string_view text, std::uint32_t depth_max, std::vector<JsonMember>& members,
                  JsonSeen& seen);

}  // namespace sighter::wire
