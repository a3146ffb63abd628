#include "serve/door.hpp"

namespace sighter::serve {
namespace {

constexpr std::size_t kLookupThreads = 4;
constexpr std::size_t kLookupsWaitingMax = 1024;
constexpr std::size_t kListingThreads = 2;

}  // namespace

Door::Door(Settings the_settings, std::string the_key, functions::Shared& the_shared,
           models::Hub& the_hub, const Clock& the_clock, Log& the_log)
    : settings(std::move(the_settings)),
      key(std::move(the_key)),
      shared(the_shared),
      hub(the_hub),
      clock(the_clock),
      log(the_log),
      lookups("lookups", kLookupThreads, kLookupsWaitingMax),
      listings("listings", kListingThreads, kListingsWaitingMax) {}

}  // namespace sighter::serve
