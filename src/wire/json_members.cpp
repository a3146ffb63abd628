#include "wire/json_members.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/json_text.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace sighter::wire {
namespace {

constexpr std::size_t kFewNames = 24;  // up to here names are compared one by one

struct Name {
  std::uint32_t key = 0;
  std::uint32_t end = 0;  // behind the last quote
  bool escaped = false;
  std::uint64_t mark = 0;  // length and first bytes as written; of any_twice(): a hash
};

std::string decoded_name(std::string_view text, std::uint32_t key, std::uint32_t end) {
  Result<Json> value = json_parse(text.substr(key, end - key));
  return value && value->is_string() ? value->as_string() : std::string();
}

// One pass over the text. Each part is given where it begins and says where it ends; null as soon
// as something is wrong (json_parse then says what). The place is handed on and not kept here, so
// that it stays in a register.
class Scan {
 public:
  Scan(std::string_view text, std::uint32_t depth_max, std::vector<JsonMember>& members)
      : begin_(text.data()), end_(begin_ + text.size()), kept_(depth_max), members_(members) {
    names_.reserve(kFewNames);
  }

  bool run(JsonSeen& seen) {
    const bool good = object_and_end(seen.close);
    seen.values = values_;
    return good;
  }

 private:
  bool object_and_end(std::uint32_t& close) {
    const char* at = after_space(begin_);
    if (!is(at, '{')) return false;
    at = object(at + 1);
    if (at == nullptr) return false;
    close = offset(at) - 1;
    at = after_space(at);
    return at == end_ && (ascii_ || !find_invalid_utf8({begin_, at}));
  }

  std::uint32_t offset(const char* at) const { return static_cast<std::uint32_t>(at - begin_); }
  std::size_t left(const char* at) const { return static_cast<std::size_t>(end_ - at); }
  bool is(const char* at, char c) const { return at != end_ && *at == c; }
  const char* after_space(const char* at) const {
    while (at != end_ && is_json_space(*at)) ++at;
    return at;
  }

  static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }
  // Behind the backslash. Halves of surrogate pairs may stand alone.
  const char* escape(const char* at) const {
    constexpr std::size_t kDigits = 4;
    if (at == end_) return nullptr;
    const char c = *at++;
    if (c != 'u') return c != '\0' && std::strchr("\"\\/bfnrt", c) != nullptr ? at : nullptr;
    if (left(at) < kDigits || !std::all_of(at, at + kDigits, is_hex)) return nullptr;
    return at + kDigits;
  }
  // Behind the first quote; `escaped` is set where an escape was met.
  const char* string(const char* at, bool& escaped) {
    if (left(at) >= kJsonRun) [[likely]] {
      const char* const stop = at + json_plain_bytes(at);
      if (stop != at + kJsonRun && *stop == '"') return stop + 1;
    }
    return long_string(at, escaped);
  }
  [[gnu::noinline]] const char* long_string(const char* at, bool& escaped) {
    for (;;) {
      if (left(at) >= kJsonRun) {
        const std::size_t plain = json_plain_bytes(at);
        at += plain;
        if (plain == kJsonRun) continue;
      } else if (at == end_) {
        return nullptr;
      }
      const char c = *at++;
      if (c == '"') return at;
      if (c == '\\') {
        escaped = true;
        at = escape(at);
        if (at == nullptr) return nullptr;
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        ascii_ = false;
        while (at != end_ && static_cast<unsigned char>(*at) >= 0x80) ++at;
      } else if (static_cast<unsigned char>(c) < ' ') {
        return nullptr;
      }
    }
  }
  // Null when there are none.
  const char* digits(const char* at) const {
    const char* const before = at;
    while (at != end_ && *at >= '0' && *at <= '9') ++at;
    return at > before ? at : nullptr;
  }
  const char* number(const char* at) const {
    if (is(at, '-')) ++at;
    at = is(at, '0') ? at + 1 : digits(at);
    if (at != nullptr && is(at, '.')) at = digits(at + 1);
    if (at != nullptr && (is(at, 'e') || is(at, 'E'))) {
      ++at;
      if (is(at, '+') || is(at, '-')) ++at;
      at = digits(at);
    }
    return at;
  }
  const char* word(const char* at, std::string_view expected) const {
    const bool there =
        left(at) >= expected.size() && std::memcmp(at, expected.data(), expected.size()) == 0;
    return there ? at + expected.size() : nullptr;
  }

  // No white space before it.
  const char* value(const char* at) {
    if (at == end_) return nullptr;
    ++values_;
    bool escaped = false;
    switch (*at) {
      case '{':
        return object(at + 1);
      case '[':
        return array(at + 1);
      case '"':
        return string(at + 1, escaped);
      case 't':
        return word(at, "true");
      case 'f':
        return word(at, "false");
      case 'n':
        return word(at, "null");
      default:
        return number(at);
    }
  }
  // Behind the opening bracket.
  const char* array(const char* at) {
    if (++depth_ > limits::kJsonDepthMax) return nullptr;
    at = after_space(at);
    if (!is(at, ']')) {
      for (;; ++at) {
        at = value(after_space(at));
        if (at == nullptr) return nullptr;
        at = after_space(at);
        if (!is(at, ',')) break;
      }
      if (!is(at, ']')) return nullptr;
    }
    --depth_;
    return at + 1;
  }

