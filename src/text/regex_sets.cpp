#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "text/regex_ecma.hpp"

namespace sighter::text {
namespace {

// General_Category, short and long names (Unicode Standard Annex 44, table 12).
constexpr std::array<std::pair<std::string_view, std::string_view>, 42> kCategories = {{
    {"L", "Letter"},
    {"LC", "Cased_Letter"},
    {"Lu", "Uppercase_Letter"},
    {"Ll", "Lowercase_Letter"},
    {"Lt", "Titlecase_Letter"},
    {"Lm", "Modifier_Letter"},
    {"Lo", "Other_Letter"},
    {"M", "Mark"},
    {"M", "Combining_Mark"},
    {"Mn", "Nonspacing_Mark"},
    {"Mc", "Spacing_Mark"},
    {"Me", "Enclosing_Mark"},
    {"N", "Number"},
    {"Nd", "Decimal_Number"},
    {"Nd", "digit"},
    {"Nl", "Letter_Number"},
    {"No", "Other_Number"},
    {"P", "Punctuation"},
    {"P", "punct"},
    {"Pc", "Connector_Punctuation"},
    {"Pd", "Dash_Punctuation"},
    {"Ps", "Open_Punctuation"},
    {"Pe", "Close_Punctuation"},
    {"Pi", "Initial_Punctuation"},
    {"Pf", "Final_Punctuation"},
    {"Po", "Other_Punctuation"},
    {"S", "Symbol"},
    {"Sm", "Math_Symbol"},
    {"Sc", "Currency_Symbol"},
    {"Sk", "Modifier_Symbol"},
    {"So", "Other_Symbol"},
    {"Z", "Separator"},
    {"Zs", "Space_Separator"},
    {"Zl", "Line_Separator"},
    {"Zp", "Paragraph_Separator"},
    {"C", "Other"},
    {"Cc", "Control"},
    {"Cf", "Format"},
    {"Cs", "Surrogate"},
    {"Co", "Private_Use"},
    {"Cn", "Unassigned"},
    {"Cc", "cntrl"},
}};

// Binary properties that ECMA-262 lists (table "Binary Unicode property aliases"), common ones.
constexpr std::array<std::string_view, 24> kBinaries = {"Alphabetic",
                                                        "Alpha",
                                                        "Lowercase",
                                                        "Lower",
                                                        "Uppercase",
                                                        "Upper",
                                                        "White_Space",
                                                        "space",
                                                        "Emoji",
                                                        "Emoji_Presentation",
                                                        "Emoji_Modifier",
                                                        "Emoji_Modifier_Base",
                                                        "Emoji_Component",
                                                        "Extended_Pictographic",
                                                        "ID_Start",
                                                        "ID_Continue",
                                                        "XID_Start",
                                                        "XID_Continue",
                                                        "Math",
                                                        "Ideographic",
                                                        "Dash",
                                                        "Diacritic",
                                                        "Hex_Digit",
                                                        "Default_Ignorable_Code_Point"};

std::optional<std::string> short_category(std::string_view word) {
  for (const auto& [brief, full] : kCategories) {
    if (word == brief || word == full) return std::string(brief);
  }
  return std::nullopt;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

// Properties that are quicker said as ranges.
std::optional<std::vector<CodeRange>> plain_property(std::string_view word) {
  if (word == "Any") return std::vector<CodeRange>{{0, kCodePointMax}};
  if (word == "ASCII") return std::vector<CodeRange>{{0, 0x7F}};
  if (word == "ASCII_Hex_Digit" || word == "AHex") {
    return std::vector<CodeRange>{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
  }
  return std::nullopt;
}

}  // namespace

Status add_code_property(CodeSet& set, std::string_view word, bool negated) {
  const std::size_t equals = word.find('=');
  const std::string_view key = equals == word.npos ? "" : word.substr(0, equals);
  const std::string_view value = equals == word.npos ? word : word.substr(equals + 1);
  if (!is_word(value)) {
    return fail(Kind::kInvalid, "\\p must be followed by a property's name, as in \\p{Letter}");
  }
  if (const auto ranges = plain_property(value); ranges && equals == word.npos) {
    const std::vector<CodeRange> all = negated ? other_ranges(*ranges) : *ranges;
    set.ranges.insert(set.ranges.end(), all.begin(), all.end());
    return {};
  }
  CodeProperty property{CodeProperty::Sort::kCategory, std::string(value), negated};
  if (key == "Script" || key == "sc") {
    property.sort = CodeProperty::Sort::kScript;
  } else if (key == "Script_Extensions" || key == "scx") {
    property.sort = CodeProperty::Sort::kScriptExtensions;
  } else if (equals != word.npos && key != "General_Category" && key != "gc") {
    return fail(Kind::kInvalid, fmt::format("unknown property '{}'", key),
                "known: General_Category, Script, Script_Extensions");
  } else if (const auto category = short_category(value)) {
    property.name = *category;
  } else if (key.empty() && std::ranges::find(kBinaries, value) != kBinaries.end()) {
    property.sort = CodeProperty::Sort::kBinary;
  } else {
    return fail(Kind::kInvalid, fmt::format("unknown Unicode property '{}'", word),
                "for a script write \\p{Script=Greek}");
  }
  set.properties.push_back(std::move(property));
  return {};
}

std::vector<CodeRange> normal_ranges(std::vector<CodeRange> ranges) {
  std::ranges::sort(ranges, {}, &CodeRange::low);
  std::vector<CodeRange> out;
  for (const CodeRange& range : ranges) {
    if (!out.empty() && range.low <= out.back().high + 1) {
      out.back().high = std::max(out.back().high, range.high);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

std::vector<CodeRange> other_ranges(const std::vector<CodeRange>& normal) {
  std::vector<CodeRange> out;
  char32_t next = 0;
  for (const CodeRange& range : normal) {
    if (range.low > next) out.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kCodePointMax) out.push_back({next, kCodePointMax});
  return out;
}

}  // namespace sighter::text
