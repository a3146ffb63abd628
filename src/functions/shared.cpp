#include <algorithm>
#include <thread>

#include "functions/body.hpp"

namespace sighter::functions {
namespace {

constexpr std::size_t kFitsMax = 64;
constexpr std::size_t kPoolQueueMax = 100'000;
constexpr std::size_t kLookupThreads = 2;

Digest fits_key(const Function& function, const Variant& variant, const Subset& only) {
  Sha256 digest;
  digest.field(function.name).field(variant.name).field(hex(variant.digest));
  if (only) {
    digest.field("only");
    for (std::uint64_t key : *only) digest.field(std::to_string(key));
  }
  return digest.finish();
}

}  // namespace

Shared::Impl::Impl(Project snapshot, models::Hub& models, store::Store* rows,
                   const Clock& the_clock, Log& the_log, store::Inflight* slots)
    : project(std::move(snapshot)),
      hub(models),
      store(rows),
      inflight(slots),
      clock(the_clock),
      log(the_log),
      ids(the_clock),
      pool("learning", std::max(1u, std::thread::hardware_concurrency()), kPoolQueueMax),
      lookups("lookups", kLookupThreads, kPoolQueueMax) {}

Once<Shared::Impl::Set>& Shared::Impl::set_of(const Function& function) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Once<Set>>& place = sets_[&function];
  if (!place) place = std::make_unique<Once<Set>>();
  return *place;
}

Vectors Shared::Impl::find_vectors(const Function& function, const std::string& model) {
  const std::lock_guard lock(mutex_);
  const auto found = vectors_.find({&function, model});
  return found == vectors_.end() ? nullptr : found->second;
}

void Shared::Impl::keep_vectors(const Function& function, const std::string& model,
                                Vectors vectors) {
  const std::lock_guard lock(mutex_);
  vectors_[{&function, model}] = std::move(vectors);
}

std::shared_ptr<Fits> Shared::Impl::fits(const Function& function, const Variant& variant,
                                         const Set& set, const Vectors& vectors,
                                         const Subset& only) {
  const Digest key = fits_key(function, variant, only);
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(fits_.begin(), fits_.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  if (found != fits_.end()) {
    fits_.splice(fits_.begin(), fits_, found);
    return fits_.front().second;
  }
  const auto& body = std::get<LearnedBody>(variant.body);
  fits_.emplace_front(key,
                      std::make_shared<Fits>(body, function.output.labels(), set, vectors, only));
  if (fits_.size() > kFitsMax) fits_.pop_back();
  return fits_.front().second;
}

bool Shared::Impl::first_of(const Digest& config) {
  const std::lock_guard lock(mutex_);
  return configs_.insert(config).second;
}

Shared::Shared(Project project, models::Hub& hub, store::Store* store, const Clock& clock, Log& log,
               store::Inflight* inflight)
    : impl_(std::make_unique<Impl>(std::move(project), hub, store, clock, log, inflight)) {}
Shared::~Shared() = default;
const Project& Shared::project() const {
  return impl_->project;
}
store::Store* Shared::store() {
  return impl_->store;
}
Id Shared::next_id() {
  return impl_->ids.next();
}

}  // namespace sighter::functions
