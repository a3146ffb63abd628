#include "models/body_edits.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/json_place.hpp"
#include "base/toml.hpp"
#include "io/http_client.hpp"

namespace sighter::models {
namespace {

constexpr const char* kBodyHint =
    "extra_body = { \"/reasoning/effort\" = \"low\" }, or '{\"/metadata\": null}'";

std::unexpected<Error> leads_nowhere(const BodyEdit& edit, std::string_view token) {
  return fail(Kind::kInvalid,
              fmt::format("'{}' cannot be set: there is no place for '{}'", edit.pointer, token),
              "a JSON Pointer goes through objects and lists, for example /reasoning/effort");
}

// The element that a token names; "-" and the index behind the last one append.
Json* element(JsonArray& list, std::string_view token) {
  if (token == "-") return &list.emplace_back();
  std::size_t index = 0;
  const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool good = code == std::errc() && end == token.data() + token.size();
  if (!good || index > list.size()) return nullptr;
  return index < list.size() ? &list[index] : &list.emplace_back();
}

}  // namespace

Status set_at(Json& root, const BodyEdit& edit) {
  std::string_view rest = edit.pointer;
  if (!rest.starts_with('/')) return leads_nowhere(edit, rest);
  Json* at = &root;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t cut = std::min(rest.find('/'), rest.size());
    const std::string token = pointer_step(rest.substr(0, cut));
    rest.remove_prefix(cut);
    // A member that was not there: what begins with its first element is a list.
    if (at->is_null()) *at = token == "-" || token == "0" ? Json::array() : Json::object();
    if (at->is_array()) {
      at = element(at->as_array(), token);
      if (at == nullptr) return leads_nowhere(edit, token);
    } else if (at->is_object()) {
      JsonObject& object = at->as_object();
      if (rest.empty() && edit.value.is_null()) {
        object.erase(token);
        return {};
      }
      Json* member = object.find(token);
      if (member == nullptr && edit.value.is_null()) return {};
      at = member != nullptr ? member : &object.set(token, Json());
    } else if (token == "-" && rest.empty() && at->is_string()) {
      // One text where a list of them may stand ("stop": "."): the first of the list.
      JsonArray list;
      list.push_back(std::move(*at));
      *at = Json(std::move(list));
      at = &at->as_array().emplace_back();
    } else {
      return leads_nowhere(edit, token);
    }
  }
  *at = edit.value;
  return {};
}

Status edit_body(std::string& body, const std::vector<BodyEdit>& edits) {
  Result<Json> json = json_parse(body, "request");
  if (!json) return std::unexpected(std::move(json.error()));
  for (const BodyEdit& edit : edits) {
    if (Status set = set_at(*json, edit); !set) return set;
  }
  body = json_write(*json);
  return {};
}

namespace {

// A token of RFC 9110.
bool is_header_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) || std::string_view("!#$%&'*+-.^_`|~").contains(static_cast<char>(c));
  });
}

bool is_header_value(std::string_view value) {
  return std::ranges::none_of(value,
                              [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

}  // namespace

Extras read_extras(const TomlTable& table) {
  Extras extras;
  const TomlTable headers = table.table("headers");
  for (const std::string& header : headers.keys()) {
    const std::string value = headers.string(header, "");
    if (!is_header_name(header))
      headers.mistake(header, fmt::format("'{}' cannot be the name of a header", header),
                      "letters, digits and '-': \"x-team\"");
    if (io::is_own_field(header))
      headers.mistake(header,
                      fmt::format("the header '{}' is set for each request by itself", header),
                      "leave it out");
    if (io::equals_ignoring_case(header, "Accept-Encoding"))
      headers.mistake(header, "answers are not decompressed: 'Accept-Encoding' cannot be sent",
                      "leave it out");
    if (!is_header_value(value))
      headers.mistake(header,
                      fmt::format("the value of the header '{}' holds a line break or another "
                                  "control character",
                                  header),
                      "write it in one line");
    extras.headers.emplace_back(header, value);
  }
  const std::optional<Json> body = table.json("extra_body");
  if (!body) return extras;
  Result<std::vector<BodyEdit>> edits = read_body_edits(*body);
  if (edits) {
    extras.body = std::move(*edits);
  } else {
    table.mistake("extra_body", edits.error().what, edits.error().hint);
  }
  return extras;
}

Result<std::vector<BodyEdit>> read_body_edits(const Json& object) {
  if (object.is_string()) {
    const Result<Json> read = json_parse(object.as_string(), "extra_body");
    if (!read)
      return fail(Kind::kInvalid, fmt::format("extra_body is no JSON: {}", read.error().what),
                  kBodyHint);
    if (read->is_object()) return read_body_edits(*read);
  }
  std::vector<BodyEdit> out;
  if (!object.is_object())
    return fail(Kind::kInvalid,
                "extra_body must be a table of JSON Pointers and values, or a text of a JSON "
                "object of them",
                kBodyHint);
  for (const auto& [pointer, value] : object.as_object()) {
    BodyEdit edit{pointer, value};
    Json probe = Json::object();
    if (Status set = set_at(probe, edit); !set && !pointer.starts_with('/'))
      return std::unexpected(std::move(set.error()));
    out.push_back(std::move(edit));
  }
  return out;
}

}  // namespace sighter::models
