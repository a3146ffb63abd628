#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.hpp"

#include <fmt/format.h>
#include <pcre2.h>
#include <re2/re2.h>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/regex_ecma.hpp"

namespace sighter::text {
namespace {

using NodeKind = RegexNode::Kind;

constexpr std::uint32_t kRe2RepeatMax = 1000;
constexpr std::uint32_t kPcre2RepeatMax = 65'535;
constexpr std::uint32_t kPcre2HeapKiB = 64u << 10;

// RE2's own type of a view: std::string_view is not that in every build of it.
re2::StringPiece piece_of(std::string_view text) {
  return {text.data(), text.size()};
}

// Writes the tree in the notation of RE2 or of PCRE2.
class Writer {
 public:
  explicit Writer(bool re2) : re2_(re2) {}

  // False where this engine cannot run it.
  bool write(const RegexNode& node) {
    switch (node.kind) {
      case NodeKind::kEmpty:
        return out_ += "(?:)", true;
      case NodeKind::kSet:
        return set(node.set);
      case NodeKind::kConcat:
        for (const RegexNode& child : node.children) {
          if (!write(child)) return false;
        }
        return true;
      case NodeKind::kAlternate:
        return enclosed("(?:", node);
      case NodeKind::kRepeat:
        return repeat(node);
      case NodeKind::kCapture:
        return enclosed("(", node);
      case NodeKind::kFlags:
        return enclosed(node.ignore_case ? "(?i:" : "(?-i:", node);
      case NodeKind::kLook:
        return !re2_ && enclosed(node.behind ? (node.negated ? "(?<!" : "(?<=")
                                             : (node.negated ? "(?!" : "(?="),
                                 node);
      case NodeKind::kBackReference:
        if (!re2_) out_ += fmt::format("\\g{{{}}}", node.index);
        return !re2_;
      case NodeKind::kTextBegin:
        return out_ += "\\A", true;
      case NodeKind::kTextEnd:
        return out_ += "\\z", true;
      case NodeKind::kLineBegin:
        return out_ += "(?m:^)", true;
      case NodeKind::kLineEnd:
        return out_ += "(?m:$)", true;
      case NodeKind::kWordBoundary:
        return out_ += "\\b", true;
      case NodeKind::kNotWordBoundary:
        return out_ += "\\B", true;
    }
    return false;
  }
  std::string take() { return std::move(out_); }

 private:
  bool enclosed(std::string_view open, const RegexNode& node) {
    out_ += open;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      if (i > 0) out_ += '|';
      if (!write(node.children[i])) return false;
    }
    out_ += ')';
    return true;
  }

  bool repeat(const RegexNode& node) {
    const bool endless = node.most == RegexNode::kUnlimited;
    const std::uint32_t largest = endless ? node.least : node.most;
    if (largest > (re2_ ? kRe2RepeatMax : kPcre2RepeatMax)) return false;
    if (!write(node.children[0])) return false;
    if (endless && node.least <= 1) {
      out_ += node.least == 0 ? '*' : '+';
    } else if (endless) {
      out_ += fmt::format("{{{},}}", node.least);
    } else {
      out_ += fmt::format("{{{},{}}}", node.least, node.most);
    }
    if (!node.greedy) out_ += '?';
    return true;
  }

  void code_point(char32_t c) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (plain)
      out_ += static_cast<char>(c);
    else
      out_ += fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(c));
  }

  bool property(const CodeProperty& property) {
    std::string name = property.name;
    if (re2_) {
      const bool known =
          property.sort == CodeProperty::Sort::kScript ||
          (property.sort == CodeProperty::Sort::kCategory && name != "LC" && name != "Cn");
      if (!known) return false;
    } else if (property.sort == CodeProperty::Sort::kScript) {
      name = "sc:" + name;
    } else if (property.sort == CodeProperty::Sort::kScriptExtensions) {
      name = "scx:" + name;
    } else if (name == "LC") {
      name = "L&";
    }
    out_ += fmt::format("\\{}{{{}}}", property.negated ? 'P' : 'p', name);
    return true;
  }

  bool set(const CodeSet& set) {
    const bool one = set.ranges.size() == 1 && set.ranges[0].low == set.ranges[0].high;
    if (one && set.properties.empty() && !set.negated) return code_point(set.ranges[0].low), true;
    if (set.ranges.empty() && set.properties.empty()) {
      out_ += set.negated ? "[\\x{0}-\\x{10FFFF}]" : "[^\\x{0}-\\x{10FFFF}]";
      return true;
    }
    out_ += set.negated ? "[^" : "[";
    for (const CodeRange& range : set.ranges) {
      code_point(range.low);
      if (range.high == range.low) continue;
      out_ += '-';
      code_point(range.high);
    }
    for (const CodeProperty& p : set.properties) {
      if (!property(p)) return false;
    }
    out_ += ']';
    return true;
  }

  bool re2_;
  std::string out_;
};

