#include "text/verbs.hpp"

#include <fmt/format.h>

#include "base/similar.hpp"

namespace sighter::text {
namespace {

// The names that are right, for suggestions.
std::vector<std::string> names_of(const Verbs& verbs) {
  std::vector<std::string> names;
  for (const Verb* verb : verbs) {
    if (!verb->hidden) names.emplace_back(verb->name);
  }
  return names;
}

const LaterVerb* find_later(std::string_view name) {
  for (const LaterVerb& later : later_verbs()) {
    if (later.name == name || (!later.alias.empty() && later.alias == name)) return &later;
  }
  return nullptr;
}

// A verb of the table that is not linked is a later one, too.
bool is_known_elsewhere(std::string_view name) {
  for (const Verb& verb : all_verbs()) {
    if (!verb.hidden && (verb.name == name || (!verb.alias.empty() && verb.alias == name)))
      return true;
  }
  return find_later(name) != nullptr;
}

const Option* option_in(std::span<const Option> options, std::string_view name) {
  for (const Option& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

bool has_option(const Verb& verb, std::string_view name) {
  if (option_in(verb.options, name)) return true;
  for (const Verb& child : verb.children) {
    if (option_in(child.options, name)) return true;
  }
  return false;
}

// "ready and log" for the verbs that have an option which this one has not.
std::string owners(const Verbs& verbs, std::string_view name) {
  std::string text;
  for (const Verb* verb : verbs) {
    if (verb->hidden || !has_option(*verb, name)) continue;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", verb->name);
  }
  return text;
}

}  // namespace

const Verb* find_verb(const Verbs& verbs, std::string_view name) {
  for (const Verb* verb : verbs) {
    if (verb->name == name || (!verb->alias.empty() && verb->alias == name)) return verb;
  }
  return nullptr;
}

const Verb* find_child(const Verb& verb, std::string_view name) {
  for (const Verb& child : verb.children) {
    if (child.name == name) return &child;
  }
  return nullptr;
}

const Option* find_option(const Verb* verb, std::string_view name) {
  const Option* own = verb ? option_in(verb->options, name) : nullptr;
  return own ? own : option_in(global_options(), name);
}

const Option* find_option(const Verb* verb, char letter) {
  if (verb) {
    for (const Option& option : verb->options) {
      if (option.letter == letter) return &option;
    }
  }
  for (const Option& option : global_options()) {
    if (option.letter == letter) return &option;
  }
  return nullptr;
}

Unknown unknown_verb(const Verbs& verbs, std::string_view word, std::string_view version) {
  const std::vector<std::string> names = names_of(verbs);
  std::string known;
  for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
  if (is_known_elsewhere(word)) {
    return {fmt::format("this version of sighter ({}) has no '{}' yet", version, word),
            fmt::format("it has {}", known)};
  }
  if (const std::string near = closest(word, names); !near.empty()) {
    return {fmt::format("unknown verb '{}'", word),
            fmt::format("did you mean 'sighter {}'?", near)};
  }
  return {fmt::format("unknown verb '{}'", word),
          fmt::format("there are {}; 'sighter help' tells what they do", known)};
}

Unknown unknown_child(const Verb& verb, std::string_view word) {
  std::vector<std::string> names;
  for (const Verb& child : verb.children) names.emplace_back(child.name);
  std::string what = fmt::format("'sighter {}' knows no '{}'", verb.name, word);
  if (word.empty()) what = fmt::format("'sighter {}' needs to be told what to do", verb.name);
  return {std::move(what), did_you_mean(word, names)};
}

Unknown unknown_option(const Verbs& verbs, const Verb* verb, std::string_view option) {
  const std::size_t dashes = std::min(option.find_first_not_of('-'), option.size());
  const std::string_view name = option.substr(dashes);
  std::vector<std::string> names;
  const auto add = [&](std::span<const Option> options) {
    for (const Option& known : options) names.emplace_back(known.name);
  };
  if (verb) add(verb->options);
  add(global_options());
  std::string what = verb ? fmt::format("'sighter {}' has no option '{}'", verb->name, option)
                          : fmt::format("there is no option '{}'", option);
  if (const std::string near = closest(name, names); !near.empty()) {
    return {std::move(what), fmt::format("did you mean '--{}'?", near)};
  }
  if (const std::string others = owners(verbs, name); !others.empty()) {
    return {std::move(what), fmt::format("--{} is an option of {}", name, others)};
  }
  if (!verb) return {std::move(what), "'sighter --help' lists what there is"};
  return {std::move(what), fmt::format("'sighter {} --help' lists its options; text that starts "
                                       "with a dash goes behind --",
                                       verb->name)};
}

bool is_reserved_name(std::string_view name) {
  for (const Verb& verb : all_verbs()) {
    if (find_child(verb, name)) return true;
  }
  return false;
}

}  // namespace sighter::text
