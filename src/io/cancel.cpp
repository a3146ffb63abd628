#include "io/cancel.hpp"

#include <atomic>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "io/core.hpp"

namespace sighter::io {

struct CancelRegistration::Node {
  Core* core;
  std::move_only_function<void()> callback;
  bool alive = true;  // the core's thread only
  std::shared_ptr<CancelToken::State> state;
  // Guarded by the state's mutex.
  bool listed = false;
  std::list<std::shared_ptr<Node>>::iterator place;

  static void post(const std::shared_ptr<Node>& node) {
    node->core->post([node] {
      if (node->alive) node->callback();
    });
  }
};

struct CancelToken::State {
  std::atomic<bool> cancelled = false;
  std::string reason;  // written once, before `cancelled`
  std::mutex mutex;
  std::list<std::shared_ptr<CancelRegistration::Node>> nodes;
  std::list<std::weak_ptr<State>> children;
  std::shared_ptr<State> parent;
  // Guarded by the parent's mutex.
  bool listed = false;
  std::list<std::weak_ptr<State>>::iterator place;

  ~State() {
    if (!parent) return;
    const std::lock_guard lock(parent->mutex);
    if (listed) parent->children.erase(place);
  }
};

namespace {

void cancel_state(CancelToken::State& state, std::string_view reason) {
  std::vector<std::shared_ptr<CancelToken::State>> children;
  {
    const std::lock_guard lock(state.mutex);
    if (state.cancelled) return;
    state.reason = reason;
    state.cancelled.store(true, std::memory_order_release);
    // Posted under the lock: whoever unregisters waits for it, so that no core is posted to that
    // has let go of its registrations and ended.
    for (const auto& node : state.nodes) {
      node->listed = false;
      CancelRegistration::Node::post(node);
    }
    state.nodes.clear();
    for (auto child = state.children.begin(); child != state.children.end();) {
      if (auto alive = child->lock()) {
        alive->listed = false;
        children.push_back(std::move(alive));
        child = state.children.erase(child);
      } else {
        ++child;  // it is being destroyed and takes itself out of the list
      }
    }
  }
  for (const auto& child : children) cancel_state(*child, reason);
}

}  // namespace

CancelRegistration::CancelRegistration(std::shared_ptr<Node> node) : node_(std::move(node)) {}

CancelRegistration& CancelRegistration::operator=(CancelRegistration&& other) noexcept {
  if (this != &other) {
    reset();
    node_ = std::move(other.node_);
  }
  return *this;
}

CancelRegistration::~CancelRegistration() {
  reset();
}

void CancelRegistration::reset() {
  if (!node_) return;
  CHECK(node_->core->on_thread());
  node_->alive = false;
  {
    const std::lock_guard lock(node_->state->mutex);
    if (node_->listed) node_->state->nodes.erase(node_->place);
    node_->listed = false;
  }
  node_.reset();
}

CancelToken::CancelToken(std::shared_ptr<State> state) : state_(std::move(state)) {}

bool CancelToken::cancelled() const {
  return state_ && state_->cancelled.load(std::memory_order_acquire);
}

Error CancelToken::error() const {
  CHECK(cancelled());
  return Error{Kind::kCancelled, state_->reason, {}};
}

CancelRegistration CancelToken::on_cancel(Core& core,
                                          std::move_only_function<void()> callback) const {
  if (!state_) return {};
  CHECK(core.on_thread());
  auto node = std::make_shared<CancelRegistration::Node>();
  node->core = &core;
  node->callback = std::move(callback);
  node->state = state_;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->cancelled) {
      CancelRegistration::Node::post(node);
    } else {
      node->place = state_->nodes.insert(state_->nodes.end(), node);
      node->listed = true;
    }
  }
  return CancelRegistration(std::move(node));
}

CancelSource::CancelSource() : state_(std::make_shared<CancelToken::State>()) {}

CancelSource::CancelSource(const CancelToken& parent) : CancelSource() {
  if (!parent.state_) return;
  bool already = false;
  {
    const std::lock_guard lock(parent.state_->mutex);
    already = parent.state_->cancelled;
    if (!already) {
      state_->place = parent.state_->children.insert(parent.state_->children.end(), state_);
      state_->listed = true;
      state_->parent = parent.state_;
    }
  }
  if (already) cancel_state(*state_, parent.state_->reason);
}

void CancelSource::cancel(std::string_view reason) {
  cancel_state(*state_, reason);
}

CancelToken CancelSource::token() const {
  return CancelToken(state_);
}

}  // namespace sighter::io
