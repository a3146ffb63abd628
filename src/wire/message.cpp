#include "wire/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/check.hpp"

namespace sighter::wire {
namespace {

using namespace std::string_view_literals;

constexpr std::array kDialects{"none"sv,   "openai"sv, "anthropic"sv, "openai-responses"sv,
                               "gemini"sv, "bedrock"sv};
constexpr std::array kRoles{"system"sv,    "developer"sv, "user"sv,
                            "assistant"sv, "tool"sv,      "other"sv};
constexpr std::array kFinishes{"none"sv,       "stop"sv,           "stop_sequence"sv, "length"sv,
                               "tool_calls"sv, "content_filter"sv, "refusal"sv,       "pause"sv,
                               "context"sv,    "error"sv,          "other"sv};

}  // namespace

std::int64_t Usage::count(std::int64_t value) {
  if (value >= 0 && value <= kCountMax) return value;
  doubtful = true;
  return 0;
}

std::int64_t Usage::count(const Json* value) {
  if (value == nullptr || !value->is_number()) return 0;
  return count(value->to_int().value_or(-1));
}

std::string_view to_string(Dialect dialect) {
  return kDialects[static_cast<std::size_t>(dialect)];
}

std::optional<Dialect> dialect_from(std::string_view word) {
  for (std::size_t i = 1; i < kDialects.size(); ++i) {
    if (kDialects[i] == word) return static_cast<Dialect>(i);
  }
  return std::nullopt;
}

std::string_view to_string(Role role) {
  return kRoles[static_cast<std::size_t>(role)];
}

std::string_view to_string(FinishReason::Kind kind) {
  return kFinishes[static_cast<std::size_t>(kind)];
}

Number::Number(double value) {
  CHECK(std::isfinite(value));
  text = fmt::format("{}", value);
}

double Number::value() const {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc::result_out_of_range) {
    // Too small reads as zero, too large as infinity; the exponent's sign tells them apart.
    const bool tiny = text.find("e-") != text.npos || text.find("E-") != text.npos;
    return tiny ? 0 : std::numeric_limits<double>::infinity();
  }
  return value;
}

bool operator==(const Number& a, const Number& b) {
  return json_numbers_equal(a.text, b.text);
}

Message Message::text(Role role, std::string text) {
  Message message{.role = role};
  message.content.emplace_back(Text{.text = std::move(text)});
  return message;
}

std::string Message::all_text() const {
  std::string out;
  for (const Block& block : content) {
    if (const Text* text = block.as<Text>()) out += text->text;
  }
  return out;
}

bool calls_tools(const Message& message) {
  return std::any_of(message.content.begin(), message.content.end(), [](const Block& block) {
    const ToolCall* call = block.as<ToolCall>();
    return call != nullptr && call->kind != ToolCall::Kind::kProvider;
  });
}

FinishReason Choice::settled_finish() const {
  if (finish.kind != FinishReason::Kind::kNone) return finish;
  return FinishReason{.kind = calls_tools(message) ? FinishReason::Kind::kToolCalls
                                                   : FinishReason::Kind::kStop};
}

std::string ChatReply::text() const {
  return choices.empty() ? std::string() : choices.front().message.all_text();
}

Error WireError::to_error(std::string_view provider) const {
  std::string what(provider);
  what += status > 0 ? fmt::format(" answered {}", status) : " broke off";
  const std::string& word = code.empty() ? type : code;
  if (!word.empty()) what += fmt::format(" ({})", word);
  if (!message.empty()) what += ": " + message;
  return Error{kind, std::move(what), {}};
}

}  // namespace sighter::wire
