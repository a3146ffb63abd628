#pragma once
// Filters, tests, global functions and Python's methods: one shape for all of them, and how a
// call's arguments are matched to their parameters. Internal to the template engine.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template_value.hpp"

namespace sighter::text::jinja {

class Renderer;

// Parameters, written as "s, old, new, count=": those with "=" may be left out; a last "*" takes
// further positional arguments, "**" further named ones.
struct Signature {
  static constexpr std::size_t kMax = 8;
  std::array<std::string_view, kMax> names{};
  std::size_t size = 0;
  std::size_t required = 0;
  bool rest = false;
  bool named_rest = false;

  consteval Signature(const char* text) {
    std::string_view left(text);
    while (!left.empty()) {
      std::string_view word = left.substr(0, left.find(','));
      left.remove_prefix(word.size() == left.size() ? word.size() : word.size() + 1);
      while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
      if (word == "**") {
        named_rest = true;
      } else if (word == "*") {
        rest = true;
      } else if (!word.empty()) {
        const bool optional = word.back() == '=';
        if (optional) word.remove_suffix(1);
        if (!optional) required = size + 1;
        names[size++] = word;
      }
    }
  }
};

// Arguments as they were given, then matched. For filters, tests and methods the first slot is the
// value in front of the bar, the `is` or the dot.
struct Call {
  std::vector<Value> positional;               // after matching: those of "*"
  std::vector<std::pair<Value, Value>> named;  // name (a string), value; after matching: of "**"
  std::array<Value, Signature::kMax> slots;
  std::uint32_t given = 0;  // bit i: slot i was given

  bool has(std::size_t i) const { return (given >> i & 1) != 0; }
  const Value& operator[](std::size_t i) const { return slots[i]; }
  // The value in front.
  const Value& self() const { return slots[0]; }
};

struct Builtin {
  std::string_view name;
  Signature signature;
  Value (*run)(Renderer& renderer, Call& call);
  bool takes_undefined = false;  // else an undefined value in front is an error in strict mode
};

}  // namespace sighter::text::jinja
