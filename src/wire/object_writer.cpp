#include "wire/object_writer.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "wire/effort.hpp"

namespace sighter::wire {
namespace {

// Members that only group parameters: what they hold is named one by one.
constexpr std::string_view kContainers[] = {"generationConfig", "toolConfig", "inferenceConfig",
                                            "additionalModelRequestFields"};
// Those and others that are documented as options, each of which may be absent: without any they
// ask for nothing. Other objects ask for something by being there ("web_search_options": {}).
constexpr std::string_view kGroups[] = {"generationConfig",
                                        "toolConfig",
                                        "inferenceConfig",
                                        "additionalModelRequestFields",
                                        "stream_options",
                                        "reasoning",
                                        "text",
                                        "output_config",
                                        "metadata",
                                        "logit_bias"};

// What decoders leave of an object whose other members are typed, under its name: never empty, and
// asking for what its members ask for.
constexpr std::string_view kRemains[] = {
    "function",  "custom",       "json_schema", "source",   "s3Location",       "file",
    "image_url", "video_url",    "input_audio", "thinking", "thinkingConfig",   "item",
    "response",  "functionCall", "inlineData",  "fileData", "functionResponse", "inputSchema"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_once(std::vector<std::string>& names, std::string_view name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

// Where Responses keeps how its items and objects were laid out, and what another dialect is told
// in another way ("logprobs": Choice::logprobs).
bool layout(Dialect dialect, std::string_view name) {
  if (dialect == Dialect::kOpenAiChat) return name == kPieces;
  return dialect == Dialect::kOpenAiResponses &&
         (name == "item" || name == "response" || name == "previous" || name == "responses" ||
          name == "logprobs");
}

}  // namespace

void ObjectWriter::skip(std::string_view name) {
  CHECK(count_ < names_.size());
  names_[count_++] = name;
}

std::string& ObjectWriter::key(std::string_view name) {
  skip(name);
  if (!empty_) out_ += ',';
  empty_ = false;
  out_ += '"';
  out_ += name;
  out_ += "\":";
  return out_;
}

void ObjectWriter::integer(std::string_view name, std::int64_t value) {
  const fmt::format_int text(value);
  key(name).append(text.data(), text.size());
}

bool ObjectWriter::written(std::string_view name) const {
  return std::find(names_.begin(), names_.begin() + static_cast<std::ptrdiff_t>(count_), name) !=
         names_.begin() + static_cast<std::ptrdiff_t>(count_);
}

void ObjectWriter::rest(const JsonObject& members) {
  for (const auto& [name, value] : members) {
    if (written(name)) continue;
    if (!empty_) out_ += ',';
    empty_ = false;
    json_quote_to(out_, name);
    out_ += ':';
    json_write_to(out_, value);
  }
}

void ObjectWriter::inner_rest(const Extra& outer, std::string_view name, Dialect dialect) {
  if (outer.dialect != dialect && outer.dialect != Dialect::kNone) return;
  const Json* inner = outer.members.find(name);
  if (inner != nullptr && inner->is_object()) rest(inner->as_object());
}

bool says_nothing(const Json& value) {
  switch (value.type()) {
    case Json::Type::kNull:
      return true;
    case Json::Type::kString:
      return value.as_string().empty();
    case Json::Type::kArray:
      return value.as_array().empty();
    case Json::Type::kObject:
      return std::all_of(value.as_object().begin(), value.as_object().end(),
                         [](const auto& member) { return says_nothing(member.second); });
    default:
      return false;
  }
}

// A member of a request that asks another dialect for nothing: rule and reasons in
// docs/dialects.md.
bool Losses::asks_nothing(std::string_view prefix, std::string_view name, const Json& value) const {
  if (value.is_object() && !reply_) {
    const bool remains = !value.as_object().empty() && contains(kRemains, name);
    return (remains || contains(kGroups, name)) && says_nothing(value);
  }
  if (says_nothing(value)) return true;
  if (!prefix.empty() || reply_) return false;
  // What is so elsewhere anyway.
  if (name == "store") return value.is_bool() && !value.as_bool();
  const Json* only = name == "modalities" && value.is_array() ? value.at(0) : nullptr;
  return only != nullptr && value.at(1) == nullptr && only->is_string() &&
         only->as_string() == "text";
}

std::string unknown_role(const Message& message) {
  const std::string* role = nullptr;
  if (const Json* said = message.extra.members.find("role"); said != nullptr && said->is_string())
    role = &said->as_string();
  return fmt::format("messages.role: '{}' is no role", role == nullptr ? "" : *role);
}

bool Losses::allowed(std::string_view name) const {
  return std::any_of(allow_drop_.begin(), allow_drop_.end(),
                     [&](const std::string& allow) { return allow == "*" || allow == name; });
}

void Losses::cannot(std::string_view name, std::string_view why) {
  if (allowed(name)) {
    add_once(dropped_, name);
    return;
  }
  add_once(refused_, name);
  if (why_.empty() && !why.empty()) why_ = fmt::format("{}: {}", name, why);
}

void Losses::approximate(std::string_view name) {
  add_once(approximated_, name);
}

bool Losses::effort(std::string_view word) {
  if (word.empty() || known_effort(word)) return true;
  cannot("reasoning.effort", fmt::format("'{}' is none of none, minimal, low, medium, high, xhigh "
                                         "and max",
                                         word));
  return false;
}

void Losses::foreign(const Extra& extra, std::string_view prefix,
                     std::span<const std::string_view> structure) {
  if (own(extra)) return;
  for (const auto& [name, value] : extra.members) {
    // What a message of Responses is to its model: comment or answer.
    const Json* phase = name == "item" ? value.find("phase") : nullptr;
    if (phase != nullptr && !says_nothing(*phase)) approximate("messages.phase");
    if (layout(extra.dialect, name) || asks_nothing(prefix, name, value)) continue;
    if (std::find(structure.begin(), structure.end(), name) != structure.end()) continue;
    const std::string full = prefix.empty() ? name : fmt::format("{}.{}", prefix, name);
    if (!value.is_object() || !contains(kContainers, name)) {
      cannot(full);
      continue;
    }
    for (const auto& [inner, what] : value.as_object()) {
      if (!asks_nothing(full, inner, what)) cannot(fmt::format("{}.{}", full, inner));
    }
  }
}

void Losses::finish(const FinishReason& reason, FinishReason::Kind written, Dialect source) {
  using enum FinishReason::Kind;
  if (source == dialect_ || reason.kind == kNone || reason.kind == written) return;
  if (reason.kind == kError || reason.kind == kOther) {
    cannot("choices.finish_reason");
  } else {
    approximate("choices.finish_reason");
  }
}

void Losses::rest(ObjectWriter& writer, const Extra& extra, std::string_view prefix,
                  std::span<const std::string_view> structure) {
  if (extra.members.empty()) return;
  if (own(extra)) {
    writer.rest(extra.members);
  } else {
    foreign(extra, prefix, structure);
  }
}

void Losses::wrong(std::string what) {
  if (wrong_.empty()) wrong_ = std::move(what);
}

Status Losses::refused() const {
  if (!wrong_.empty()) return fail(Kind::kInvalid, wrong_);
  if (refused_.empty()) return {};
  std::string names;
  std::string quoted;
  for (const std::string& name : refused_) {
    if (!names.empty()) names += ", ";
    if (!quoted.empty()) quoted += ", ";
    names += name;
    quoted += fmt::format("\"{}\"", name);
  }
  std::string what =
      fmt::format("the upstream's dialect ({}) cannot express {}", to_string(dialect_), names);
  if (!why_.empty()) what += fmt::format(" ({})", why_);
  return fail(Kind::kInvalid, std::move(what),
              fmt::format("leave it out, choose another model, or allow it to be dropped: "
                          "allow_drop = [{}]",
                          quoted));
}

std::vector<std::string> Losses::take_dropped() {
  for (const std::string& name : refused_) add_once(dropped_, name);
  refused_.clear();
  return std::move(dropped_);
}

}  // namespace sighter::wire
