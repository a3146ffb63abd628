#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "wire/anthropic.hpp"
#include "wire/anthropic_content.hpp"
#include "wire/errors.hpp"
#include "wire/proof.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::anthropic {
namespace {

constexpr Dialect kMe = Dialect::kAnthropic;
constexpr std::string_view kStructure[] = {"type", "object", "role", "status", "index", "thinking"};
const Place kNowhere{};
using Mode = ObjectReader::Mode;

class Decoder final : public StreamDecoder {
 public:
  Status feed(std::string_view event, std::string_view data, std::vector<Delta>& out) override {
    if (ended_) return {};
    if (data.find_first_not_of(" \n") == data.npos) return {};
    out_ = &out;
    Result<Json> json = json_parse(data, "stream event");
    if (!json)
      return fail(Kind::kUpstream,
                  "the stream holds an event that is not JSON: " + json.error().what);
    const std::string* found = json->find_string("type");
    const std::string type = found == nullptr ? std::string(event) : *found;
    if (!json->is_object())
      return fail(Kind::kUpstream, "the stream holds an event that is not an object");
    if (type == "message_start") {
      start(*json);
    } else if (type == "content_block_start") {
      block_start(*json);
    } else if (type == "content_block_delta") {
      block_delta(*json);
    } else if (type == "content_block_stop") {
      block_stop(index_of(*json));
    } else if (type == "message_delta") {
      message_delta(*json);
    } else if (type == "message_stop") {
      emit(End{});
      ended_ = true;
    } else if (type == "ping") {
      emit(Ping{});
    } else if (type == "error" || json->find("error") != nullptr) {
      emit(StreamError{read_error(kMe, 0, std::move(*json))});
      ended_ = true;
    } else {
      emit(RawEvent{.dialect = kMe, .name = type, .json = std::move(*json)});
    }
    return {};
  }

  Status end(std::vector<Delta>&) override {
    if (ended_) return {};
    return fail(Kind::kUpstream,
                "the stream ended without message_stop: the reply is not complete");
  }

 private:
  struct Open {
    bool function = false;
    bool wrote = false;
  };

  template <class T>
  void emit(T&& delta) {
    out_->emplace_back(std::forward<T>(delta));
  }

