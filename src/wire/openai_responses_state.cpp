#include "wire/openai_responses_state.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "wire/object_writer.hpp"
#include "wire/openai_responses.hpp"
#include "wire/openai_responses_item.hpp"
#include "wire/openai_responses_request.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::wire::openai_responses {
namespace {

constexpr std::int64_t kPageMax = 100;

struct StoredItems {
  JsonArray input;
  JsonArray output;
};

Result<StoredItems> read_items(std::string_view text) {
  const auto broken = [] {
    return sighter::fail(Kind::kInternal, "the stored items of the response are damaged");
  };
  Result<Json> json = json_parse(text, "stored response");
  if (!json) return broken();
  Json* input = json->find("input");
  Json* output = json->find("output");
  if (input == nullptr || output == nullptr || !input->is_array() || !output->is_array())
    return broken();
  return StoredItems{std::move(input->as_array()), std::move(output->as_array())};
}

Json message_of(std::string text) {
  return Json::object({{"type", "message"}, {"role", "user"}, {"content", Json(std::move(text))}});
}

// The list that "input" is, or stands for.
Result<JsonArray> input_of(const Json& body) {
  const Json* input = body.find("input");
  if (input == nullptr || input->is_null()) return JsonArray{};
  if (input->is_array()) return input->as_array();
  if (!input->is_string()) {
    return sighter::fail(Kind::kInvalid, fmt::format("input must be a string or an array, not {}",
                                                     input->type_name()));
  }
  if (input->as_string().empty()) return JsonArray{};
  JsonArray list;
  list.push_back(message_of(input->as_string()));
  return list;
}

bool role_is(const Json& item, std::string_view role) {
  const std::string* said = item.find_string("role");
  return said != nullptr && *said == role;
}

// Content given as a string is a list of one part where items are listed.
void spell_content(Json& item, std::string_view member, std::string_view part_type) {
  Json* content = item.find(member);
  if (content == nullptr || !content->is_string()) return;
  Json part = Json::object({{"type", part_type}, {"text", std::move(*content)}});
  if (part_type == "output_text") {
    part.as_object().set("annotations", JsonArray{});
    part.as_object().set("logprobs", JsonArray{});
  }
  JsonArray list;
  list.push_back(std::move(part));
  *content = Json(std::move(list));
}

// An item of the input as a resource: with type, id and status.
void make_resource(Json& item, std::string_view response_id, std::size_t number) {
  if (!item.is_object()) return;
  JsonObject& members = item.as_object();
  if (item.find("type") == nullptr && item.find("role") != nullptr) members.set("type", "message");
  const std::string* type = item.find_string("type");
  const std::string word = type == nullptr ? std::string() : *type;
  if (word == "message")
    spell_content(item, "content", role_is(item, "assistant") ? "output_text" : "input_text");
  const std::string* id = item.find_string("id");
  if (id == nullptr || id->empty()) {
    const std::string_view prefix = word == "reasoning"               ? "rs"
                                    : word == "function_call"         ? "fc"
                                    : word == "function_call_output"  ? "fco"
                                    : word.starts_with("custom_tool") ? "ctc"
                                                                      : "msg";
    members.set("id", make_id(prefix, response_id, number) + "i");
  }
  const bool has_status = word == "message" || word == "function_call" ||
                          word == "function_call_output" || word.starts_with("custom_tool");
  if (has_status && (item.find("status") == nullptr || item.find("status")->is_null()))
    members.set("status", "completed");
}

std::string error_body(std::string message, std::string_view param, std::string_view code) {
  std::string out;
  ObjectWriter writer(out);
  ObjectWriter inner(writer.key("error"));
  inner.string("message", message);
  inner.string("type", "invalid_request_error");
  for (const auto& [name, value] : {std::pair{"param", param}, std::pair{"code", code}}) {
    if (value.empty()) {
      inner.raw(name, "null");
    } else {
      inner.string(name, value);
    }
  }
  inner.end();
  writer.end();
  return out;
}

}  // namespace

