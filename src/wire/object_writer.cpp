#include "wire/object_writer.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "wire/effort.hpp"
#include "wire/name_list.hpp"

namespace sighter::wire {
namespace {

// Objects that decoders read: what they leave of them, under their names, is named one by one.
struct Opened {
  Dialect dialect;
  std::string_view name;
};
constexpr Opened kOpened[] = {{Dialect::kOpenAiChat, "function"},
                              {Dialect::kOpenAiChat, "custom"},
                              {Dialect::kOpenAiChat, "json_schema"},
                              {Dialect::kOpenAiChat, "file"},
                              {Dialect::kOpenAiChat, "image_url"},
                              {Dialect::kOpenAiChat, "video_url"},
                              {Dialect::kOpenAiChat, "input_audio"},
                              {Dialect::kOpenAiChat, "stream_options"},
                              {Dialect::kOpenAiChat, "reasoning"},
                              {Dialect::kOpenAiChat, "allowed_tools"},
                              {Dialect::kOpenAiChat, "tools"},
                              {Dialect::kAnthropic, "source"},
                              {Dialect::kAnthropic, "thinking"},
                              {Dialect::kAnthropic, "output_config"},
                              {Dialect::kAnthropic, "metadata"},
                              {Dialect::kOpenAiResponses, "input_audio"},
                              {Dialect::kOpenAiResponses, "stream_options"},
                              {Dialect::kOpenAiResponses, "text"},
                              {Dialect::kOpenAiResponses, "tools"},
                              {Dialect::kGemini, "generationConfig"},
                              {Dialect::kGemini, "thinkingConfig"},
                              {Dialect::kGemini, "toolConfig"},
                              {Dialect::kGemini, "inlineData"},
                              {Dialect::kGemini, "fileData"},
                              {Dialect::kGemini, "functionCall"},
                              {Dialect::kGemini, "functionResponse"},
                              {Dialect::kGemini, "logprobsResult"},
                              {Dialect::kBedrock, "inferenceConfig"},
                              {Dialect::kBedrock, "toolConfig"},
                              {Dialect::kBedrock, "additionalModelRequestFields"},
                              {Dialect::kBedrock, "thinking"},
                              {Dialect::kBedrock, "reasoningConfig"},
                              {Dialect::kBedrock, "output_config"},
                              {Dialect::kBedrock, "source"},
                              {Dialect::kBedrock, "s3Location"},
                              {Dialect::kBedrock, "inputSchema"},
                              {Dialect::kBedrock, "output"},
                              {Dialect::kBedrock, "content"},
                              {Dialect::kBedrock, "reasoningContent"},
                              {Dialect::kBedrock, "auto"},
                              {Dialect::kBedrock, "any"},
                              {Dialect::kBedrock, "tool"}};

// Whether what is there is a rest: of an object that was understood its type was taken.
bool opened(Dialect dialect, std::string_view name, const Json& value) {
  if (!value.is_object() || value.find("type") != nullptr) return false;
  return std::any_of(std::begin(kOpened), std::end(kOpened),
                     [&](const Opened& row) { return row.dialect == dialect && row.name == name; });
}

// Objects that are documented as options, each of which may be absent: without any they ask for
// nothing. Other objects ask for something by being there ("web_search_options": {}).
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

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Where Responses keeps how its objects were laid out, and what another dialect is told in another
// way ("logprobs": Choice::logprobs).
bool layout(Dialect dialect, std::string_view name) {
  if (dialect == Dialect::kOpenAiChat) return name == kPieces;
  return dialect == Dialect::kOpenAiResponses &&
         (name == "response" || name == "previous" || name == "responses" || name == "logprobs");
}

// Members of an item of Responses that carry no meaning of their own elsewhere.
constexpr std::string_view kItem[] = {"id", "role", "status", "phase", "encrypted_content"};

std::string joined(std::string_view prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name);
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
  if (value.is_object() && !reply_) return contains(kGroups, name) && says_nothing(value);
  if (says_nothing(value)) return true;
  // Nobody else pads the pieces of a stream.
  if (prefix == "stream_options" && name == "include_obfuscation")
    return value.is_bool() && !value.as_bool();
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
  return std::any_of(allow_drop_.begin(), allow_drop_.end(), [&](const std::string& allow) {
    if (allow == "*") return true;
    const bool within = name.size() > allow.size() && name[allow.size()] == '.';
    return name.starts_with(allow) && (within || name.size() == allow.size());
  });
}

void Losses::cannot(std::string_view name, std::string_view why) {
  if (allowed(name)) {
    add_name(dropped_, name);
    return;
  }
  add_name(refused_, name);
  if (why_.empty() && !why.empty()) why_ = fmt::format("{}: {}", name, why);
}

void Losses::approximate(std::string_view name) {
  add_name(approximated_, name);
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
  if (!own(extra)) members(extra.members, extra.dialect, prefix, structure);
}

void Losses::lost(const Extra& extra, std::string_view prefix) {
  members(extra.members, extra.dialect, prefix, {});
}

void Losses::members(const JsonObject& members, Dialect dialect, std::string_view prefix,
                     std::span<const std::string_view> structure) {
  for (const auto& [name, value] : members) {
    if (layout(dialect, name)) continue;
    if (dialect == Dialect::kOpenAiResponses && name == "item" && value.is_object()) {
      item(value.as_object(), prefix == "messages.content" ? "messages" : prefix);
    } else if (dialect == Dialect::kBedrock && name == kBeside && value.is_object()) {
      this->members(value.as_object(), dialect, prefix, structure);
    } else if (opened(dialect, name, value)) {
      this->members(value.as_object(), dialect, joined(prefix, name), {});
    } else if (contains(structure, name) && !value.is_object()) {
      parts(value, dialect, joined(prefix, name));
    } else if (name == "caller" && contains(structure, name)) {
      for (const auto& [inner, what] : value.as_object()) {
        if (inner != "type" && inner != "tool_id" && !asks_nothing(prefix, inner, what))
          cannot(joined(joined(prefix, name), inner));
      }
    } else if (!asks_nothing(prefix, name, value)) {
      cannot(joined(prefix, name));
    }
  }
}

// What is left of an item of Responses beside its blocks; with its type it is the whole of one that
// is named as a block.
void Losses::item(const JsonObject& rest, std::string_view prefix) {
  if (rest.contains("type")) return;
  // What a message is to its model: comment or answer.
  if (const Json* phase = rest.find("phase"); phase != nullptr && !says_nothing(*phase))
    approximate("messages.phase");
  for (const auto& [name, value] : rest) {
    if (contains(kItem, name) || asks_nothing(prefix, name, value)) continue;
    // Parts that blocks say, with members that they do not.
    if ((name == "content" || name == "summary") && value.is_array()) {
      parts(value, Dialect::kOpenAiResponses, joined(prefix, name));
    } else {
      cannot(joined(prefix, name));
    }
  }
}

// Parts of a text that a block says, which may have members that it does not.
void Losses::parts(const Json& list, Dialect dialect, std::string_view prefix) {
  constexpr std::string_view kPart[] = {"type", "text"};
  for (std::size_t i = 0; list.at(i) != nullptr; ++i) {
    if (list.at(i)->is_object()) members(list.at(i)->as_object(), dialect, prefix, kPart);
  }
}

void Losses::finish(const FinishReason& reason, FinishReason::Kind written, Dialect source) {
  using enum FinishReason::Kind;
  if (source == dialect_ || source == Dialect::kNone || reason.kind == written) return;
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
  for (const std::string& name : refused_) add_name(dropped_, name);
  refused_.clear();
  return std::move(dropped_);
}

}  // namespace sighter::wire
