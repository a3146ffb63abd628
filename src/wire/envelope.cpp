#include "wire/envelope.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.hpp"
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

// Differs for most names that differ.
std::uint64_t mark_of(std::string_view name) {
  std::uint64_t first = 0;
  if (name.size() >= sizeof first) {
    std::memcpy(&first, name.data(), sizeof first);
  } else {
    for (const char c : name) first = first << 8 | static_cast<unsigned char>(c);
  }
  return first ^ name.size() << 56;
}

// One pass over the text; false as soon as something is wrong (json_parse then says what).
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) { names_.reserve(kFewNames); }

  bool run(std::vector<Envelope::Member>& members, std::uint32_t& close) {
    skip_space();
    if (!take('{')) return false;
    if (!object(&members)) return false;
    close = static_cast<std::uint32_t>(at_ - 1);
    skip_space();
    return at_ == text_.size() && (ascii_ || !find_invalid_utf8(text_));
  }

 private:
  bool end() const { return at_ >= text_.size(); }
  bool take(char c) {
    if (end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (!end() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  int hex_digit(char c) const {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
  // Four hex digits; -1 when they are not there.
  int code_unit() {
    if (text_.size() - at_ < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_digit(text_[at_++]);
      if (digit < 0) return -1;
      value = value * 16 + digit;
    }
    return value;
  }
  bool escape() {
    if (end()) return false;
    const char c = text_[at_++];
    if (c != 'u') return std::strchr("\"\\/bfnrt", c) != nullptr && c != '\0';
    const int unit = code_unit();
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return false;
    if (unit < 0xd800 || unit > 0xdbff) return true;
    if (!take('\\') || !take('u')) return false;
    const int low = code_unit();
    return low >= 0xdc00 && low <= 0xdfff;
  }
  // Behind the first quote; `escaped` is set where an escape was met.
  bool string(bool& escaped) {
    const char* const last = text_.data() + text_.size();
    for (const char* at = text_.data() + at_;;) {
      while (static_cast<std::size_t>(last - at) >= kJsonRun) {
        const std::size_t plain = json_plain_bytes(at);
        at += plain;
        if (plain < kJsonRun) break;
      }
      while (at != last && *at >= ' ' && *at != '"' && *at != '\\') ++at;  // near the end
      if (at == last) return false;
      if (static_cast<unsigned char>(*at) >= 0x80) {
        ascii_ = false;
        while (at != last && static_cast<unsigned char>(*at) >= 0x80) ++at;
        continue;
      }
      if (*at < ' ') return false;
      at_ = static_cast<std::size_t>(at - text_.data()) + 1;
      if (*at == '"') return true;
      escaped = true;
      if (!escape()) return false;
      at = text_.data() + at_;
    }
  }
  bool digits() {
    const std::size_t before = at_;
    while (!end() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > before;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!end() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    return true;
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool value() {
    skip_space();
    if (end()) return false;
    bool escaped = false;
    switch (text_[at_]) {
      case '{':
        ++at_;
        return object(nullptr);
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
        if (!value()) return false;
        skip_space();
      } while (take(','));
      if (!take(']')) return false;
    }
    --depth_;
    return true;
  }

  // As it is written, without the quotes.
  std::string_view written(const Name& name) const {
    return {text_.data() + name.key + 1, name.end - name.key - 2};
  }
  std::string decoded(const Name& name) const {
    if (!name.escaped) return std::string(written(name));
    Result<Json> value = json_parse(text_.substr(name.key, name.end - name.key));
    return value && value->is_string() ? value->as_string() : std::string();
  }
  bool same(const Name& a, const Name& b) const {
    if (!a.escaped && !b.escaped) return a.mark == b.mark && written(a) == written(b);
    return decoded(a) == decoded(b);
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
  bool name(std::size_t first, Name& name) {
    skip_space();
    name.key = static_cast<std::uint32_t>(at_);
    if (!take('"')) return false;
    if (!string(name.escaped)) return false;
    name.end = static_cast<std::uint32_t>(at_);
    name.mark = mark_of(written(name));
    if (names_.size() - first < kFewNames) {
      for (std::size_t i = first; i < names_.size(); ++i) {
        if (same(names_[i], name)) return false;
      }
    }
    names_.push_back(name);
    return true;
  }
  // Behind the opening brace. `members`: where to keep what is found, or null.
  bool object(std::vector<Envelope::Member>* members) {
    if (++depth_ > limits::kJsonDepthMax) return false;
    const std::size_t first = names_.size();
    skip_space();
    if (!take('}')) {
      do {
        Name key;
        if (!name(first, key)) return false;
        skip_space();
        if (!take(':')) return false;
        skip_space();
        const auto begin = static_cast<std::uint32_t>(at_);
        if (!value()) return false;
        if (members != nullptr) {
          Envelope::Member& member = members->emplace_back();
          if (key.escaped) {
            member.name = decoded(key);
          } else {
            member.name = written(key);
          }
          member.key = key.key;
          member.begin = begin;
          member.end = static_cast<std::uint32_t>(at_);
        }
        skip_space();
      } while (take(','));
      if (!take('}')) return false;
    }
    if (names_.size() - first > kFewNames && any_twice(first)) return false;
    names_.resize(first);
    --depth_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool ascii_ = true;
  std::vector<Name> names_;  // of the objects that are open
};

}  // namespace

Result<Envelope> Envelope::scan(std::string_view body) {
  if (body.size() >= std::numeric_limits<std::uint32_t>::max())
    return fail(Kind::kTooLarge, "request: more than 4 GB");
  Envelope envelope;
  constexpr std::size_t kUsual = 8;
  envelope.members_.reserve(kUsual);
  if (Scan(body).run(envelope.members_, envelope.close_)) return envelope;
  const Result<Json> parsed = json_parse(body, "request");
  if (!parsed) return std::unexpected(parsed.error());
  return fail(Kind::kInvalid,
              fmt::format("request: must be a JSON object, not {}", parsed->type_name()));
}

const Envelope::Member* Envelope::find(std::string_view name) const {
  for (const Member& member : members_) {
    if (member.name.size() == name.size() && member.name == name) return &member;
  }
  return nullptr;
}

std::optional<std::string_view> Envelope::raw(std::string_view body, std::string_view name) const {
  const Member* member = find(name);
  if (member == nullptr) return std::nullopt;
  return body.substr(member->begin, member->end - member->begin);
}

Result<std::optional<std::string>> Envelope::string(std::string_view body,
                                                    std::string_view name) const {
  const std::optional<std::string_view> text = raw(body, name);
  if (!text || *text == "null") return std::nullopt;
  if (text->front() != '"') return fail(Kind::kInvalid, fmt::format("{}: must be a string", name));
  if (text->find('\\') == text->npos) return std::string(text->substr(1, text->size() - 2));
  Result<Json> value = json_parse(*text);
  if (!value) return std::unexpected(value.error());
  return std::move(value->as_string());
}

Result<std::optional<bool>> Envelope::boolean(std::string_view body, std::string_view name) const {
  const std::optional<std::string_view> text = raw(body, name);
  if (!text || *text == "null") return std::nullopt;
  if (*text != "true" && *text != "false")
    return fail(Kind::kInvalid, fmt::format("{}: must be true or false", name));
  return *text == "true";
}

std::string Envelope::edited(std::string_view body, const std::vector<Edit>& edits) const {
  const auto edit_of = [&](std::string_view name) {
    return std::find_if(edits.begin(), edits.end(),
                        [&](const Edit& edit) { return edit.name == name; });
  };
  std::string out;
  std::size_t more = 0;
  for (const Edit& edit : edits) more += edit.name.size() + edit.value.value_or("").size() + 8;
  out.reserve(body.size() + more);
  // Bytes are copied up to each change. A member that goes takes the comma before it along, the
  // first one the comma behind it.
  std::size_t copied = 0;
  bool any = false;  // a member stands before
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    const auto edit = edit_of(member.name);
    if (edit != edits.end() && edit->value) {
      out.append(body.substr(copied, member.begin - copied)).append(*edit->value);
      copied = member.end;
    } else if (edit != edits.end()) {
      if (any) {
        out.append(
            body.substr(copied, members_[i - 1].end > copied ? members_[i - 1].end - copied : 0));
      } else {
        out.append(body.substr(copied, member.key > copied ? member.key - copied : 0));
      }
      copied = any || i + 1 == members_.size() ? member.end : members_[i + 1].key;
      continue;
    }
    any = true;
  }
  out.append(body.substr(copied, close_ - copied));
  for (const Edit& edit : edits) {
    if (!edit.value || has(edit.name)) continue;
    if (any) out += ',';
    any = true;
    json_quote_to(out, edit.name);
    out.append(":").append(*edit.value);
  }
  out.append(body.substr(close_));
  return out;
}

}  // namespace sighter::wire
