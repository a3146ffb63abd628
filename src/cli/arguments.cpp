#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.hpp"
#include "base/similar.hpp"

namespace sighter::cli {

using text::Option;
using text::Positional;
using text::ValueType;
using text::Verb;

namespace {

std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

// "20", also "20_000" as people write large counts; nothing else.
std::optional<std::int64_t> read_integer(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && i + 1 < text.size();
    if (text[i] != '_' || !between) digits += text[i];
  }
  std::int64_t value = 0;
  const char* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value);
  if (error != std::errc() || end != last) return {};
  return value;
}

std::optional<NanoUsd> read_money(std::string_view text) {
  if (text.starts_with('$')) text.remove_prefix(1);
  const std::optional<double> usd = read_number(text);
  if (!usd || std::signbit(*usd)) return {};
  return NanoUsd::from_usd(*usd);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    if (!item.empty()) items.emplace_back(item);
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

Status check_range(std::string_view who, double value, double least, double most) {
  if (value >= least && value <= most) return {};
  return fail(Kind::kInvalid, fmt::format("{} is out of range", who),
              fmt::format("it goes from {} to {}", least, most));
}

Status check_word(std::string_view who, std::span<const std::string_view> words,
                  const std::string& value) {
  if (std::ranges::find(words, value) != words.end()) return {};
  const std::vector<std::string> known(words.begin(), words.end());
  return fail(Kind::kInvalid, fmt::format("{} cannot be '{}'", who, value),
              did_you_mean(value, known));
}

// Is the value what the option's row asks for?
Status check_value(const Option& option, const std::string& value) {
  const std::string who = fmt::format("--{}", option.name);
  switch (option.type) {
    case ValueType::kWord:
      return check_word(who, option.words, value);
    case ValueType::kInteger: {
      const auto number = read_integer(value);
      if (number)
        return check_range(who + " " + value, static_cast<double>(*number), option.least,
                           option.most);
      return fail(Kind::kInvalid, fmt::format("{} needs a whole number, not '{}'", who, value));
    }
    case ValueType::kNumber: {
      const auto number = read_number(value);
      if (number) return check_range(who + " " + value, *number, option.least, option.most);
      return fail(Kind::kInvalid, fmt::format("{} needs a number, not '{}'", who, value),
                  "with a point, such as 0.5");
    }
    case ValueType::kMoney:
      if (read_money(value)) return {};
      return fail(Kind::kInvalid, fmt::format("{} needs dollars, not '{}'", who, value),
                  "such as 0.50");
    case ValueType::kPair:
      if (const std::size_t equals = value.find('='); equals != std::string::npos && equals > 0)
        return {};
      return fail(Kind::kInvalid, fmt::format("{} needs {}, not '{}'", who, option.value, value));
    case ValueType::kList:
      if (!split_list(value).empty()) return {};
      return fail(Kind::kInvalid, fmt::format("{} needs names, separated by commas", who));
    case ValueType::kFile:
    case ValueType::kFolder:
    case ValueType::kFunction:
      if (!value.empty()) return {};
      return fail(Kind::kInvalid, fmt::format("{} is empty", who));
    default:
      return {};
  }
}

const Verb* last_of(const Verb* verb, const Verb* child) {
  return child ? child : verb;
}

}  // namespace

class ArgumentParser {
 public:
  ArgumentParser(std::span<const char* const> words, const text::Verbs& verbs)
      : words_(words), verbs_(verbs) {}

  Result<Arguments> parse() {
    // The verb decides what the other words mean, wherever it stands: find it first.
    if (Status found = find_the_verb(); !found) return std::unexpected(found.error());
    for (at_ = 0; at_ < words_.size(); ++at_) {
      if (Status read = read_word(); !read) return std::unexpected(read.error());
    }
    if (arguments_.help() || arguments_.flag("version")) return std::move(arguments_);
    if (Status complete = check_complete(); !complete) return std::unexpected(complete.error());
    return std::move(arguments_);
  }

