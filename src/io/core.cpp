#include "io/core.hpp"

#include <boost/asio/post.hpp>
#include <csignal>
#include <future>
#include <mutex>

#include "base/check.hpp"
#include "io/core_impl.hpp"
#include "io/frame_pool.hpp"

#ifdef __linux__
#include <pthread.h>
#endif

namespace sighter::io {
namespace {

void ignore_broken_pipes() {
  static std::once_flag once;
  std::call_once(once, [] { std::signal(SIGPIPE, SIG_IGN); });
}

}  // namespace

Core::Impl::Impl(Core& core, std::string core_name, const Clock& core_clock, bool is_manual)
    : name(std::move(core_name)),
      clock(core_clock),
      manual(is_manual),
      timers(core),
      work(context.get_executor()),
      wake(context) {
  ignore_broken_pipes();
}

void Core::Impl::wake_at(SteadyTime when) {
  wake.expires_at(when);
  wake.async_wait([this](boost::system::error_code error) { on_wake(error); });
}

void Core::Impl::on_wake(boost::system::error_code error) {
  if (!error) timers.fire_due();
}

Core::Core(std::string name, const Clock& clock)
    : impl_(std::make_unique<Impl>(*this, std::move(name), clock, false)) {
  impl_->timers.on_earlier([impl = impl_.get()](SteadyTime when) { impl->wake_at(when); });
  impl_->thread = std::thread([impl = impl_.get()] {
#ifdef __linux__
    pthread_setname_np(pthread_self(), impl->name.substr(0, 15).c_str());
#endif
    impl->context.run();
    FramePool::drop();
  });
  impl_->owner = impl_->thread.get_id();
}

Core::Core(std::string name, const Clock& clock, Manual)
    : impl_(std::make_unique<Impl>(*this, std::move(name), clock, true)) {
  impl_->owner = std::this_thread::get_id();
}

Core::~Core() {
  impl_->context.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  // What is left are operations on sockets that were closed a moment ago: their handlers run here.
  impl_->owner = std::this_thread::get_id();
  impl_->timers.on_earlier(nullptr);
  impl_->wake.cancel();
  impl_->context.restart();
  impl_->context.poll();
}

const std::string& Core::name() const {
  return impl_->name;
}
const Clock& Core::clock() const {
  return impl_->clock;
}
Timers& Core::timers() {
  return impl_->timers;
}
bool Core::manual() const {
  return impl_->manual;
}
bool Core::on_thread() const {
  return impl_->owner == std::this_thread::get_id();
}

void Core::post(std::move_only_function<void()> work) {
  boost::asio::post(impl_->context, std::move(work));
}

void Core::call(std::move_only_function<void()> work) {
  if (on_thread()) {
    work();
    return;
  }
  CHECK(!manual());
  std::promise<void> done;
  post([&work, &done] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

std::size_t Core::poll() {
  CHECK(manual() && on_thread());
  impl_->context.restart();
  return impl_->context.poll();
}

bool Core::run_one(std::chrono::milliseconds wait) {
  CHECK(manual() && on_thread());
  impl_->context.restart();
  return impl_->context.run_one_for(wait) > 0;
}

Cores::Cores(std::string name, std::size_t count, const Clock& clock) {
  CHECK(count > 0);
  for (std::size_t i = 0; i < count; ++i) {
    cores_.push_back(std::make_unique<Core>(name + " " + std::to_string(i), clock));
  }
}

}  // namespace sighter::io
