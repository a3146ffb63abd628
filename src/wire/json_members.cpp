#include "wire/json_members.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/json.hpp"
#include "base/json_text.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace sighter::wire {
namespace {

constexpr std::size_t kFewNames = 24;  // up to here names are compared one by one

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a; equal hashes are compared as texts
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

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

// One pass over the text; false as soon as something is wrong (json_parse then says what).
class Scan {
 public:
  Scan(std::string_view text, std::uint32_t depth_max, std::vector<JsonMember>& members)
      : begin_(text.data()),
        at_(begin_),
        end_(begin_ + text.size()),
        kept_(depth_max),
        members_(members) {
    names_.reserve(kFewNames);
  }

  bool run(std::uint32_t& close) {
    skip_space();
    if (!take('{') || !object()) return false;
    close = offset() - 1;
    skip_space();
    return at_ == end_ && (ascii_ || !find_invalid_utf8({begin_, at_}));
  }

 private:
  std::uint32_t offset() const { return static_cast<std::uint32_t>(at_ - begin_); }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (at_ != end_ && is_json_space(*at_)) ++at_;
  }

  static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
  // Four hex digits; -1 when they are not there.
  int code_unit() {
    if (left() < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_digit(*at_++);
      if (digit < 0) return -1;
      value = value * 16 + digit;
    }
    return value;
  }
  bool escape() {
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') return std::strchr("\"\\/bfnrt", c) != nullptr && c != '\0';
    return code_unit() >= 0;  // halves of surrogate pairs may stand alone
  }
  // Behind the first quote; `escaped` is set where an escape was met.
  bool string(bool& escaped) {
    if (left() >= kJsonRun) [[likely]] {
      const char* const stop = at_ + json_plain_bytes(at_);
      if (stop != at_ + kJsonRun && *stop == '"') {
        at_ = stop + 1;
        return true;
      }
    }
    return long_string(escaped);
  }
  [[gnu::noinline]] bool long_string(bool& escaped) {
    for (;;) {
      if (left() >= kJsonRun) {
        const std::size_t plain = json_plain_bytes(at_);
        at_ += plain;
        if (plain == kJsonRun) continue;
      } else if (at_ == end_) {
        return false;
      }
      const char c = *at_++;
      if (c == '"') return true;
      if (c == '\\') {
        escaped = true;
        if (!escape()) return false;
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        ascii_ = false;
        while (at_ != end_ && static_cast<unsigned char>(*at_) >= 0x80) ++at_;
      } else if (static_cast<unsigned char>(c) < ' ') {
        return false;
      }
    }
  }
  bool digits() {
    const char* const before = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ > before;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    return true;
  }
  bool word(std::string_view expected) {
    if (left() < expected.size() || std::memcmp(at_, expected.data(), expected.size()) != 0)
      return false;
    at_ += expected.size();
    return true;
  }

  // No white space before it.
  bool value() {
    if (at_ == end_) return false;
    bool escaped = false;
    switch (*at_) {
      case '{':
        ++at_;
        return object();
      case '[':
        ++at_;
        return array();
      case '"':
        ++at_;
        return string(escaped);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }
  bool array() {
    if (++depth_ > limits::kJsonDepthMax) return false;
    skip_space();
    if (!take(']')) {
      do {
        skip_space();
        if (!value()) return false;
        skip_space();
      } while (take(','));
      if (!take(']')) return false;
    }
    --depth_;
    return true;
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
      name->mark = name->escaped ? hash_of(decoded(*name)) : hash_of(written(*name));
    std::sort(begin, names_.end(), [](const Name& a, const Name& b) { return a.mark < b.mark; });
    for (std::size_t i = first + 1; i < names_.size(); ++i) {
      for (std::size_t j = i; j > first && names_[j - 1].mark == names_[i].mark; --j) {
        if (same(names_[j - 1], names_[i])) return true;
      }
    }
    return false;
  }
  // At the name's first quote.
  bool name(std::size_t first, Name& name) {
    name.key = offset();
    if (!take('"') || !string(name.escaped)) return false;
    name.end = offset();
    name.mark = mark_of(written(name));
    if (names_.size() - first < kFewNames) {
      bool escaped = name.escaped;
      for (std::size_t i = first; i < names_.size(); ++i) {
        escaped |= names_[i].escaped;
        if (names_[i].mark == name.mark && same(names_[i], name)) return false;
      }
      if (escaped && escaped_twice(first, name)) return false;
    }
    names_.push_back(name);
    return true;
  }
  bool escaped_twice(std::size_t first, const Name& name) const {
    return std::any_of(names_.begin() + static_cast<std::ptrdiff_t>(first), names_.end(),
                       [&](const Name& other) { return same(other, name); });
  }
  // Behind the opening brace.
  bool object() {
    if (++depth_ > limits::kJsonDepthMax) return false;
    const std::size_t first = names_.size();
    skip_space();
    if (!take('}')) {
      do {
        skip_space();
        Name key;
        if (!name(first, key)) return false;
        skip_space();
        if (!take(':')) return false;
        skip_space();
        const std::size_t kept = members_.size();
        if (depth_ <= kept_)
          members_.push_back({.key = key.key,
                              .key_end = key.end,
                              .begin = offset(),
                              .depth = depth_,
                              .escaped = key.escaped});
        if (!value()) return false;
        if (depth_ <= kept_) members_[kept].end = offset();
        skip_space();
      } while (take(','));
      if (!take('}')) return false;
    }
    if (names_.size() - first > kFewNames && any_twice(first)) return false;
    names_.resize(first);
    --depth_;
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  std::uint32_t depth_ = 0;
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
                  std::uint32_t& close) {
  return Scan(text, depth_max, members).run(close);
}

}  // namespace sighter::wire
