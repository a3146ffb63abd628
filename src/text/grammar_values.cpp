// Numbers and strings.

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "text/grammar_build.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kMultiplesMax = 200;  // written out one by one

}  // namespace

std::optional<std::string> GrammarBuilder::number(const GrammarNodes& all, bool whole) {
  Range range;
  for (const SchemaNode* node : all) {
    if (!node->number) continue;
    const NumberRules& rules = *node->number;
    if (rules.minimum) bound(*node, "minimum", *rules.minimum, false, false, whole, range);
    if (rules.above) bound(*node, "exclusiveMinimum", *rules.above, false, true, whole, range);
    if (rules.maximum) bound(*node, "maximum", *rules.maximum, true, false, whole, range);
    if (rules.below) bound(*node, "exclusiveMaximum", *rules.below, true, true, whole, range);
    if (rules.multiple_of && rules.multiple_of->power_of_ten() == 0) whole = true;
  }
  // A bound that was met while fractions were allowed also bounds whole numbers.
  if (whole && range.above && range.least) ++*range.least;
  if (whole && range.below && range.most) --*range.most;
  if (range.least && range.most &&
      (*range.least > *range.most ||
       (!whole && *range.least == *range.most && (range.above || range.below))))
    return std::nullopt;
  int digits = 16;
  for (const SchemaNode* node : all) {
    if (!node->number || !node->number->multiple_of) continue;
    const ExactNumber& step = *node->number->multiple_of;
    if (auto written = multiples(range, step, whole)) return written;
    const auto power = step.power_of_ten();
    if (power && *power <= 0 && *power >= -16)
      digits = whole ? digits : std::min<int>(digits, static_cast<int>(-*power));
    else
      unchecked(*node, "multipleOf");
  }
  if (whole) return integer_expression({range.least, range.most});
  if (!range.least && !range.most && digits == 16) return rules_.any_number();
  return number_expression(rules_, {range.least, range.most, range.above, range.below}, digits);
}

void GrammarBuilder::bound(const SchemaNode& node, std::string_view keyword,
                           const ExactNumber& limit, bool upper, bool open, bool whole,
                           Range& range) {
  const auto floor = limit.floor();
  constexpr long long kMost = 999'999'999'999'999'999;
  if (!floor || *floor > kMost - 1 || *floor < -kMost + 1) return unchecked(node, keyword);
  long long edge = *floor;
  if (limit.is_integer()) {
    if (whole && open) edge += upper ? -1 : 1, open = false;
  } else {
    open = false;
    if (upper != whole) ++edge;  // whole: the next one inside; else: the next one outside
    if (!whole) unchecked(node, keyword);
  }
  std::optional<long long>& side = upper ? range.most : range.least;
  bool& flag = upper ? range.below : range.above;
  if (side && (upper ? edge > *side : edge < *side)) return;
  flag = side == edge ? flag || open : open;
  side = edge;
}

std::optional<std::string> GrammarBuilder::multiples(const Range& range, const ExactNumber& step,
                                                     bool whole) {
  const auto size = step.to_int();
  if (!whole || !size || *size < 2 || !range.least || !range.most) return std::nullopt;
  if ((*range.most - *range.least) / *size > static_cast<long long>(kMultiplesMax))
    return std::nullopt;
  std::vector<std::string> out;
  long long first = *range.least / *size * *size;
  if (first < *range.least) first += *size;
  for (long long n = first; n <= *range.most; n += *size) out.push_back(fmt::format("\"{}\"", n));
  return out.empty() ? gbnf_never() : fmt::format("{}", fmt::join(out, " | "));
}

std::string GrammarBuilder::text(const GrammarNodes& all) {
  std::optional<PatternExpression> said;
  for (const SchemaNode* node : all) {
    if (!node->string || !node->string->pattern) continue;
    auto mine = said ? std::nullopt : pattern_expression(rules_, node->string->pattern->pattern());
    if (mine)
      said = std::move(mine);
    else
      unchecked(*node, "pattern");
  }
  for (const SchemaNode* node : all) {
    if (!node->string || node->string->format_name.empty()) continue;
    auto mine = said ? std::nullopt : format_expression(rules_, node->string->format_name);
    if (mine)
      said = PatternExpression{std::move(*mine), 0, std::nullopt};
    else if (node->string->format)
      unchecked(*node, "format");
  }
  std::size_t least = 0;
  std::optional<std::size_t> most;
  for (const SchemaNode* node : all) {
    if (!node->string) continue;
    const StringRules& rules = *node->string;
    const bool long_enough = !rules.least || (said && said->least >= *rules.least);
    const bool short_enough = !rules.most || (said && said->most && *said->most <= *rules.most);
    if (!long_enough && (said || *rules.least > limits::kGrammarRepeatMax))
      unchecked(*node, "minLength");
    else if (rules.least)
      least = std::max(least, *rules.least);
    if (!short_enough && (said || *rules.most > limits::kGrammarRepeatMax))
      unchecked(*node, "maxLength");
    else if (rules.most)
      most = std::min(most.value_or(*rules.most), *rules.most);
  }
  if (said) return said->expression;
  if (most && least > *most) return gbnf_never();
  if (most == 0u) return "\"\"";
  return gbnf_repeat(rules_.any_char(), least, most);
}

}  // namespace sighter::text
