#include "base/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.hpp"
#include "base/json_place.hpp"
#include "base/json_text.hpp"

namespace sighter {
namespace {

// A decimal number: sign, digits without leading or trailing zeros, power of ten.
struct Decimal {
  bool negative = false;
  std::string digits;  // empty for zero
  std::int64_t exponent = 0;
};

Decimal decimal_of(std::string_view text) {
  Decimal d;
  if (text.starts_with('-')) {
    d.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t e = text.find_first_of("eE");
  if (e != text.npos) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    const auto [end, code] =
        std::from_chars(exponent.data(), exponent.data() + exponent.size(), d.exponent);
    if (code != std::errc()) d.exponent = exponent.starts_with('-') ? -(1ll << 60) : (1ll << 60);
    text = text.substr(0, e);
  }
  for (bool after_point = false; char c : text) {
    if (c == '.') {
      after_point = true;
      continue;
    }
    d.digits += c;
    if (after_point) --d.exponent;
  }
  d.digits.erase(0, std::min(d.digits.find_first_not_of('0'), d.digits.size()));
  while (!d.digits.empty() && d.digits.back() == '0') {
    d.digits.pop_back();
    ++d.exponent;
  }
  if (d.digits.empty()) return Decimal{};
  return d;
}

std::string normal_form(std::string_view text) {
  const Decimal d = decimal_of(text);
  if (d.digits.empty()) return "0";
  return fmt::format("{}{}e{}", d.negative ? "-" : "", d.digits, d.exponent);
}

template <class T>
JsonNumber integer(T value) {
  return JsonNumber{fmt::format_int(value).str()};
}

struct Style {
  bool pretty = false;
  bool canonical = false;
};

void newline(std::string& out, const Style& style, int depth) {
  if (!style.pretty) return;
  out += '\n';
  out.append(static_cast<std::size_t>(depth) * 2, ' ');
}

void write(std::string& out, const Json& value, const Style& style, int depth);

void write_array(std::string& out, const JsonArray& array, const Style& style, int depth) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    newline(out, style, depth + 1);
    write(out, array[i], style, depth + 1);
  }
  if (!array.empty()) newline(out, style, depth);
  out += ']';
}

void write_object(std::string& out, const JsonObject& object, const Style& style, int depth) {
  std::vector<const JsonObject::Member*> members;
  members.reserve(object.size());
  for (const JsonObject::Member& member : object) members.push_back(&member);
  if (style.canonical) {
    std::sort(members.begin(), members.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
  }
  out += '{';
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out += ',';
    newline(out, style, depth + 1);
    json_quote_to(out, members[i]->first);
    out += style.pretty ? ": " : ":";
    write(out, members[i]->second, style, depth + 1);
  }
  if (!members.empty()) newline(out, style, depth);
  out += '}';
}

void write(std::string& out, const Json& value, const Style& style, int depth) {
  switch (value.type()) {
    case Json::Type::kNull:
      out += "null";
      return;
    case Json::Type::kBool:
      out += value.as_bool() ? "true" : "false";
      return;
    case Json::Type::kNumber:
      out += style.canonical ? normal_form(value.number_text()) : value.number_text();
      return;
    case Json::Type::kString:
      json_quote_to(out, value.as_string());
      return;
    case Json::Type::kArray:
      write_array(out, value.as_array(), style, depth);
      return;
    case Json::Type::kObject:
      write_object(out, value.as_object(), style, depth);
      return;
  }
}

}  // namespace

JsonObject::JsonObject() = default;
JsonObject::JsonObject(const JsonObject&) = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(const JsonObject&) = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;
JsonObject::~JsonObject() = default;

const Json* JsonObject::find(std::string_view name) const {
  for (const Member& member : members_) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

Json* JsonObject::find(std::string_view name) {
  return const_cast<Json*>(std::as_const(*this).find(name));
}

Json& JsonObject::set(std::string_view name, Json value) {
  if (Json* old = find(name)) return *old = std::move(value);
  return append(std::string(name), std::move(value));
}

Json& JsonObject::append(std::string name, Json value) {
  constexpr std::size_t kUsual = 4;  // instead of 1, 2 and 4 with a move of all members each time
  if (members_.capacity() == 0) members_.reserve(kUsual);
  return members_.emplace_back(std::move(name), std::move(value)).second;
}

bool JsonObject::erase(std::string_view name) {
  return std::erase_if(members_, [&](const Member& member) { return member.first == name; }) > 0;
}

std::size_t JsonObject::size() const {
  return members_.size();
}
std::vector<JsonObject::Member>::iterator JsonObject::begin() {
  return members_.begin();
}
std::vector<JsonObject::Member>::iterator JsonObject::end() {
  return members_.end();
}
std::vector<JsonObject::Member>::const_iterator JsonObject::begin() const {
  return members_.begin();
}
std::vector<JsonObject::Member>::const_iterator JsonObject::end() const {
  return members_.end();
}

Json::Json(int value) : value_(integer(value)) {}
Json::Json(long value) : value_(integer(value)) {}
Json::Json(long long value) : value_(integer(value)) {}
Json::Json(unsigned value) : value_(integer(value)) {}
Json::Json(unsigned long value) : value_(integer(value)) {}
Json::Json(unsigned long long value) : value_(integer(value)) {}

Json::Json(double value) {
  CHECK(std::isfinite(value));
  value_ = JsonNumber{fmt::format("{}", value)};
}

Json Json::object(std::initializer_list<std::pair<std::string_view, Json>> members) {
  JsonObject object;
  for (const auto& [name, value] : members) object.set(name, value);
  return Json(std::move(object));
}

Json Json::array(std::initializer_list<Json> items) {
  return Json(JsonArray(items));
}

std::string_view Json::type_name() const {
  constexpr std::string_view kNames[] = {"null", "boolean", "number", "string", "array", "object"};
  return kNames[value_.index()];
}

bool Json::as_bool() const {
  CHECK(is_bool());
  return *std::get_if<bool>(&value_);
}
const std::string& Json::as_string() const {
  CHECK(is_string());
  return *std::get_if<std::string>(&value_);
}
std::string& Json::as_string() {
  CHECK(is_string());
  return *std::get_if<std::string>(&value_);
}
const JsonArray& Json::as_array() const {
  CHECK(is_array());
  return *std::get_if<JsonArray>(&value_);
}
JsonArray& Json::as_array() {
  CHECK(is_array());
  return *std::get_if<JsonArray>(&value_);
}
const JsonObject& Json::as_object() const {
  CHECK(is_object());
  return *std::get_if<JsonObject>(&value_);
}
JsonObject& Json::as_object() {
  CHECK(is_object());
  return *std::get_if<JsonObject>(&value_);
}
const std::string& Json::number_text() const {
  CHECK(is_number());
  return std::get_if<JsonNumber>(&value_)->text;
}

std::optional<double> Json::to_double() const {
  if (!is_number()) return std::nullopt;
  const std::string& text = number_text();
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc()) return value;
  const Decimal d = decimal_of(text);
  if (static_cast<std::int64_t>(d.digits.size()) + d.exponent > 0) return std::nullopt;
  return d.negative ? -0.0 : 0.0;
}