namespace {

const std::string* reference_of(const Json& item) {
  const std::string* type = item.find_string("type");
  return type != nullptr && *type == "item_reference" ? item.find_string("id") : nullptr;
}

// "msg_" + the 32 digits of a call + "_3", or "_3i" of an input: see make_id.
std::optional<std::string> response_of(std::string_view item) {
  constexpr std::size_t kDigits = 32;
  const std::size_t begin = item.find('_') + 1;
  const std::string_view digits = item.substr(std::min(begin, item.size())).substr(0, kDigits);
  const bool whole = begin != 0 && digits.size() == kDigits && item.size() > begin + kDigits &&
                     item[begin + kDigits] == '_' &&
                     digits.find_first_not_of("0123456789abcdef") == digits.npos;
  if (!whole) return std::nullopt;
  return fmt::format("resp_{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 4), digits.substr(16, 4), digits.substr(20));
}

JsonArray* input_list(Json& body) {
  Json* input = body.find("input");
  return input != nullptr && input->is_array() ? &input->as_array() : nullptr;
}

}  // namespace

std::vector<std::string> referenced_responses(const Json& body) {
  std::vector<std::string> out;
  const Json* input = body.find("input");
  for (std::size_t i = 0; input != nullptr && input->at(i) != nullptr; ++i) {
    const std::string* id = reference_of(*input->at(i));
    std::optional<std::string> response = id == nullptr ? std::nullopt : response_of(*id);
    if (!response || std::find(out.begin(), out.end(), *response) != out.end()) continue;
    if (out.size() == kReferencesMax) break;
    out.push_back(std::move(*response));
  }
  return out;
}

Status resolve_references(Json& body, std::string_view response_id, std::string_view items,
                          bool known) {
  JsonArray* input = input_list(body);
  if (input == nullptr) return {};
  Result<StoredItems> stored = read_items(items);
  if (!stored) return std::unexpected(stored.error());
  for (std::size_t i = 0; i < stored->input.size(); ++i)
    make_resource(stored->input[i], response_id, i);
  JsonArray out;
  for (Json& item : *input) {
    const std::string* id = reference_of(item);
    const Json* found = nullptr;
    for (const JsonArray* list : {&stored->input, &stored->output}) {
      for (std::size_t i = 0; id != nullptr && found == nullptr && i < list->size(); ++i) {
        const std::string* one = (*list)[i].find_string("id");
        if (one != nullptr && *one == *id) found = &(*list)[i];
      }
    }
    if (found == nullptr) {
      out.push_back(std::move(item));
    } else if (!known) {
      out.push_back(*found);
    }
  }
  *input = std::move(out);
  return {};
}

Result<Json> continued(Json body, std::string_view items) {
  Result<JsonArray> input = input_of(body);
  if (!input) return std::unexpected(input.error());
  Result<StoredItems> stored = read_items(items);
  if (!stored) return std::unexpected(stored.error());
  JsonArray all = std::move(stored->input);
  all.reserve(all.size() + stored->output.size() + input->size());
  for (Json& item : stored->output) all.push_back(std::move(item));
  for (Json& item : *input) all.push_back(std::move(item));
  body.as_object().erase("previous_response_id");
  body.as_object().set("input", Json(std::move(all)));
  return body;
}

std::string items_of_exchange(const Json& body, const Json& response) {
  const Result<JsonArray> input = input_of(body);
  const Json* output = response.find("output");
  std::string out;
  ObjectWriter writer(out);
  writer.json("input", input ? Json(*input) : Json(JsonArray{}));
  writer.json("output", output != nullptr && output->is_array() ? *output : Json(JsonArray{}));
  writer.end();
  return out;
}

bool truncate_turns(Json& body) {
  Json* input = body.find("input");
  if (input == nullptr || !input->is_array()) return false;
  JsonArray& items = input->as_array();
  std::vector<std::size_t> turns;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (role_is(items[i], "user") && (i == 0 || !role_is(items[i - 1], "user"))) turns.push_back(i);
  }
  if (turns.size() < 2) return false;
  const std::size_t from = turns[(turns.size() + 1) / 2];
  JsonArray kept;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool rules = role_is(items[i], "system") || role_is(items[i], "developer");
    if (i >= from || rules) kept.push_back(std::move(items[i]));
  }
  items = std::move(kept);
  return true;
}

void set_identity(Json& response, std::string_view id, std::string_view previous) {
  if (!response.is_object()) return;
  response.as_object().set("id", id);
  response.as_object().set("previous_response_id", previous.empty() ? Json() : Json(previous));
}

Result<std::string> input_items(std::string_view response_id, std::string_view items,
                                const Page& page) {
  if (page.limit < 1 || page.limit > kPageMax)
    return sighter::fail(Kind::kInvalid, fmt::format("limit must be from 1 to {}", kPageMax));
  Result<StoredItems> stored = read_items(items);
  if (!stored) return std::unexpected(stored.error());
  JsonArray& list = stored->input;
  for (std::size_t i = 0; i < list.size(); ++i) make_resource(list[i], response_id, i);
  if (page.descending) std::reverse(list.begin(), list.end());
  const auto id_of = [](const Json& item) {
    const std::string* id = item.find_string("id");
    return id == nullptr ? std::string() : *id;
  };
  const auto place = [&](const std::string& id) {
    std::size_t at = 0;
    while (at < list.size() && id_of(list[at]) != id) ++at;
    return at;
  };
  std::size_t from = 0;
  std::size_t end = list.size();
  for (const auto& [name, id] : {std::pair("after", &page.after), {"before", &page.before}}) {
    if (id->empty()) continue;
    const std::size_t at = place(*id);
    if (at == list.size())
      return sighter::fail(Kind::kInvalid, fmt::format("{} names no item of this response", name));
    if (id == &page.after) {
      from = at + 1;
    } else {
      end = at;
    }
  }
  end = std::max(from, end);
  const auto limit = static_cast<std::size_t>(page.limit);
  const bool more = end - from > limit;
  // Before an item, those next to it are the page.
  if (more && !page.before.empty()) {
    from = end - limit;
  } else if (more) {
    end = from + limit;
  }
  const std::size_t to = end;
  std::string out;
  ObjectWriter writer(out);
  writer.string("object", "list");
  writer.key("data") += '[';
  Commas commas;
  for (std::size_t i = from; i < to; ++i) {
    commas.next(out);
    json_write_to(out, list[i]);
  }
  out += ']';
  writer.string("first_id", from < to ? id_of(list[from]) : "");
  writer.string("last_id", from < to ? id_of(list[to - 1]) : "");
  writer.boolean("has_more", more);
  writer.end();
  return out;
}

