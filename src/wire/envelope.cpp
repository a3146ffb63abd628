#include "wire/envelope.hpp"

#include <algorithm>
#include <limits>

#include "base/json.hpp"
#include "base/limits.hpp"
#include "wire/json_members.hpp"

namespace sighter::wire {

Result<Envelope> Envelope::scan(std::string_view body) {
  if (body.size() >= std::numeric_limits<std::uint32_t>::max())
    return fail(Kind::kTooLarge, "request: more than 4 GB");
  constexpr std::size_t kUsual = 8;
  std::vector<JsonMember> found;
  found.reserve(kUsual);
  Envelope envelope;
  JsonSeen seen;
  const bool good = scan_members(body, 1, found, seen);
  if (seen.values > limits::kRequestValuesMax)
    return fail(Kind::kTooLarge,
                fmt::format("request: holds more than {} JSON values", limits::kRequestValuesMax));
  envelope.close_ = seen.close;
  envelope.values_ = seen.values;
  if (good) {
    envelope.members_.reserve(found.size());
    for (const JsonMember& member : found)
      envelope.members_.push_back(
          {.name = member.name(body), .key = member.key, .begin = member.begin, .end = member.end});
    return envelope;
  }
  // RFC 8259, 8.1: none is put before JSON that goes over a network; a provider refuses it too.
  if (body.starts_with("\xEF\xBB\xBF"))
    return fail(Kind::kInvalid, "request: begins with a byte order mark, where JSON must begin",
                "send the bytes EF BB BF no longer");
  const Result<Json> parsed = json_parse(body, "request");
  if (!parsed) return std::unexpected(parsed.error());
  return fail(Kind::kInvalid,
              fmt::format("request: must be a JSON object, not {}", parsed->type_name()));
}

Result<std::optional<std::string>> Envelope::string(std::string_view body,
                                                    std::string_view name) const {
  const std::optional<std::string_view> text = raw(body, name);
  if (!text || *text == "null") return std::nullopt;
  if (text->front() != '"') return fail(Kind::kInvalid, fmt::format("{}: must be a string", name));
  if (text->find('\\') == text->npos) return std::string(text->substr(1, text->size() - 2));
  Result<Json> value = json_parse(*text);
  if (!value) return std::unexpected(value.error());
  return std::move(value->as_string());
}

Result<std::optional<bool>> Envelope::boolean(std::string_view body, std::string_view name) const {
  const std::optional<std::string_view> text = raw(body, name);
  if (!text || *text == "null") return std::nullopt;
  if (*text != "true" && *text != "false")
    return fail(Kind::kInvalid, fmt::format("{}: must be true or false", name));
  return *text == "true";
}

std::string Envelope::edited(std::string_view body, const std::vector<Edit>& edits) const {
  const auto edit_of = [&](std::string_view name) {
    return std::find_if(edits.begin(), edits.end(),
                        [&](const Edit& edit) { return edit.name == name; });
  };
  std::string out;
  std::size_t more = 0;
  for (const Edit& edit : edits) more += edit.name.size() + edit.value.value_or("").size() + 8;
  out.reserve(body.size() + more);
  // Bytes are copied up to each change. A member that goes takes the comma before it along, the
  // first one the comma behind it.
  std::size_t copied = 0;
  bool any = false;  // a member stands before
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    const auto edit = edit_of(member.name);
    if (edit != edits.end() && edit->value) {
      out.append(body.substr(copied, member.begin - copied)).append(*edit->value);
      copied = member.end;
    } else if (edit != edits.end()) {
      if (any) {
        out.append(
            body.substr(copied, members_[i - 1].end > copied ? members_[i - 1].end - copied : 0));
      } else {
        out.append(body.substr(copied, member.key > copied ? member.key - copied : 0));
      }
      copied = any || i + 1 == members_.size() ? member.end : members_[i + 1].key;
      continue;
    }
    any = true;
  }
  out.append(body.substr(copied, close_ - copied));
  for (const Edit& edit : edits) {
    if (!edit.value || has(edit.name)) continue;
    if (any) out += ',';
    any = true;
    json_quote_to(out, edit.name);
    out.append(":").append(*edit.value);
  }
  out.append(body.substr(close_));
  return out;
}

}  // namespace sighter::wire
