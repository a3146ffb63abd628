#include <algorithm>
#include <map>
#include <utility>

#include "wire/errors.hpp"
#include "wire/openai_responses.hpp"
#include "wire/openai_responses_item.hpp"

namespace sighter::wire::openai_responses {
namespace {

const Place kNowhere{};
using Mode = ObjectReader::Mode;

bool differ(const JsonObject& a, const JsonObject& b) {
  return !(Json(a) == Json(b));
}

// Of a message's content, of a reasoning item's summary or content.
struct Part {
  int index = -1;
  bool text = false;  // some has come
  std::size_t citations = 0;
  JsonArray logprobs;  // of its deltas: the event that ends the part lacks them
  JsonObject rest;
};

struct OpenItem {
  enum class Kind { kMessage, kReasoning, kCall, kRaw };
  Kind kind = Kind::kRaw;
  bool done = false;
  bool custom = false;
  bool wrote = false;  // of a call: some arguments
  std::string id;
  JsonObject rest;
  int first = -1;  // block; -1: none began yet
  int last = -1;
  std::map<std::int64_t, Part> parts;
  std::map<std::int64_t, Part> summaries;
};

class Decoder final : public StreamDecoder {
 public:
  Status feed(std::string_view event, std::string_view data, std::vector<Delta>& out) override {
    if (ended_) return {};
    if (data.find_first_not_of(" \n") == data.npos) return {};
    // Servers that end with it end before it: who passes bytes on must not say the end first.
    if (data == "[DONE]") return end(out);
    out_ = &out;
    Result<Json> json = json_parse(data, "stream event");
    if (!json) {
      return sighter::fail(Kind::kUpstream,
                           "the stream holds an event that is not JSON: " + json.error().what);
    }
    if (!json->is_object())
      return sighter::fail(Kind::kUpstream, "the stream holds an event that is not an object");
    const std::string* found = json->find_string("type");
    const std::string type = found == nullptr ? std::string(event) : *found;
    if (type == "error" || (found == nullptr && json->find("error") != nullptr)) {
      broken(std::move(*json));
      return {};
    }
    if (!state_event(type, *json) && !item_event(type, *json) && !part_event(type, *json)) {
      start_if_needed();
      emit(RawEvent{.dialect = kMe, .name = type, .json = std::move(*json)});
    }
    return {};
  }

  Status end(std::vector<Delta>&) override {
    if (ended_) return {};
    return sighter::fail(Kind::kUpstream,
                         "the stream ended without response.completed: the reply is not complete");
  }

 private:
  template <class T>
  void emit(T&& delta) {
    out_->emplace_back(std::forward<T>(delta));
  }

