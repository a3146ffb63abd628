#include "store/rows.hpp"

#include <array>

namespace sighter::store {
namespace {

constexpr std::array<std::string_view, 5> kStatusWords{"ok", "error", "cancelled", "interrupted",
                                                       "broken"};
constexpr std::size_t kFixedBytes = 160;  // about what the numbers of a row and its indexes take

}  // namespace

std::string_view to_string(CallStatus status) {
  return kStatusWords[static_cast<std::size_t>(status)];
}

std::optional<CallStatus> call_status_from(std::string_view word) {
  for (std::size_t i = 0; i < kStatusWords.size(); ++i) {
    if (kStatusWords[i] == word) return static_cast<CallStatus>(i);
  }
  return std::nullopt;
}

std::size_t Batch::row_count() const {
  return configs.size() + calls.size() + attempts.size() + outputs.size() + scores.size() +
         feedback.size() + responses.size() + runs.size() + verdicts.size();
}

std::size_t Batch::byte_count() const {
  std::size_t bytes = row_count() * kFixedBytes;
  for (const ConfigRow& r : configs) bytes += r.content.size();
  for (const CallRow& r : calls) {
    bytes += r.error.size() + r.tags.size() + r.tried.size() + r.input.size() + r.output.size() +
             r.extras.size() + r.request.size();
  }
  for (const AttemptRow& r : attempts) bytes += r.error.size() + r.request.size() + r.extras.size();
  for (const ScoreRow& r : scores) bytes += r.reason.size();
  for (const FeedbackRow& r : feedback) bytes += r.value.size() + r.note.size();
  for (const ResponseRow& r : responses) bytes += r.items.size() + r.body.size();
  for (const RunRow& r : runs) bytes += r.asked.size() + r.result.size();
  for (const VerdictRow& r : verdicts) bytes += r.detail.size();
  return bytes;
}

}  // namespace sighter::store
