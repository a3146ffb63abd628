#pragma once
// The words of a command line, checked against the table of text/verbs.hpp and typed by it.
//
//   Result<Arguments> arguments = parse_arguments({argv + 1, argv + argc}, linked_verbs());
//   arguments->text("model"); arguments->flag("json"); arguments->positional("FUNCTION");
//
// Accepted: --name value, --name=value, -m value, -mvalue, -qv, options before and after the verb,
// and
// `--`, behind which nothing is an option. A name is never abbreviated. An option that is not
// repeatable and is given twice is a mistake, as nothing given is dropped in silence.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/money.hpp"
#include "text/verbs.hpp"

namespace sighter::cli {

enum class ColorChoice { kAuto, kAlways, kNever };

// Asking for an option or a positional that the verb's row of the table does not have, or for
// another type, is a fault of the program and ends it (CHECK). Const: any thread.
class Arguments {
 public:
  // nullptr when no verb was given (then help or version was asked for, or nothing at all).
  const text::Verb* verb() const { return verb_; }
  const text::Verb* child() const { return child_; }  // "prune" of "store prune", or nullptr

  bool flag(std::string_view option) const;
  // True when it was given, with or without a value.
  bool given(std::string_view option) const;
  // The value; nullopt when it was not given (and for an optional value that was left out).
  std::optional<std::string> text(std::string_view option) const;
  std::string text(std::string_view option, std::string_view otherwise) const;
  std::optional<std::int64_t> integer(std::string_view option) const;
  std::optional<double> number(std::string_view option) const;
  std::optional<NanoUsd> money(std::string_view option) const;
  // Values of a repeatable option in the order given; those of kList split at commas.
  std::vector<std::string> texts(std::string_view option) const;
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view option) const;

  // The first value of a positional; nullopt when it was left out.
  std::optional<std::string> positional(std::string_view name) const;
  std::vector<std::string> positionals(std::string_view name) const;

  // Of the global options.
  ColorChoice color() const;
  bool help() const { return flag("help"); }

 private:
  friend class ArgumentParser;
  const text::Option& option(std::string_view name) const;
  const std::string* last(std::string_view option) const;

  const text::Verb* verb_ = nullptr;
  const text::Verb* child_ = nullptr;
  std::vector<std::pair<const text::Option*, std::string>> options_;  // in the order given
  std::vector<const text::Option*> bare_;  // optional values that were left out
  std::vector<std::pair<const text::Positional*, std::string>> positionals_;
};

// A mistake is kInvalid, in words that name the nearest right ones. `words` are argv without the
// program's name. With --help or --version among the options nothing else has to be complete.
Result<Arguments> parse_arguments(std::span<const char* const> words, const text::Verbs& verbs);

}  // namespace sighter::cli