  static std::int64_t number(const Json& json, std::string_view name) {
    const Json* member = json.find(name);
    const std::int64_t value = member == nullptr ? 0 : member->to_int().value_or(0);
    return std::clamp<std::int64_t>(value, 0, 10'000);
  }
  static std::string* text(Json& json, std::string_view name) {
    Json* member = json.find(name);
    return member != nullptr && member->is_string() ? &member->as_string() : nullptr;
  }

  void broken(Json json) {
    WireError error = read_error(kMe, 0, std::move(json));
    if (error.type == "error") error.type.clear();  // the event's own
    ended_ = true;
    emit(StreamError{std::move(error)});
  }

  // ---- the response ----

  void start_if_needed() {
    if (started_) return;
    started_ = true;
    emit(StreamStart{.dialect = kMe, .extra = {.dialect = kMe}});
  }

  bool state_event(const std::string& type, Json& json) {
    Json* response = json.find("response");
    if (response == nullptr || !response->is_object()) return false;
    if (type == "response.failed") {
      broken(std::move(json));
      return true;
    }
    const bool last = type == "response.completed" || type == "response.incomplete";
    if (type == "response.created" || type == "response.in_progress" || (last && !started_)) {
      if (started_) return true;
      Json copy = *response;
      start(read_response(copy.as_object()));
      if (!last) return true;
    }
    if (!last) return false;
    finish(read_response(response->as_object()));
    return true;
  }

  void start(ResponseHead head) {
    started_ = true;
    emit(StreamStart{.dialect = kMe,
                     .id = std::move(head.id),
                     .model = std::move(head.model),
                     .created_s = head.created_s,
                     .service_tier = std::move(head.service_tier),
                     .extra = std::move(head.extra)});
  }

  void finish(ResponseHead head) {
    // What the events did not bring, or not to its end, the whole has.
    for (std::size_t i = 0; head.output.at(i) != nullptr; ++i) {
      Json& item = head.output.as_array()[i];
      const auto number = static_cast<std::int64_t>(i);
      if (!item.is_object()) continue;
      if (!items_.contains(number)) begin_item(number, item);
      item_done(items_[number], item);
    }
    for (auto& [index, item] : items_) close(item);
    if (!head.extra.members.empty()) emit(ReplyExtra{std::move(head.extra)});
    const std::vector<Block> calls =
        called_ ? std::vector<Block>{Block(ToolCall{})} : std::vector<Block>{};
    emit(Finish{.choice = 0, .reason = finish_of(head, calls)});
    if (head.usage.has_value()) emit(UsageDelta{std::move(*head.usage)});
    emit(End{});
    ended_ = true;
  }

  // ---- items ----

  bool item_event(const std::string& type, Json& json) {
    const bool added = type == "response.output_item.added";
    if (!added && type != "response.output_item.done") return false;
    Json* item = json.find("item");
    if (item == nullptr || !item->is_object()) return false;
    start_if_needed();
    const std::int64_t index = number(json, "output_index");
    if (added) {
      begin_item(index, *item);
      return true;
    }
    if (!items_.contains(index)) begin_item(index, *item);
    item_done(items_[index], *item);
    return true;
  }

  void begin_item(std::int64_t index, const Json& json) {
    if (items_.contains(index)) return;
    OpenItem& item = items_[index];
    if (const std::string* id = json.find_string("id")) item.id = *id;
    Json copy = json;
    std::vector<Block> blocks;
    if (!decode_output_item(copy, kNowhere, Mode::kLenient, blocks) || blocks.empty()) return;
    Block& block = blocks.front();
    if (kind_of(block) == Item::Kind::kMessage) {
      item.kind = OpenItem::Kind::kMessage;
      item.rest = start_rest(json);
    } else if (block.as<Thinking>()) {
      item.kind = OpenItem::Kind::kReasoning;
      item.rest = start_rest(json);
    } else if (ToolCall* call = block.as<ToolCall>()) {
      item.kind = OpenItem::Kind::kCall;
      item.custom = call->kind == ToolCall::Kind::kCustom;
      call->arguments.clear();
      for (const std::string_view later : {"arguments", "input", "status"})
        block.extra.members.erase(later);
      block.extra.forms &= ~forms::kNoStatus;
      item.rest = block.extra.members;
      called_ = true;
      open_block(item, std::move(block));
    } else {
      open_block(item, Block(std::move(block)));
      item.rest = json.as_object();
    }
  }

  // Content comes later, and so does the status.
  static JsonObject start_rest(const Json& json) {
    Json copy = json;
    for (const std::string_view later : {"status", "encrypted_content"})
      copy.as_object().erase(later);
    if (copy.find("role") != nullptr) copy.as_object().erase("content");
    return item_rest(copy);
  }

  int open_block(OpenItem& item, Block block) {
    const int index = next_++;
    if (item.last >= 0) emit(BlockStop{0, item.last});
    if (item.first < 0) item.first = index;
    item.last = index;
    emit(BlockStart{0, index, std::move(block)});
    return index;
  }

  void close(OpenItem& item) {
    if (item.done) return;
    item.done = true;
    if (item.last >= 0) emit(BlockStop{0, item.last});
  }

  void item_done(OpenItem& item, Json& json) {
    if (item.done) return;
    switch (item.kind) {
      case OpenItem::Kind::kMessage:
      case OpenItem::Kind::kReasoning:
        said_done(item, json);
        break;
      case OpenItem::Kind::kCall:
        call_done(item, json);
        break;
      case OpenItem::Kind::kRaw:
        if (differ(json.as_object(), item.rest) && item.last >= 0) {
          Extra extra{.dialect = kMe};
          extra.members.append("item", std::move(json));
          emit(BlockExtra{0, item.last, std::move(extra)});
        }
        break;
    }
    close(item);
  }

  // A message or thoughts.
  void said_done(OpenItem& item, Json& json) {
    JsonObject rest = item_rest(json);
    std::vector<Block> blocks;
    if (!decode_output_item(json, kNowhere, Mode::kLenient, blocks) || blocks.empty()) return;
    std::string signature = blocks.back().signature;
    if (item.first < 0) {
      // No part came: the blocks are what the whole item says.
      for (Block& block : blocks) whole_block(item, std::move(block));
    } else if (differ(rest, item.rest)) {
      Extra extra{.dialect = kMe, .forms = blocks.front().extra.forms & forms::kNoStatus};
      extra.members.append("item", Json(std::move(rest)));
      emit(BlockExtra{0, item.last, std::move(extra)});
    }
    if (!signature.empty()) emit(SignatureDelta{0, item.last, std::move(signature)});
  }

  void whole_block(OpenItem& item, Block block) {
    std::string said;
    block.signature.clear();
    if (Text* body = block.as<Text>()) said = std::exchange(body->text, {});
    if (Thinking* thought = block.as<Thinking>()) said = std::exchange(thought->text, {});
    const bool is_text = block.as<Text>() != nullptr;
    const int index = open_block(item, std::move(block));
    if (said.empty()) return;
    if (is_text) {
      emit(TextDelta{0, index, std::move(said)});
    } else {
      emit(ThinkingDelta{0, index, std::move(said)});
    }
  }

  void call_done(OpenItem& item, Json& json) {
    std::vector<Block> blocks;
    if (!decode_output_item(json, kNowhere, Mode::kLenient, blocks) || blocks.empty()) return;
    Block& block = blocks.front();
    ToolCall* call = block.as<ToolCall>();
    if (call == nullptr || item.last < 0) return;
    if (!item.wrote && !call->arguments.empty())
      emit(ArgumentsDelta{0, item.last, std::move(call->arguments)});
    const std::uint32_t forms = block.extra.forms & forms::kNoStatus;
    if (differ(block.extra.members, item.rest) || forms != 0) {
      block.extra.forms = forms;
      emit(BlockExtra{0, item.last, std::move(block.extra)});
    }
  }

  // ---- parts ----

  OpenItem& item_of(const Json& json, OpenItem::Kind kind) {
    start_if_needed();
    const std::int64_t index = number(json, "output_index");
    const bool fresh = !items_.contains(index);
    OpenItem& item = items_[index];
    if (fresh) {  // its beginning never came
      item.kind = kind;
      if (const std::string* id = json.find_string("item_id")) item.id = *id;
      if (kind == OpenItem::Kind::kCall) {
        called_ = true;
        Block block(ToolCall{.id = item.id});
        block.extra.dialect = kMe;
        open_block(item, std::move(block));
      }
    }
    return item;
  }

  void first_of(OpenItem& item, Block& block) {
    block.extra.dialect = kMe;
    if (item.first >= 0) {
      if (item.kind == OpenItem::Kind::kReasoning) block.extra.forms |= forms::kContinues;
      return;
    }
    if (item.kind == OpenItem::Kind::kMessage) {
      block.extra.forms |= forms::kItemStart;
      if (!item.rest.contains("id") && !item.id.empty()) item.rest.append("id", item.id);
    }
    if (!item.rest.empty()) block.extra.members.append("item", Json(item.rest));
  }

  Part& part_of(OpenItem& item, const Json& json, Block shape) {
    const bool summary =
        shape.as<Thinking>() != nullptr && shape.as<Thinking>()->kind == Thinking::Kind::kSummary;
    auto& parts = summary ? item.summaries : item.parts;
    Part& part = parts[number(json, summary ? "summary_index" : "content_index")];
    if (part.index >= 0) return part;
    if (Thinking* thinking = shape.as<Thinking>()) thinking->id = item.id;
    part.rest = shape.extra.members;
    first_of(item, shape);
    part.index = open_block(item, std::move(shape));
    return part;
  }

  bool part_event(const std::string& type, Json& json) {
    constexpr std::string_view kPrefix = "response.";
    if (!std::string_view(type).starts_with(kPrefix)) return false;
    const std::string_view name = std::string_view(type).substr(kPrefix.size());
    if (name == "content_part.added") return part_added(json);
    if (name == "content_part.done") return part_done(json);
    if (name == "output_text.delta") return text_delta(json);
    if (name == "output_text.annotation.added") return annotation(json);
    if (name == "refusal.delta") return refusal_delta(json);
    if (name == "reasoning_summary_text.delta")
      return thought_delta(json, Thinking::Kind::kSummary);
    if (name == "reasoning_text.delta") return thought_delta(json, Thinking::Kind::kFull);
    if (name == "reasoning_summary_part.added") {
      OpenItem& item = item_of(json, OpenItem::Kind::kReasoning);
      if (item.kind != OpenItem::Kind::kReasoning) return false;
      part_of(item, json, Block(Thinking{.kind = Thinking::Kind::kSummary}));
      return true;
    }
    if (name == "function_call_arguments.delta" || name == "custom_tool_call_input.delta")
      return arguments_delta(json);
    if (name == "output_text.done") return text_done(json, "text");
    if (name == "refusal.done") return text_done(json, "refusal");
    if (name == "reasoning_summary_text.done") return thought_done(json, Thinking::Kind::kSummary);
    if (name == "reasoning_text.done") return thought_done(json, Thinking::Kind::kFull);
    if (name == "function_call_arguments.done") return arguments_done(json, "arguments");
    if (name == "custom_tool_call_input.done") return arguments_done(json, "input");
    return name == "reasoning_summary_part.done";
  }

  bool part_added(Json& json) {
    Json* part = json.find("part");
    if (part == nullptr || !part->is_object()) return false;
    const std::string* type = part->find_string("type");
    if (type != nullptr && *type == "reasoning_text") {
      OpenItem& item = item_of(json, OpenItem::Kind::kReasoning);
      if (item.kind != OpenItem::Kind::kReasoning) return false;
      part_of(item, json, Block(Thinking{}));
      return true;
    }
    OpenItem& item = item_of(json, OpenItem::Kind::kMessage);
    if (item.kind != OpenItem::Kind::kMessage) return false;
    Block block = decode_part(*part);
    // Empty members of the start stand for what is to come.
    for (const std::string_view later : {"text", "refusal"}) block.extra.members.erase(later);
    part_of(item, json, std::move(block));
    return true;
  }

  bool text_delta(Json& json) {
    std::string* piece = text(json, "delta");
    OpenItem& item = item_of(json, OpenItem::Kind::kMessage);
    if (piece == nullptr || item.kind != OpenItem::Kind::kMessage) return false;
    Part& part = part_of(item, json, Block(Text{}));
    Json* logprobs = json.find("logprobs");
    if (logprobs != nullptr && logprobs->is_array() && !logprobs->as_array().empty()) {
      for (const Json& one : logprobs->as_array()) part.logprobs.push_back(one);
      emit(
          LogprobsDelta{0, Json::object({{"content", std::move(*logprobs)}, {"refusal", Json()}})});
    }
    if (piece->empty()) return true;
    part.text = true;
    emit(TextDelta{0, part.index, std::move(*piece)});
    return true;
  }

  bool refusal_delta(Json& json) {
    std::string* piece = text(json, "delta");
    OpenItem& item = item_of(json, OpenItem::Kind::kMessage);
    if (piece == nullptr || item.kind != OpenItem::Kind::kMessage) return false;
    Part& part = part_of(item, json, Block(Refusal{}));
    part.text = part.text || !piece->empty();
    if (!piece->empty()) emit(RefusalDelta{0, part.index, std::move(*piece)});
    return true;
  }

  bool text_done(Json& json, std::string_view name) {
    std::string* whole = text(json, name);
    OpenItem& item = item_of(json, OpenItem::Kind::kMessage);
    if (whole == nullptr || item.kind != OpenItem::Kind::kMessage) return false;
    const bool refusal = name == "refusal";
    Part& part = part_of(item, json, refusal ? Block(Refusal{}) : Block(Text{}));
    if (part.text || whole->empty()) return true;
    part.text = true;
    if (refusal) {
      emit(RefusalDelta{0, part.index, std::move(*whole)});
    } else {
      emit(TextDelta{0, part.index, std::move(*whole)});
    }
    return true;
  }

  bool annotation(Json& json) {
    Json* one = json.find("annotation");
    OpenItem& item = item_of(json, OpenItem::Kind::kMessage);
    if (one == nullptr || item.kind != OpenItem::Kind::kMessage) return false;
    Part& part = part_of(item, json, Block(Text{}));
    ++part.citations;
    emit(CitationDelta{0, part.index, decode_annotation(std::move(*one))});
    return true;
  }

  bool part_done(Json& json) {
    Json* whole = json.find("part");
    if (whole == nullptr || !whole->is_object()) return false;
    const std::string* type = whole->find_string("type");
    if (type != nullptr && *type == "reasoning_text") return true;
    OpenItem& item = item_of(json, OpenItem::Kind::kMessage);
    if (item.kind != OpenItem::Kind::kMessage) return false;
    Block block = decode_part(*whole);
    Block shape = block;
    std::string said;
    std::vector<Citation> citations;
    if (Text* body = shape.as<Text>()) {
      said = std::exchange(body->text, {});
      citations = std::exchange(body->citations, {});
    } else if (Refusal* refusal = shape.as<Refusal>()) {
      said = std::exchange(refusal->text, {});
    }
    JsonObject rest = shape.extra.members;
    const bool refused = shape.as<Refusal>() != nullptr;
    Part& part = part_of(item, json, std::move(shape));
    if (!part.text && !said.empty()) {
      part.text = true;
      if (refused) {
        emit(RefusalDelta{0, part.index, std::move(said)});
      } else {
        emit(TextDelta{0, part.index, std::move(said)});
      }
    }
    for (; part.citations < citations.size(); ++part.citations)
      emit(CitationDelta{0, part.index, std::move(citations[part.citations])});
    const Json* logprobs = rest.find("logprobs");
    if (!part.logprobs.empty() && (logprobs == nullptr || says_nothing(*logprobs)))
      rest.set("logprobs", Json(std::move(part.logprobs)));
    if (differ(rest, part.rest))
      emit(BlockExtra{0, part.index, {.dialect = kMe, .members = std::move(rest)}});
    return true;
  }

  bool thought_delta(Json& json, Thinking::Kind kind) {
    std::string* piece = text(json, "delta");
    OpenItem& item = item_of(json, OpenItem::Kind::kReasoning);
    if (piece == nullptr || item.kind != OpenItem::Kind::kReasoning) return false;
    Part& part = part_of(item, json, Block(Thinking{.kind = kind}));
    part.text = part.text || !piece->empty();
    if (!piece->empty()) emit(ThinkingDelta{0, part.index, std::move(*piece)});
    return true;
  }

  bool thought_done(Json& json, Thinking::Kind kind) {
    std::string* whole = text(json, "text");
    OpenItem& item = item_of(json, OpenItem::Kind::kReasoning);
    if (whole == nullptr || item.kind != OpenItem::Kind::kReasoning) return false;
    Part& part = part_of(item, json, Block(Thinking{.kind = kind}));
    if (!part.text && !whole->empty()) emit(ThinkingDelta{0, part.index, std::move(*whole)});
    part.text = true;
    return true;
  }

  bool arguments_delta(Json& json) {
    std::string* piece = text(json, "delta");
    OpenItem& item = item_of(json, OpenItem::Kind::kCall);
    if (piece == nullptr || item.kind != OpenItem::Kind::kCall) return false;
    if (piece->empty()) return true;
    item.wrote = true;
    emit(ArgumentsDelta{0, item.last, std::move(*piece)});
    return true;
  }

  bool arguments_done(Json& json, std::string_view name) {
    std::string* whole = text(json, name);
    OpenItem& item = item_of(json, OpenItem::Kind::kCall);
    if (whole == nullptr || item.kind != OpenItem::Kind::kCall) return false;
    if (item.wrote || whole->empty()) return true;
    item.wrote = true;
    emit(ArgumentsDelta{0, item.last, std::move(*whole)});
    return true;
  }

  bool started_ = false;
  bool ended_ = false;
  bool called_ = false;
  int next_ = 0;
  std::vector<Delta>* out_ = nullptr;
  std::map<std::int64_t, OpenItem> items_;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Quirks*) {
  return std::make_unique<Decoder>();
}

}  // namespace sighter::wire::openai_responses