std::optional<std::int64_t> Json::to_int() const {
  if (!is_number()) return std::nullopt;
  const std::string& text = number_text();
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc() && end == text.data() + text.size()) return value;
  const Decimal d = decimal_of(text);
  if (d.exponent < 0 || d.exponent > 19 ||
      d.digits.size() + static_cast<std::size_t>(d.exponent) > 19)
    return std::nullopt;
  const std::string whole =
      (d.negative ? "-" : "") + d.digits + std::string(static_cast<std::size_t>(d.exponent), '0');
  const auto [last, overflow] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (overflow != std::errc()) return std::nullopt;
  return value;
}

const Json* Json::find(std::string_view name) const {
  return is_object() ? as_object().find(name) : nullptr;
}
Json* Json::find(std::string_view name) {
  return is_object() ? as_object().find(name) : nullptr;
}

const Json* Json::at(std::size_t index) const {
  return is_array() && index < as_array().size() ? &as_array()[index] : nullptr;
}

const std::string* Json::find_string(std::string_view name) const {
  const Json* member = find(name);
  return member != nullptr && member->is_string() ? &member->as_string() : nullptr;
}

const Json* Json::pointer(std::string_view pointer) const {
  const Json* here = this;
  while (here != nullptr && !pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    pointer.remove_prefix(1);
    const std::string_view raw = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(raw.size());
    const std::string token = pointer_step(raw);
    if (here->is_object()) {
      here = here->find(token);
      continue;
    }
    std::size_t index = 0;
    const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), index);
    const bool whole = code == std::errc() && end == token.data() + token.size() &&
                       (token.size() == 1 || token[0] != '0');
    here = whole ? here->at(index) : nullptr;
  }
  return here;
}

bool operator==(const Json& a, const Json& b) {
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Json::Type::kNull:
      return true;
    case Json::Type::kBool:
      return a.as_bool() == b.as_bool();
    case Json::Type::kNumber:
      return json_numbers_equal(a.number_text(), b.number_text());
    case Json::Type::kString:
      return a.as_string() == b.as_string();
    case Json::Type::kArray:
      return a.as_array() == b.as_array();
    case Json::Type::kObject:
      break;
  }
  const JsonObject& left = a.as_object();
  const JsonObject& right = b.as_object();
  if (left.size() != right.size()) return false;
  auto beside = right.begin();
  for (const auto& [name, value] : left) {
    const Json* other = beside->first == name ? &beside->second : right.find(name);
    ++beside;
    if (other == nullptr || !(*other == value)) return false;
  }
  return true;
}

void json_write_to(std::string& out, const Json& value) {
  write(out, value, {}, 0);
}

std::string json_write(const Json& value) {
  std::string out;
  write(out, value, {}, 0);
  return out;
}

std::string json_pretty(const Json& value) {
  std::string out;
  write(out, value, {.pretty = true}, 0);
  return out;
}

std::string json_canonical(const Json& value) {
  std::string out;
  write(out, value, {.canonical = true}, 0);
  return out;
}

void json_quote_to(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    while (text.size() - i > kJsonRun) {
      const std::size_t run = json_plain_bytes(text.data() + i);
      i += run;
      if (run < kJsonRun) break;
    }
    while (i < text.size() && static_cast<unsigned char>(text[i]) >= 0x80) ++i;
    if (i == text.size()) break;
    const char c = text[i];
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        out += "\\u00";
        out += kHex[static_cast<unsigned char>(c) >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

std::string json_quote(std::string_view text) {
  std::string out;
  json_quote_to(out, text);
  return out;
}

bool json_numbers_equal(std::string_view a, std::string_view b) {
  return a == b || normal_form(a) == normal_form(b);
}

}  // namespace sighter
