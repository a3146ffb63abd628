#pragma once
// The house's coroutine. Rules (docs and STYLE): free or member functions, never capturing lambdas;
// what is spawned takes its arguments by value; inside `co_await` only named locals.

#include <boost/asio/awaitable.hpp>

namespace sighter::io {

template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace sighter::io