std::string deleted_body(std::string_view response_id) {
  std::string out;
  ObjectWriter writer(out);
  writer.string("id", response_id);
  writer.string("object", "response");
  writer.boolean("deleted", true);
  writer.end();
  return out;
}

std::string previous_not_found(std::string_view response_id) {
  return error_body(fmt::format("Previous response with id '{}' not found.", response_id),
                    "previous_response_id", "previous_response_not_found");
}

std::string response_not_found(std::string_view response_id) {
  return error_body(fmt::format("Response with id '{}' not found.", response_id), {}, {});
}

std::optional<Json> final_response(std::string_view event, std::string_view data) {
  const bool named = event == "response.completed" || event == "response.incomplete";
  // Few events hold the word; the others are not read.
  if (!named && (!event.empty() || (data.find("\"response.completed\"") == data.npos &&
                                    data.find("\"response.incomplete\"") == data.npos))) {
    return std::nullopt;
  }
  Result<Json> json = json_parse(data, "stream event");
  if (!json) return std::nullopt;
  const std::string* type = json->find_string("type");
  if (type == nullptr || (*type != "response.completed" && *type != "response.incomplete"))
    return std::nullopt;
  Json* response = json->find("response");
  if (response == nullptr || !response->is_object()) return std::nullopt;
  return std::move(*response);
}

std::string error_event(const WireError& error, std::int64_t number) {
  std::string out = "event: error\ndata: ";
  ObjectWriter writer(out);
  writer.string("type", "error");
  writer.integer("sequence_number", number);
  writer.string("code", error.code.empty() ? error_code(error) : std::string_view(error.code));
  writer.string("message", error.message);
  if (error.param.empty()) {
    writer.raw("param", "null");
  } else {
    writer.string("param", error.param);
  }
  writer.end();
  out += "\n\n";
  return out;
}

std::optional<std::int64_t> number_after(std::string_view events) {
  constexpr std::string_view kName = "\"sequence_number\":";
  std::optional<std::int64_t> last;
  for (std::size_t at = events.find(kName); at != events.npos; at = events.find(kName, at)) {
    at += kName.size();
    while (at < events.size() && events[at] == ' ') ++at;
    std::int64_t number = 0;
    const auto read = std::from_chars(events.data() + at, events.data() + events.size(), number);
    if (read.ec == std::errc() && number >= 0 && number < 1'000'000'000) last = number + 1;
  }
  return last;
}

void take_over(ChatRequest& request, std::string_view previous) {
  JsonObject& members = request.extra.members;
  const auto to_service = [&members](std::string_view name, Json value) {
    Json* service = members.find(kService);
    Json& into =
        service != nullptr ? *service : members.append(std::string(kService), JsonObject{});
    into.as_object().set(name, std::move(value));
  };
  if (Json* truncation = members.find("truncation")) {
    Json value = std::move(*truncation);
    members.erase("truncation");
    to_service("truncation", std::move(value));
  }
  if (request.metadata) to_service("metadata", std::move(*request.metadata));
  request.metadata.reset();
  members.erase("previous_response_id");
  if (!previous.empty()) members.set(kPrevious, previous);
}

Result<std::string> events_of(Json body, std::int64_t after, std::int64_t now_s) {
  Result<ChatReply> reply = decode_reply(std::move(body));
  if (!reply) return std::unexpected(std::move(reply.error()));
  const std::unique_ptr<StreamEncoder> encoder = stream_encoder(ChatRequest{}, {.now_s = now_s});
  std::string out;
  for (const Delta& delta : deltas_of(std::move(*reply))) {
    std::string events;
    encoder->write(delta, events);
    for (std::size_t at = 0; at < events.size();) {
      const std::size_t end = std::min(events.find("\n\n", at), events.size() - 2) + 2;
      const std::string_view event = std::string_view(events).substr(at, end - at);
      if (number_after(event).value_or(0) > after + 1) out += event;
      at = end;
    }
  }
  return out;
}

}  // namespace sighter::wire::openai_responses