 private:
  // The first words without dashes that are no option's value. Only global options may stand before
  // the verb: another one's value could not be told from a verb.
  Status find_the_verb() {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::string_view word = words_[i];
      if (word.starts_with('-') && word.size() > 1) {
        const Verb* known = last_of(arguments_.verb_, arguments_.child_);
        if (word == "--") break;
        const Option* option = option_of(known, word);
        if (!option && !known) return unknown(word);
        if (option && takes_next(*option, word)) ++i;
        continue;
      }
      if (!arguments_.verb_) {
        arguments_.verb_ = text::find_verb(verbs_, word);
        verb_at_ = i;
        if (!arguments_.verb_) return misses(text::unknown_verb(verbs_, word, SIGHTER_VERSION));
        if (arguments_.verb_->children.empty()) break;
      } else {
        arguments_.child_ = text::find_child(*arguments_.verb_, word);
        child_at_ = i;
        if (!arguments_.child_) return misses(text::unknown_child(*arguments_.verb_, word));
        break;
      }
    }
    return {};
  }

  static Status misses(text::Unknown unknown) {
    return fail(Kind::kInvalid, std::move(unknown.what), std::move(unknown.hint));
  }

  Status unknown(std::string_view word) const {
    const Verb* verb = arguments_.verb_;
    if (const Verb* child = arguments_.child_) {
      text::Unknown said = text::unknown_option({child}, child, word);
      said.what = fmt::format("'sighter {} {}' has no option '{}'", verb->name, child->name, word);
      if (!said.hint.starts_with("did you mean")) {
        said.hint =
            fmt::format("'sighter {} {} --help' lists its options", verb->name, child->name);
      }
      return misses(std::move(said));
    }
    return misses(text::unknown_option(verbs_, verb, word));
  }

  // The option that a word with dashes names first, or nullptr.
  static const Option* option_of(const Verb* verb, std::string_view word) {
    if (word.starts_with("--")) return text::find_option(verb, word.substr(2, word.find('=') - 2));
    return text::find_option(verb, word[1]);
  }

  static bool takes_next(const Option& option, std::string_view word) {
    if (option.type == ValueType::kFlag || option.value_optional) return false;
    return word.starts_with("--") ? word.find('=') == std::string_view::npos : word.size() == 2;
  }

  Status read_word() {
    const std::string_view word = words_[at_];
    if (!only_positionals_ && word == "--") {
      only_positionals_ = true;
      return {};
    }
    if (!only_positionals_ && word.starts_with("--")) return read_long(word);
    if (!only_positionals_ && word.starts_with('-') && word.size() > 1) return read_letters(word);
    if (arguments_.verb_ && at_ == verb_at_) return {};
    if (arguments_.child_ && at_ == child_at_) return {};
    return read_positional(word);
  }

  Status read_long(std::string_view word) {
    const std::size_t equals = word.find('=');
    const Option* option = option_of(last_of(arguments_.verb_, arguments_.child_), word);
    if (!option) return unknown(word.substr(0, equals));
    if (option->type == ValueType::kFlag) {
      if (equals == std::string_view::npos) return keep(*option, "");
      return fail(Kind::kInvalid, fmt::format("--{} takes no value", option->name));
    }
    if (equals != std::string_view::npos)
      return keep(*option, std::string(word.substr(equals + 1)));
    return read_value(*option, word);
  }

  // -q, -qv, -m MODEL, -mMODEL
  Status read_letters(std::string_view word) {
    const Verb* verb = last_of(arguments_.verb_, arguments_.child_);
    for (std::size_t i = 1; i < word.size(); ++i) {
      const Option* option = text::find_option(verb, word[i]);
      if (!option) return unknown(fmt::format("-{}", word[i]));
      if (option->type == ValueType::kFlag) {
        if (Status kept = keep(*option, ""); !kept) return kept;
        continue;
      }
      if (i + 1 < word.size()) return keep(*option, std::string(word.substr(i + 1)));
      return read_value(*option, fmt::format("-{}", word[i]));
    }
    return {};
  }

  // The value is the next word, unless that is an option itself.
  Status read_value(const Option& option, std::string_view as_written) {
    const bool more = at_ + 1 < words_.size();
    const std::string_view next = more ? words_[at_ + 1] : std::string_view();
    if (option.value_optional) {
      if (more && read_integer(next) && (at_ + 1 != verb_at_)) {
        ++at_;
        return keep(option, std::string(next));
      }
      arguments_.bare_.push_back(&option);
      return {};
    }
    const Verb* verb = last_of(arguments_.verb_, arguments_.child_);
    const bool option_follows = next.size() > 1 && next.starts_with('-') && option_of(verb, next);
    if (!more || next == "--" || option_follows) {
      return fail(Kind::kInvalid,
                  fmt::format("{} needs a value: {} {}", as_written, as_written, option.value));
    }
    ++at_;
    return keep(option, std::string(next));
  }

  Status keep(const Option& option, std::string value) {
    if (Status good = check_value(option, value); !good) return good;
    const bool flag = option.type == ValueType::kFlag;
    if (!option.repeatable && !flag && arguments_.given(option.name)) {
      return fail(Kind::kInvalid, fmt::format("--{} is given twice", option.name),
                  "leave one of them out");
    }
    arguments_.options_.emplace_back(&option, std::move(value));
    return {};
  }

  Status read_positional(std::string_view word) {
    const Verb* verb = last_of(arguments_.verb_, arguments_.child_);
    const std::size_t count = verb ? verb->positionals.size() : 0;
    const bool to_last = count > 0 && verb->positionals.back().repeatable;
    if (place_ >= count && !to_last) {
      return fail(Kind::kInvalid, fmt::format("'{}' is one argument too many", word),
                  verb ? fmt::format("usage: {}; text with blanks goes into quotes", usage()) : "");
    }
    const Positional& positional = verb->positionals[std::min(place_, count - 1)];
    ++place_;
    if (positional.type == ValueType::kWord) {
      if (Status good = check_word(positional.name, positional.words, std::string(word)); !good)
        return good;
    }
    arguments_.positionals_.emplace_back(&positional, std::string(word));
    return {};
  }

  std::string usage() const { return text::usage_line(*arguments_.verb_, arguments_.child_); }

  Status check_complete() const {
    const Verb* verb = arguments_.verb_;
    if (!verb) return {};
    if (!verb->children.empty() && !arguments_.child_)
      return misses(text::unknown_child(*verb, ""));
    for (const Positional& each : last_of(verb, arguments_.child_)->positionals) {
      if (!each.required || arguments_.positional(each.name)) continue;
      return fail(Kind::kInvalid, fmt::format("{} is missing: {}", each.name, each.help),
                  fmt::format("usage: {}", usage()));
    }
    return {};
  }

  std::span<const char* const> words_;
  const text::Verbs& verbs_;
  Arguments arguments_;
  std::size_t at_ = 0;
  std::size_t place_ = 0;  // of the next positional
  std::size_t verb_at_ = static_cast<std::size_t>(-1);
  std::size_t child_at_ = static_cast<std::size_t>(-1);
  bool only_positionals_ = false;
};