  static int index_of(const Json& json) {
    const Json* index = json.find("index");
    const std::int64_t value = index == nullptr ? 0 : index->to_int().value_or(0);
    return static_cast<int>(std::clamp<std::int64_t>(value, 0, 10'000));
  }

  void start(Json& json) {
    StreamStart start{.dialect = kMe};
    Json* message = json.find("message");
    if (message != nullptr && message->is_object()) {
      ObjectReader reader(message->as_object(), kNowhere, Mode::kLenient);
      reader.constant("type", "message");
      reader.constant("role", "assistant");
      reader.string("id", start.id);
      reader.string("model", start.model);
      if (Json* content = reader.peek("content")) reader.take(content);
      if (Json* usage = reader.peek("usage"); usage != nullptr && usage->is_object()) {
        usage_ = std::move(usage->as_object());
        start.usage = decode_usage(Json(usage_));
        if (const std::string* tier = start.usage->raw.find_string("service_tier"))
          start.service_tier = *tier;
        reader.take(usage);
      }
      start.extra = reader.rest(kMe);
      start.extra.members.erase("stop_reason");
    }
    emit(std::move(start));
  }

  void block_start(Json& json) {
    const int index = index_of(json);
    Json* content = json.find("content_block");
    Json nothing;
    Result<Block> block =
        decode_block(content == nullptr ? nothing : *content, kNowhere, Mode::kLenient);
    if (!block) return;
    Open& open = open_[index] = {};
    // Empty members of the start stand for what is to come.
    for (const std::string_view name : {"text", "thinking", "signature"}) {
      const Json* member = block->extra.members.find(name);
      if (member != nullptr && says_nothing(*member)) block->extra.members.erase(name);
    }
    if (ToolCall* call = block->as<ToolCall>()) {
      if (call->arguments == "{}") call->arguments.clear();
      open.function = true;
      open.wrote = !call->arguments.empty();
    }
    emit(BlockStart{0, index, std::move(*block)});
  }

  void block_delta(Json& json) {
    const int index = index_of(json);
    Json* delta = json.find("delta");
    const std::string* type = delta == nullptr ? nullptr : delta->find_string("type");
    const auto text = [&](std::string_view name) -> std::string* {
      Json* member = delta->find(name);
      return member != nullptr && member->is_string() ? &member->as_string() : nullptr;
    };
    if (type == nullptr) return;
    if (*type == "text_delta" && text("text")) {
      emit(TextDelta{0, index, std::move(*text("text"))});
    } else if (*type == "input_json_delta" && text("partial_json")) {
      std::string piece = std::move(*text("partial_json"));
      if (piece.empty()) return;
      open_[index].wrote = true;
      emit(ArgumentsDelta{0, index, std::move(piece)});
    } else if (*type == "thinking_delta" && text("thinking")) {
      emit(ThinkingDelta{0, index, std::move(*text("thinking"))});
    } else if (*type == "signature_delta" && text("signature")) {
      emit(SignatureDelta{0, index, std::move(*text("signature"))});
    } else if (*type == "citations_delta" && delta->find("citation") != nullptr) {
      emit(CitationDelta{0, index, decode_citation(std::move(*delta->find("citation")))});
    } else {
      emit(RawEvent{.dialect = kMe, .name = "content_block_delta", .json = std::move(json)});
    }
  }

  void block_stop(int index) {
    const auto open = open_.find(index);
    if (open != open_.end()) {
      if (open->second.function && !open->second.wrote) emit(ArgumentsDelta{0, index, "{}"});
      open_.erase(open);
    }
    emit(BlockStop{0, index});
  }

  void message_delta(Json& json) {
    ObjectReader reader(json.as_object(), kNowhere, Mode::kLenient);
    reader.constant("type", "message_delta");
    std::string word;
    std::string sequence;
    if (JsonObject* delta = reader.object("delta")) {
      ObjectReader inner(*delta, kNowhere, Mode::kLenient);
      inner.string("stop_reason", word);
      inner.string("stop_sequence", sequence);
      Extra rest = inner.rest(kMe);
      rest.members.erase("stop_reason");
      if (!rest.members.empty()) emit(ReplyExtra{std::move(rest)});
      reader.take(reader.peek("delta"));
    }
    if (JsonObject* usage = reader.object("usage")) {
      // It counts on from the start; what it does not repeat still holds.
      for (auto& [name, value] : *usage) {
        const Json* old = usage_.find(name);
        if (value.is_null() && old != nullptr) continue;
        usage_.set(name, std::move(value));
      }
      reader.take(reader.peek("usage"));
      emit(UsageDelta{decode_usage(Json(usage_))});
    }
    Extra rest = reader.rest(kMe);
    if (!rest.members.empty()) emit(ReplyExtra{std::move(rest)});
    if (!word.empty()) {
      emit(
          Finish{.choice = 0, .reason = finish_reason(word), .stop_sequence = std::move(sequence)});
    }
  }

  bool ended_ = false;
  std::vector<Delta>* out_ = nullptr;
  JsonObject usage_;
  std::map<int, Open> open_;
};

// Blocks go out one after the other: where the source has several open at a time, the later ones
// wait until the first is closed.
class Encoder final : public StreamEncoder {
 public:
  explicit Encoder(const EncodeOptions& options)
      : model_(options.model), losses_(Losses::of_reply(kMe)) {}

  void write(const Delta& delta, std::string& out) override {
    if (ended_) return;
    out_ = &out;
    std::visit([this](const auto& d) { route(d); }, delta);
    note(losses_.take_dropped(), losses_.take_approximated());
  }

 private:
  template <class T>
  static constexpr bool kOfBlock = requires(const T& d) {
    d.index;
  };
  template <class T>
  static constexpr bool kOfChoice = requires(const T& d) {
    d.choice;
  };

  template <class T>
  void route(const T& d) {
    if constexpr (kOfChoice<T>) {
      if (d.choice != 0) {
        losses_.cannot("choices");
        return;
      }
    }
    if constexpr (kOfBlock<T>) {
      if (current_ >= 0 && d.index != current_) {
        std::vector<Delta>& held = waiting_[d.index];
        if (held.empty()) turns_.push_back(d.index);
        held.emplace_back(d);
        return;
      }
      on(d);
      if constexpr (std::is_same_v<T, BlockStop>) go_on();
    } else {
      on(d);
    }
  }

  // The blocks that waited for the one that has just been closed, up to one that is open.
  void go_on() {
    while (current_ < 0 && !turns_.empty()) {
      const auto held = waiting_.extract(turns_.front());
      turns_.pop_front();
      for (const Delta& delta : held.mapped()) {
        std::visit(
            [this]<class T>(const T& d) {
              if constexpr (kOfBlock<T>) on(d);
            },
            delta);
      }
    }
  }

  template <class Write>
  void event(std::string_view type, Write&& write) {
    std::string& out = *out_;
    out += "event: ";
    out += type;
    out += "\ndata: ";
    ObjectWriter writer(out);
    writer.string("type", type);
    write(writer);
    writer.end();
    out += "\n\n";
  }

  template <class Write>
  void delta(int index, std::string_view type, Write&& write) {
    const auto number = numbers_.find(index);
    if (number == numbers_.end()) return;  // a block that this dialect has no place for
    event("content_block_delta", [&](ObjectWriter& writer) {
      writer.integer("index", number->second);
      ObjectWriter inner(writer.key("delta"));
      inner.string("type", type);
      write(inner);
      inner.end();
    });
  }

  void on(const StreamStart& d) {
    if (started_) return;
    started_ = true;
    dialect_ = d.dialect;
    if (d.usage.has_value()) usage_ = *d.usage;
    event("message_start", [&](ObjectWriter& writer) {
      ObjectWriter message(writer.key("message"));
      message.string("id", d.id);
      message.string("type", "message");
      message.string("role", "assistant");
      message.string("model",
                     model_.empty() ? std::string_view(d.model) : std::string_view(model_));
      message.raw("content", "[]");
      message.raw("stop_reason", "null");
      if (!losses_.own(d.extra) || !d.extra.members.contains("stop_sequence")) {
        message.raw("stop_sequence", "null");
      }
      write_usage(message.key("usage"), d.usage.value_or(Usage{}), losses_);
      note_unsaid_tier(d.dialect, d.service_tier, losses_);
      losses_.rest(message, d.extra, "", kStructure);
      message.end();
    });
    // As the provider's own streams have one near their beginning.
    if (dialect_ != kMe) on(Ping{});
  }

  void on(const BlockStart& d) {
    if (!started_) on(StreamStart{});
    current_ = d.index;
    if (d.block.as<Thinking>()) thoughts_.insert(d.index);
    if (d.block.as<Refusal>() != nullptr) {
      refused_ = true;
      losses_.approximate("messages.refusal");
    }
    Block shape = d.block;
    if (shape.extra.dialect != kMe) begin_carried(d.index, shape);
    if (held_.contains(d.index)) return;
    start(d, std::move(shape));
  }

  // What another provider signs is said when the block ends: a thought's in its signature, that of
  // any other block in a thought of its own (a call's before it).
  void begin_carried(int index, Block& shape) {
    Block carried = shape;
    if (Text* text = carried.as<Text>()) {
      // An empty text may be nothing but its signature.
      if (text->text.empty() && !shape.signature.empty()) held_.insert(index);
      text->text.clear();
    } else if (Thinking* thought = carried.as<Thinking>()) {
      if (thought->kind == Thinking::Kind::kRedacted) return;
      thought->text.clear();
    } else if (shape.as<ToolCall>()) {
      if (!shape.signature.empty()) prove(marked_proof(shape, proof_words::kNext));
      carried.signature.clear();
    } else {
      return;
    }
    shape.signature.clear();
    carried_[index] = std::move(carried);
  }

  void prove(std::string_view mark) {
    if (mark.empty()) return;
    const int number = next_++;
    event("content_block_start", [&](ObjectWriter& writer) {
      writer.integer("index", number);
      write_proof(writer.key("content_block"), "");
    });
    event("content_block_delta", [&](ObjectWriter& writer) {
      writer.integer("index", number);
      ObjectWriter inner(writer.key("delta"));
      inner.string("type", "signature_delta");
      inner.string("signature", mark);
      inner.end();
    });
    event("content_block_stop", [&](ObjectWriter& writer) { writer.integer("index", number); });
  }

  // A text that waited for its first word.
  void start_held(int index) {
    if (held_.erase(index) == 0) return;
    Block shape = carried_.at(index);
    shape.signature.clear();
    start(BlockStart{0, index, {}}, std::move(shape));
  }

  void start(const BlockStart& d, Block shape) {
    std::string text;
    std::string signature;
    std::vector<Citation> citations;
    if (Text* said = shape.as<Text>()) {
      text = std::exchange(said->text, {});
      citations = std::exchange(said->citations, {});
    } else if (Thinking* thought = shape.as<Thinking>()) {
      text = std::exchange(thought->text, {});
      signature = std::exchange(shape.signature, {});
    } else if (ToolCall* call = shape.as<ToolCall>()) {
      text = std::exchange(call->arguments, {});
    } else if (Refusal* refusal = shape.as<Refusal>()) {
      text = std::exchange(refusal->text, {});
    }
    std::string json;
    if (!write_start(json, shape)) {
      numbers_.erase(d.index);
      return;
    }
    numbers_[d.index] = next_++;
    event("content_block_start", [&](ObjectWriter& writer) {
      writer.integer("index", numbers_[d.index]);
      writer.raw("content_block", json);
    });
    if (!text.empty()) {
      if (shape.as<Thinking>()) {
        on(ThinkingDelta{0, d.index, std::move(text)});
      } else if (shape.as<ToolCall>()) {
        on(ArgumentsDelta{0, d.index, std::move(text)});
      } else {
        on(TextDelta{0, d.index, std::move(text)});
      }
    }
    for (Citation& citation : citations) on(CitationDelta{0, d.index, std::move(citation)});
    if (!signature.empty()) on(SignatureDelta{0, d.index, std::move(signature)});
  }

  bool write_start(std::string& json, const Block& shape) {
    if (!shape.as<Text>() && !shape.as<Refusal>() &&
        !(shape.as<Thinking>() && shape.as<Thinking>()->kind != Thinking::Kind::kRedacted)) {
      return write_block(json, shape, losses_, Side::kReply);
    }
    ObjectWriter writer(json);
    if (shape.as<Thinking>()) {
      writer.string("type", "thinking");
      writer.string("thinking", "");
      writer.string("signature", "");
    } else {
      writer.string("type", "text");
      writer.string("text", "");
    }
    losses_.rest(writer, shape.extra, "messages.content", kStructure);
    writer.end();
    return true;
  }

  void on(const BlockStop& d) {
    current_ = -1;
    const auto carried = carried_.find(d.index);
    const Block block = carried == carried_.end() ? Block() : std::move(carried->second);
    if (carried != carried_.end()) carried_.erase(carried);
    if (held_.erase(d.index) > 0) return prove(marked_proof(block, proof_words::kPart));
    const auto number = numbers_.find(d.index);
    if (number == numbers_.end()) return;
    const bool thought = block.as<Thinking>() != nullptr;
    if (const std::string mark = thought ? proof_of(block) : std::string(); !mark.empty()) {
      delta(d.index, "signature_delta",
            [&](ObjectWriter& writer) { writer.string("signature", mark); });
    }
    event("content_block_stop",
          [&](ObjectWriter& writer) { writer.integer("index", number->second); });
    numbers_.erase(number);
    if (!thought) prove(marked_proof(block, proof_words::kPrevious));
  }

  void on(const TextDelta& d) {
    if (!d.text.empty()) start_held(d.index);
    delta(d.index, "text_delta", [&](ObjectWriter& writer) { writer.string("text", d.text); });
  }
  void on(const RefusalDelta& d) {
    delta(d.index, "text_delta", [&](ObjectWriter& writer) { writer.string("text", d.text); });
  }
  void on(const ThinkingDelta& d) {
    delta(d.index, "thinking_delta",
          [&](ObjectWriter& writer) { writer.string("thinking", d.text); });
  }
  void on(const SignatureDelta& d) {
    if (const auto carried = carried_.find(d.index); carried != carried_.end()) {
      carried->second.signature += d.text;
      return;
    }
    if (!thoughts_.contains(d.index)) {
      losses_.approximate("messages.content.signature");
      return;
    }
    delta(d.index, "signature_delta",
          [&](ObjectWriter& writer) { writer.string("signature", d.text); });
  }
  void on(const ArgumentsDelta& d) {
    delta(d.index, "input_json_delta",
          [&](ObjectWriter& writer) { writer.string("partial_json", d.text); });
  }
  void on(const CitationDelta& d) {
    if (d.citation.dialect != kMe && d.citation.url.empty()) {
      losses_.cannot("messages.content.citations");
      return;
    }
    if (!numbers_.contains(d.index)) {  // its block is closed already
      losses_.cannot("messages.content.citations");
      return;
    }
    delta(d.index, "citations_delta", [&](ObjectWriter& writer) {
      write_citation(writer.key("citation"), d.citation, losses_);
    });
  }
  void on(const BlockExtra& d) { losses_.foreign(d.extra, "messages.content", kStructure); }
  void on(const LogprobsDelta&) { losses_.cannot("choices.logprobs"); }
  void on(const ChoiceExtra& d) { losses_.foreign(d.extra, "choices", kStructure); }
  void on(const MessageExtra& d) { losses_.foreign(d.extra, "choices.message", kStructure); }
  void on(const ReplyExtra& d) {
    if (!losses_.own(d.extra)) {
      losses_.foreign(d.extra, "", kStructure);
      return;
    }
    for (const auto& [name, value] : d.extra.members) late_.set(name, value);
  }
  void on(const UsageDelta& d) { usage_ = d.usage; }
  void on(const Finish& d) { finish_ = d; }
  void on(const Ping&) {
    event("ping", [](ObjectWriter&) {});
  }

  void on(const RawEvent& d) {
    if (d.dialect != kMe) {
      losses_.cannot("event." + d.name);
      return;
    }
    *out_ += "event: " + d.name + "\ndata: ";
    json_write_to(*out_, d.json);
    *out_ += "\n\n";
  }

  void on(const StreamError& d) {
    *out_ += "event: error\ndata: ";
    *out_ += encode_error(d.error);
    *out_ += "\n\n";
    ended_ = true;
  }

  void on(const End&) {
    if (!started_) on(StreamStart{});
    // A source that never closed its blocks.
    while (current_ >= 0) {
      on(BlockStop{0, current_});
      go_on();
    }
    event("message_delta", [&](ObjectWriter& writer) {
      ObjectWriter inner(writer.key("delta"));
      const bool refused = refused_ && dialect_ != kMe;
      const std::string_view word = refused ? "refusal" : stop_word(finish_.reason, dialect_);
      inner.string("stop_reason", word);
      if (!refused) losses_.finish(finish_.reason, finish_reason(word).kind, dialect_);
      if (finish_.stop_sequence.empty()) {
        inner.raw("stop_sequence", "null");
      } else {
        inner.string("stop_sequence", finish_.stop_sequence);
      }
      inner.rest(late_);
      inner.end();
      write_usage(writer.key("usage"), usage_, losses_);
    });
    event("message_stop", [](ObjectWriter&) {});
    ended_ = true;
  }

  const std::string model_;
  Losses losses_;
  std::string* out_ = nullptr;
  Dialect dialect_ = Dialect::kNone;
  bool started_ = false;
  bool ended_ = false;
  bool refused_ = false;
  int current_ = -1;              // the source's number of the open block
  int next_ = 0;                  // our number of the next block
  std::map<int, int> numbers_;    // source's to ours, of open blocks
  std::set<int> thoughts_;        // the source's numbers
  std::map<int, Block> carried_;  // open blocks of another provider, for what it signs of them
  std::set<int> held_;            // texts that have said nothing but a signature so far
  std::map<int, std::vector<Delta>> waiting_;  // of blocks whose turn has not come
  std::deque<int> turns_;                      // theirs, as they came
  JsonObject late_;
  Usage usage_;
  Finish finish_;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Quirks*) {
  return std::make_unique<Decoder>();
}

std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest&, const EncodeOptions& options) {
  return std::make_unique<Encoder>(options);
}

}  // namespace sighter::wire::anthropic