struct FreePcre2 {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, FreePcre2>;

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[160] = {};
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

Result<Owned<pcre2_code>> compile_pcre2(const RegexTree& tree, std::string_view pattern) {
  const auto refuse = [&](std::string_view why) {
    return fail(Kind::kUnsupported, fmt::format("regular expression '{}': {}", pattern, why),
                "write it with fewer repetitions, or with a lookbehind of fixed length");
  };
  Writer writer(false);
  if (!writer.write(tree.root))
    return refuse(fmt::format("more than {} repetitions", kPcre2RepeatMax));
  const std::string text = writer.take();
  std::uint32_t options =
      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_UNSET_BACKREF | PCRE2_MATCH_INVALID_UTF;
  if (tree.ignore_case) options |= PCRE2_CASELESS;
  int code = 0;
  PCRE2_SIZE offset = 0;
  Owned<pcre2_compile_context> context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  Owned<pcre2_code> compiled(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                           options, &code, &offset, context.get()));
  if (!compiled) return refuse(pcre2_message(code));
  return compiled;
}

}  // namespace

struct Regex::Impl {
  std::string pattern;
  std::vector<std::pair<std::string, std::size_t>> names;
  std::size_t groups = 0;
  std::unique_ptr<re2::RE2> re2;
  Owned<pcre2_code> pcre2;
  Owned<pcre2_match_context> limits;

  // Fills `match`; returns the number of PCRE2 (at least 1), 0 for no match, or an error.
  Result<bool> run_pcre2(std::string_view text, std::size_t from, pcre2_match_data* data) const {
    const int code = pcre2_match(pcre2.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                 text.size(), from, 0, data, limits.get());
    if (code == PCRE2_ERROR_NOMATCH) return false;
    if (code >= 0) return true;
    if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_DEPTHLIMIT ||
        code == PCRE2_ERROR_HEAPLIMIT) {
      return fail(
          Kind::kTooLarge,
          fmt::format("the regular expression '{}' took more than {} steps on a text of {} bytes",
                      pattern, limits::kRegexMatchSteps, text.size()),
          "write it without lookaround, backreferences and nested repetitions; then time is linear "
          "in the text");
    }
    return fail(Kind::kInternal,
                fmt::format("PCRE2 failed on '{}': {}", pattern, pcre2_message(code)));
  }
};

Regex::Regex(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Regex> Regex::compile(std::string_view pattern, RegexOptions options) {
  Result<RegexTree> tree = parse_ecma_regex(pattern, options);
  if (!tree) return std::unexpected(tree.error());
  auto impl = std::make_shared<Impl>();
  impl->pattern = pattern;
  impl->names = tree->names;
  impl->groups = tree->groups;
  Writer writer(true);
  if (writer.write(tree->root)) {
    re2::RE2::Options settings;
    settings.set_log_errors(false);
    settings.set_case_sensitive(!tree->ignore_case);
    auto compiled = std::make_unique<re2::RE2>(writer.take(), settings);
    if (compiled->ok()) impl->re2 = std::move(compiled);
  }
  if (!impl->re2) {
    Result<Owned<pcre2_code>> compiled = compile_pcre2(*tree, pattern);
    if (!compiled) return std::unexpected(compiled.error());
    impl->pcre2 = std::move(*compiled);
    impl->limits.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(impl->limits.get(), limits::kRegexMatchSteps);
    pcre2_set_depth_limit(impl->limits.get(), limits::kRegexMatchSteps);
    pcre2_set_heap_limit(impl->limits.get(), kPcre2HeapKiB);
  }
  return Regex(std::move(impl));
}

Status Regex::check(std::string_view pattern) {
  if (Result<RegexTree> tree = parse_ecma_regex(pattern, {}); !tree)
    return std::unexpected(tree.error());
  return {};
}

Result<bool> Regex::search(std::string_view text) const {
  if (impl_->re2) {
    return impl_->re2->Match(piece_of(text), 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
  }
  Owned<pcre2_match_data> data(pcre2_match_data_create(1, nullptr));
  return impl_->run_pcre2(text, 0, data.get());
}

Result<std::optional<RegexMatch>> Regex::find(std::string_view text, std::size_t from) const {
  if (from > text.size()) return std::nullopt;
  const std::size_t count = impl_->groups + 1;
  RegexMatch match;
  match.groups.resize(count);
  if (impl_->re2) {
    std::vector<re2::StringPiece> pieces(count);
    if (!impl_->re2->Match(piece_of(text), from, text.size(), re2::RE2::UNANCHORED, pieces.data(),
                           static_cast<int>(count))) {
      return std::nullopt;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (pieces[i].data() != nullptr)
        match.groups[i] = std::string_view(pieces[i].data(), pieces[i].size());
    }
  } else {
    Owned<pcre2_match_data> data(pcre2_match_data_create_from_pattern(impl_->pcre2.get(), nullptr));
    const Result<bool> found = impl_->run_pcre2(text, from, data.get());
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::nullopt;
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data.get());
    for (std::size_t i = 0; i < count; ++i) {
      const PCRE2_SIZE begin = offsets[2 * i];
      if (begin != PCRE2_UNSET) match.groups[i] = text.substr(begin, offsets[2 * i + 1] - begin);
    }
  }
  match.begin = static_cast<std::size_t>(match.groups[0]->data() - text.data());
  match.end = match.begin + match.groups[0]->size();
  return match;
}

const std::string& Regex::pattern() const {
  return impl_->pattern;
}
const std::vector<std::pair<std::string, std::size_t>>& Regex::group_names() const {
  return impl_->names;
}
std::size_t Regex::group_count() const {
  return impl_->groups;
}
bool Regex::linear() const {
  return impl_->re2 != nullptr;
}

}  // namespace sighter::text
