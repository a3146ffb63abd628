#include <algorithm>
#include <map>
#include <utility>

#include "wire/bedrock_content.hpp"
#include "wire/errors.hpp"
#include "wire/media.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;
const Place kNowhere{};
using Mode = ObjectReader::Mode;

// A block of the stream that has begun and not ended.
struct Open {
  int index = -1;      // ours; -1: it waits for its end, when it is whole
  bool call = false;   // its arguments come in pieces
  bool wrote = false;  // of a call: a piece has come
  std::string blob{};  // of encrypted thoughts, decoded
  Json whole{};        // of a result of the provider's own tools
};

class Decoder final : public StreamDecoder {
 public:
  Status feed(std::string_view event, std::string_view data, std::vector<Delta>& out) override {
    if (ended_) return {};
    out_ = &out;
    Result<Json> json = json_parse(data, "stream event");
    if (!json || !json->is_object()) {
      stopped_ = false;
      return fail(Kind::kUpstream, "the stream holds an event that is not a JSON object" +
                                       (json ? std::string() : ": " + json.error().what));
    }
    json->as_object().erase("p");  // padding
    if (event == "messageStart") {
      start(*json);
    } else if (event == "contentBlockStart") {
      block_start(*json);
    } else if (event == "contentBlockDelta") {
      block_delta(*json);
    } else if (event == "contentBlockStop") {
      block_stop(number_of(*json));
    } else if (event == "messageStop") {
      message_stop(*json);
    } else if (event == "metadata") {
      metadata(*json);
    } else if (event.ends_with("Exception") || event == "error") {
      WireError error = read_error(kMe, 0, std::move(*json));
      error.type = event;
      error.kind = kind_of_error(0, error.type, error.code, error.message);
      emit(StreamError{std::move(error)});
      ended_ = true;
    } else {
      emit(RawEvent{.dialect = kMe, .name = std::string(event), .json = std::move(*json)});
    }
    return {};
  }

  Status end(std::vector<Delta>& out) override {
    if (ended_) return {};
    if (!stopped_)
      return fail(Kind::kUpstream,
                  "the stream ended without messageStop: the reply is not complete");
    out.emplace_back(End{});
    ended_ = true;
    return {};
  }

 private:
  template <class T>
  void emit(T&& delta) {
    out_->emplace_back(std::forward<T>(delta));
  }

  static std::int64_t number_of(const Json& json) {
    const Json* index = json.find("contentBlockIndex");
    return index == nullptr ? 0 : index->to_int().value_or(0);
  }

  static Json* member(Json& json, std::string_view outer, std::string_view inner) {
    Json* object = json.find(outer);
    return object == nullptr ? nullptr : object->find(inner);
  }

  static std::string* text(Json* json) {
    return json != nullptr && json->is_string() ? &json->as_string() : nullptr;
  }

  void start(Json& json) {
    ObjectReader reader(json.as_object(), kNowhere, Mode::kLenient);
    const std::uint32_t forms = reader.constant("role", "assistant") ? 0 : forms::kNoRole;
    emit(StreamStart{.dialect = kMe});
    emit(MessageExtra{.choice = 0, .extra = reader.rest(kMe, forms)});
  }

  void block_start(Json& json) {
    const std::int64_t number = number_of(json);
    if (Json* call = member(json, "start", "toolUse"); call != nullptr && call->is_object()) {
      JsonArray list{Json::object({{"toolUse", std::move(*call)}})};
      std::vector<Block> blocks;
      if (!decode_blocks(list, kNowhere, "start", Mode::kLenient, blocks) || blocks.empty()) return;
      Open& open = open_[number] =
          Open{.index = next_++, .call = blocks[0].as<ToolCall>() != nullptr};
      blocks[0].extra.forms &= ~forms::kNoInput;
      emit(BlockStart{0, open.index, std::move(blocks[0])});
      return;
    }
    if (Json* result = member(json, "start", "toolResult"); result && result->is_object()) {
      Open& open = open_[number] = Open{};
      result->as_object().set("content", Json::array());
      open.whole = Json::object({{"toolResult", std::move(*result)}});
      return;
    }
    emit(RawEvent{.dialect = kMe, .name = "contentBlockStart", .json = std::move(json)});
  }

  // The block of that number, begun now if need be.
  int opened(std::int64_t number, Block shape) {
    const auto [at, fresh] = open_.try_emplace(number);
    if (fresh || at->second.index < 0) {
      at->second.index = next_++;
      shape.extra.dialect = kMe;
      emit(BlockStart{0, at->second.index, std::move(shape)});
    }
    return at->second.index;
  }