  std::string_view written(const Name& name) const {
    return {begin_ + name.key + 1, name.end - name.key - 2};
  }
  std::string decoded(const Name& name) const {
    if (!name.escaped) return std::string(written(name));
    return decoded_name({begin_, end_}, name.key, name.end);
  }
  bool same(const Name& a, const Name& b) const {
    if (!a.escaped && !b.escaped) return a.mark == b.mark && written(a) == written(b);
    return decoded(a) == decoded(b);
  }
  // Differs for most names that differ.
  std::uint64_t mark_of(std::string_view name) const {
    std::uint64_t first = 0;
    if (name.size() >= sizeof first) {
      std::memcpy(&first, name.data(), sizeof first);
    } else if (std::endian::native == std::endian::little &&
               static_cast<std::size_t>(end_ - name.data()) >= sizeof first) {
      std::memcpy(&first, name.data(), sizeof first);
      first &= (std::uint64_t{1} << 8 * name.size()) - 1;
    } else {
      for (const char c : name) first = first << 8 | static_cast<unsigned char>(c);
    }
    return first ^ static_cast<std::uint64_t>(name.size()) << 56;
  }
  // Whether two of the names from `first` on are equal; for objects with many members, at their
  // end.
  bool any_twice(std::size_t first) {
    const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(first);
    for (auto name = begin; name != names_.end(); ++name)
      name->mark = name->escaped ? hash64(decoded(*name)) : hash64(written(*name));
    std::sort(begin, names_.end(), [](const Name& a, const Name& b) { return a.mark < b.mark; });
    for (std::size_t i = first + 1; i < names_.size(); ++i) {
      for (std::size_t j = i; j > first && names_[j - 1].mark == names_[i].mark; --j) {
        if (same(names_[j - 1], names_[i])) return true;
      }
    }
    return false;
  }
  // What is known of the names of one object that is open.
  struct Met {
    std::size_t first = 0;    // of names_
    std::uint64_t marks = 0;  // one bit for each mark: a name whose bit is free is new
    bool escaped = false;     // one of them is
  };
  bool is_new(Met& met, const Name& name) const {
    const std::uint64_t bit = std::uint64_t{1} << (name.mark * 0x9e3779b97f4a7c15 >> 58);
    const bool free = (met.marks & bit) == 0;
    met.marks |= bit;
    met.escaped |= name.escaped;
    if (free && !met.escaped) [[likely]]
      return true;
    if (names_.size() - met.first >= kFewNames) return true;  // any_twice() looks
    return std::none_of(names_.begin() + static_cast<std::ptrdiff_t>(met.first), names_.end(),
                        [&](const Name& other) { return same(other, name); });
  }
  // Where a name begins; behind it.
  const char* name(const char* at, Met& met, Name& name) {
    if (!is(at, '"')) return nullptr;
    name.key = offset(at);
    at = string(at + 1, name.escaped);
    if (at == nullptr) return nullptr;
    name.end = offset(at);
    name.mark = mark_of(written(name));
    if (!is_new(met, name)) return nullptr;
    names_.push_back(name);
    return at;
  }
  // A name, a colon and a value; behind them.
  const char* member(const char* at, Met& met) {
    Name key;
    at = name(at, met, key);
    if (at == nullptr) return nullptr;
    at = after_space(at);
    if (!is(at, ':')) return nullptr;
    at = after_space(at + 1);
    if (depth_ > kept_) return value(at);
    const std::size_t kept = members_.size();
    members_.push_back({.key = key.key,
                        .key_end = key.end,
                        .begin = offset(at),
                        .depth = depth_,
                        .escaped = key.escaped});
    at = value(at);
    if (at != nullptr) members_[kept].end = offset(at);
    return at;
  }
  // Behind the opening brace.
  const char* object(const char* at) {
    if (++depth_ > limits::kJsonDepthMax) return nullptr;
    Met met{.first = names_.size()};
    at = after_space(at);
    if (!is(at, '}')) {
      for (;; ++at) {
        at = member(after_space(at), met);
        if (at == nullptr) return nullptr;
        at = after_space(at);
        if (!is(at, ',')) break;
      }
      if (!is(at, '}')) return nullptr;
    }
    if (names_.size() - met.first > kFewNames && any_twice(met.first)) return nullptr;
    names_.resize(met.first);
    --depth_;
    return at + 1;
  }

  const char* begin_;
  const char* end_;
  std::uint32_t depth_ = 0;
  std::uint32_t values_ = 0;
  std::uint32_t kept_;
  bool ascii_ = true;
  std::vector<JsonMember>& members_;
  std::vector<Name> names_;  // of the objects that are open
};

}  // namespace

std::string JsonMember::name(std::string_view text) const {
  return escaped ? decoded_name(text, key, key_end) : std::string(written(text));
}

bool scan_members(std::string_view text, std::uint32_t depth_max, std::vector<JsonMember>& members,
                  JsonSeen& seen) {
  return Scan(text, depth_max, members).run(seen);
}

}  // namespace sighter::wire