Result<Arguments> parse_arguments(std::span<const char* const> words, const text::Verbs& verbs) {
  return ArgumentParser(words, verbs).parse();
}

// ---- Arguments
// -------------------------------------------------------------------------------------

const Option& Arguments::option(std::string_view name) const {
  const Option* found = text::find_option(last_of(verb_, child_), name);
  CHECK(found != nullptr);
  return *found;
}

const std::string* Arguments::last(std::string_view name) const {
  const Option& wanted = option(name);
  for (auto each = options_.rbegin(); each != options_.rend(); ++each) {
    if (each->first == &wanted) return &each->second;
  }
  return nullptr;
}

bool Arguments::flag(std::string_view name) const {
  CHECK(option(name).type == ValueType::kFlag);
  return last(name) != nullptr;
}

bool Arguments::given(std::string_view name) const {
  return last(name) != nullptr || std::ranges::find(bare_, &option(name)) != bare_.end();
}

std::optional<std::string> Arguments::text(std::string_view name) const {
  CHECK(option(name).type != ValueType::kFlag);
  const std::string* value = last(name);
  return value ? std::optional(*value) : std::nullopt;
}

std::string Arguments::text(std::string_view name, std::string_view otherwise) const {
  return text(name).value_or(std::string(otherwise));
}

std::optional<std::int64_t> Arguments::integer(std::string_view name) const {
  CHECK(option(name).type == ValueType::kInteger);
  const std::string* value = last(name);
  return value ? read_integer(*value) : std::nullopt;
}

std::optional<double> Arguments::number(std::string_view name) const {
  CHECK(option(name).type == ValueType::kNumber);
  const std::string* value = last(name);
  return value ? read_number(*value) : std::nullopt;
}

std::optional<NanoUsd> Arguments::money(std::string_view name) const {
  CHECK(option(name).type == ValueType::kMoney);
  const std::string* value = last(name);
  return value ? read_money(*value) : std::nullopt;
}

std::vector<std::string> Arguments::texts(std::string_view name) const {
  const Option& wanted = option(name);
  std::vector<std::string> values;
  for (const auto& [given, value] : options_) {
    if (given != &wanted) continue;
    if (wanted.type != ValueType::kList) {
      values.push_back(value);
      continue;
    }
    for (std::string& item : split_list(value)) values.push_back(std::move(item));
  }
  return values;
}

std::vector<std::pair<std::string, std::string>> Arguments::pairs(std::string_view name) const {
  CHECK(option(name).type == ValueType::kPair);
  std::vector<std::pair<std::string, std::string>> values;
  for (const std::string& value : texts(name)) {
    const std::size_t equals = value.find('=');
    values.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  }
  return values;
}

std::optional<std::string> Arguments::positional(std::string_view name) const {
  std::vector<std::string> values = positionals(name);
  return values.empty() ? std::nullopt : std::optional(std::move(values.front()));
}

std::vector<std::string> Arguments::positionals(std::string_view name) const {
  const Verb* verb = last_of(verb_, child_);
  CHECK(verb &&
        std::ranges::find(verb->positionals, name, &Positional::name) != verb->positionals.end());
  std::vector<std::string> values;
  for (const auto& [positional, value] : positionals_) {
    if (positional->name == name) values.push_back(value);
  }
  return values;
}

ColorChoice Arguments::color() const {
  const std::string* word = last("color");
  if (!word || *word == "auto") return ColorChoice::kAuto;
  return *word == "always" ? ColorChoice::kAlways : ColorChoice::kNever;
}

}  // namespace sighter::cli
