#include "wire/effort.hpp"

namespace sighter::wire {

bool known_effort(std::string_view effort) {
  for (const std::string_view word : {"none", "minimal", "low", "medium", "high", "xhigh", "max"}) {
    if (effort == word) return true;
  }
  return false;
}

std::int64_t budget_of_effort(std::string_view effort) {
  if (effort == "none") return 0;
  if (effort == "minimal") return 1024;
  if (effort == "low") return 2048;
  if (effort == "medium") return 8192;
  if (effort == "high") return 16384;
  return 32768;
}

std::string_view effort_of_budget(std::int64_t budget) {
  if (budget <= 0) return "none";
  if (budget <= 2048) return "low";
  if (budget <= 8192) return "medium";
  return "high";
}

bool thinks_by_budget(std::string_view model) {
  for (const std::string_view part :
       {"claude-3", "haiku-4", "sonnet-4-0", "sonnet-4-2", "sonnet-4-5", "opus-4-0", "opus-4-1",
        "opus-4-2", "opus-4-5"}) {
    if (model.find(part) != model.npos) return true;
  }
  return model.ends_with("sonnet-4") || model.ends_with("opus-4");
}

bool gemini_thinks_by_budget(std::string_view model) {
  for (const std::string_view part : {"gemini-1", "gemini-2", "gemini-robotics-er-1"}) {
    if (model.find(part) != model.npos) return true;
  }
  return false;
}

}  // namespace sighter::wire
