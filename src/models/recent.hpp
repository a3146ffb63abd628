#pragma once
// Values by name, made at first use, of which only so many are kept: names come from clients, who
// can think of any number of them. One thread at a time.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sighter::models {

template <class Value>
class Recent {
 public:
  // `most` at least 4.
  explicit Recent(std::size_t most) : most_(most) {}

  // The value of this name; `make()` makes it. Where there are `most` already, a quarter goes
  // first: those that were asked for longest ago, of those that `may_go(name, value)`. More than
  // `most` are kept only where fewer may go. The reference is valid until a value of another name
  // is made.
  template <class Make, class MayGo>
  Value& at(std::string_view name, Make&& make, MayGo&& may_go) {
    ++now_;
    auto found = values_.find(name);
    if (found == values_.end()) {
      if (values_.size() >= most_) thin_out(may_go);
      found = values_.emplace(std::string(name), Entry{make(), now_}).first;
    }
    found->second.asked = now_;
    return found->second.value;
  }
  std::size_t size() const { return values_.size(); }
  bool contains(std::string_view name) const { return values_.contains(name); }

 private:
  struct Entry {
    Value value;
    std::uint64_t asked = 0;
  };
  template <class MayGo>
  void thin_out(MayGo&& may_go) {
    std::vector<std::uint64_t> times;
    for (const auto& [name, entry] : values_) {
      if (may_go(name, entry.value)) times.push_back(entry.asked);
    }
    if (times.empty()) return;
    const std::size_t quarter = std::min(times.size() - 1, most_ / 4);
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(quarter),
                     times.end());
    const std::uint64_t last = times[quarter];
    std::erase_if(values_, [&](const auto& pair) {
      return pair.second.asked <= last && may_go(pair.first, pair.second.value);
    });
  }

  const std::size_t most_;
  std::uint64_t now_ = 0;
  std::map<std::string, Entry, std::less<>> values_;
};

}  // namespace sighter::models