  void block_delta(Json& json) {
    const std::int64_t number = number_of(json);
    if (std::string* words = text(member(json, "delta", "text"))) {
      const int index = opened(number, Text{});
      emit(TextDelta{0, index, std::move(*words)});
    } else if (Json* call = member(json, "delta", "toolUse")) {
      std::string* piece = text(call->find("input"));
      if (piece == nullptr || piece->empty()) return;
      const int index = opened(number, ToolCall{});
      open_[number].wrote = true;
      emit(ArgumentsDelta{0, index, std::move(*piece)});
    } else if (Json* thought = member(json, "delta", "reasoningContent")) {
      think(number, *thought, json);
    } else if (Json* citation = member(json, "delta", "citation")) {
      const int index = opened(number, Text{});
      emit(BlockExtra{0, index, {.dialect = kMe, .forms = forms::kCited, .members = {}}});
      emit(CitationDelta{0, index, decode_citation(std::move(*citation))});
    } else if (Json* result = member(json, "delta", "toolResult");
               result != nullptr && result->is_array() && !open_[number].whole.is_null()) {
      JsonArray& all = open_[number].whole.find("toolResult")->find("content")->as_array();
      for (Json& one : result->as_array()) all.push_back(std::move(one));
    } else {
      emit(RawEvent{.dialect = kMe, .name = "contentBlockDelta", .json = std::move(json)});
    }
  }

  void think(std::int64_t number, Json& thought, Json& json) {
    if (std::string* words = text(thought.find("text"))) {
      const int index = opened(number, Thinking{});
      emit(ThinkingDelta{0, index, std::move(*words)});
    } else if (std::string* proof = text(thought.find("signature"))) {
      const int index = opened(number, Thinking{});
      emit(SignatureDelta{0, index, std::move(*proof)});
    } else if (std::string* data = text(thought.find("redactedContent"))) {
      // Pieces are blobs of their own: they are joined before they are base64 again.
      open_[number].blob += base64_decode(*data).value_or(*data);
    } else {
      emit(RawEvent{.dialect = kMe, .name = "contentBlockDelta", .json = std::move(json)});
    }
  }

  void block_stop(std::int64_t number) {
    const auto at = open_.find(number);
    if (at == open_.end()) {  // an empty text has nothing but its end
      const int index = opened(number, Text{});
      emit(BlockStop{0, index});
      open_.erase(number);
      return;
    }
    Open open = std::move(at->second);
    open_.erase(at);
    if (!open.blob.empty()) {
      Block block(Thinking{.kind = Thinking::Kind::kRedacted, .data = base64_encode(open.blob)});
      block.extra.dialect = kMe;
      if (open.index < 0) open.index = next_++;
      emit(BlockStart{0, open.index, std::move(block)});
    } else if (!open.whole.is_null()) {
      JsonArray list{std::move(open.whole)};
      std::vector<Block> blocks;
      if (!decode_blocks(list, kNowhere, "start", Mode::kLenient, blocks) || blocks.empty()) return;
      open.index = next_++;
      emit(BlockStart{0, open.index, std::move(blocks[0])});
    } else if (open.call && !open.wrote) {
      emit(ArgumentsDelta{0, open.index, "{}"});
    }
    if (open.index >= 0) emit(BlockStop{0, open.index});
  }

  void message_stop(Json& json) {
    stopped_ = true;
    ObjectReader reader(json.as_object(), kNowhere, Mode::kLenient);
    std::string word;
    reader.string("stopReason", word);
    Extra rest = reader.rest(kMe);
    if (!rest.members.empty()) emit(ReplyExtra{std::move(rest)});
    while (!open_.empty()) block_stop(open_.begin()->first);
    if (!word.empty()) emit(Finish{.choice = 0, .reason = finish_reason(word)});
  }

  void metadata(Json& json) {
    ObjectReader reader(json.as_object(), kNowhere, Mode::kLenient);
    if (Json* usage = reader.peek("usage"); usage != nullptr && usage->is_object()) {
      reader.take(usage);
      emit(UsageDelta{decode_usage(std::move(*usage))});
    }
    Extra rest = reader.rest(kMe);
    if (!rest.members.empty()) emit(ReplyExtra{std::move(rest)});
    if (!stopped_) return;
    emit(End{});
    ended_ = true;
  }

  bool stopped_ = false;
  bool ended_ = false;
  int next_ = 0;
  std::vector<Delta>* out_ = nullptr;
  std::map<std::int64_t, Open> open_;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Quirks*) {
  return std::make_unique<Decoder>();
}

}  // namespace sighter::wire::bedrock
