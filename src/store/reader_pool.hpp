#pragma once
// A few connections for look-ups, lent one at a time. For this room only.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "store/row_reader.hpp"

namespace sighter::store {

class ReaderPool {
 public:
  using Open = std::function<Result<std::unique_ptr<Connection>>()>;
  ReaderPool(Open open, int readers_max);

  // `use` is called with a reader and answers a Result. Waits when all are lent.
  template <class Use>
  auto with(Use&& use) -> decltype(use(std::declval<RowReader&>())) {
    Result<std::unique_ptr<RowReader>> reader = borrow();
    if (!reader) return std::unexpected(reader.error());
    auto result = use(**reader);
    give_back(std::move(*reader));
    return result;
  }

 private:
  Result<std::unique_ptr<RowReader>> borrow();
  void give_back(std::unique_ptr<RowReader> reader);

  Open open_;
  int unopened_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<RowReader>> idle_;
};

}  // namespace sighter::store
