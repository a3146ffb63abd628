#pragma once
// The outside of a request's JSON object: where each top-level member stands in the text. One
// strict pass without a tree, so that a request can be routed and relayed with all bytes that
// nobody has to change as they came. Plain data, any thread.
// As strict as json_members.hpp.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sighter::wire {

class Envelope {
 public:
  struct Member {
    std::string name;         // decoded
    std::uint32_t key = 0;    // offset of the name's first quote
    std::uint32_t begin = 0;  // the value is [begin, end)
    std::uint32_t end = 0;
  };
  // A value to give a member: JSON text, or nullopt to take the member away.
  struct Edit {
    std::string_view name;
    std::optional<std::string> value;
  };

  // Of no request: no members.
  Envelope() = default;
  // Keeps offsets only: `body` may move afterwards. kInvalid with line and column ("request:1:7").
  // kTooLarge above limits::kRequestValuesMax, since a tree of them takes far more than their text.
  static Result<Envelope> scan(std::string_view body);

  const std::vector<Member>& members() const { return members_; }
  // How many JSON values the body holds, at any depth.
  std::size_t values() const { return values_; }
  const Member* find(std::string_view name) const {
    for (const Member& member : members_) {
      if (member.name.size() == name.size() && member.name == name) return &member;
    }
    return nullptr;
  }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // The value's text; nullopt when absent. `body` is the text that was scanned, here and below.
  std::optional<std::string_view> raw(std::string_view body, std::string_view name) const {
    const Member* member = find(name);
    if (member == nullptr) return std::nullopt;
    return body.substr(member->begin, member->end - member->begin);
  }
  // nullopt when absent or null; kInvalid, naming the member, for another type.
  Result<std::optional<std::string>> string(std::string_view body, std::string_view name) const;
  Result<std::optional<bool>> boolean(std::string_view body, std::string_view name) const;
  // The body with these members replaced, taken away, or added at the end; all else byte for byte.
  // Each name at most once.
  std::string edited(std::string_view body, const std::vector<Edit>& edits) const;

 private:
  std::vector<Member> members_;
  std::uint32_t close_ = 0;  // offset of the last brace
  std::uint32_t values_ = 0;
};

}  // namespace sighter::wire
