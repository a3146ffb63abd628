#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "wire/call_id.hpp"
#include "wire/errors.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_chat_facts.hpp"
#include "wire/openai_chat_message.hpp"

namespace sighter::wire::openai_chat {
namespace {

constexpr Dialect kMe = Dialect::kOpenAiChat;
const Place kNowhere{};

// Members that differ from what was said before; `seen` is brought up to date.
JsonObject changes(JsonObject members, JsonObject& seen) {
  JsonObject out;
  for (auto& [name, value] : members) {
    Json* old = seen.find(name);
    // A null behind something said is a chunk that does not repeat it.
    if (old != nullptr && (value.is_null() || *old == value)) continue;
    if (old != nullptr) {
      *old = value;
    } else {
      seen.append(name, value);
    }
    out.append(name, std::move(value));
  }
  return out;
}

// A run of deltas of one kind: text, thinking in one of its forms, refusal.
struct Flow {
  enum class Kind { kNone, kText, kThinking, kRefusal };
  Kind kind = Kind::kNone;
  std::uint32_t form = 0;
  std::string key;  // of a reasoning detail
  JsonObject seen;  // its other members
  int index = 0;
  // Thoughts whose detail came without their text, which is said beside it.
  std::string said{};
};

struct Call {
  std::int64_t number = 0;
  int index = 0;
  std::string id;
};

struct ChoiceState {
  bool finished = false;
  bool content = false;
  int next = 0;
  int text = -1;  // the last text
  Flow flow;
  std::vector<Call> calls;
  std::int64_t last_number = -1;  // the greatest of them
  JsonObject seen_choice;
  JsonObject seen_message;
  JsonObject audio;
};

class Decoder final : public StreamDecoder {
 public:
  explicit Decoder(const Quirks* quirks) : done_marker_(quirks == nullptr || quirks->done_marker) {}

  Status feed(std::string_view event, std::string_view data, std::vector<Delta>& out) override {
    if (ended_) return {};
    out_ = &out;
    while (!data.empty() && (data.front() == ' ' || data.front() == '\n')) data.remove_prefix(1);
    while (!data.empty() && (data.back() == ' ' || data.back() == '\n')) data.remove_suffix(1);
    if (data.empty()) return {};
    if (data == "[DONE]") {
      if (choices_.empty())
        return fail(Kind::kUpstream, "the stream ended without a choice: it is no reply");
      finish();
      return {};
    }
    Result<Json> json = json_parse(data, "stream event");
    if (!json)
      return fail(Kind::kUpstream,
                  "the stream holds an event that is not JSON: " + json.error().what);
    if (!json->is_object())
      return fail(Kind::kUpstream, "the stream holds an event that is not an object");
    const Json* error = json->find("error");
    const std::string* object = json->find_string("object");
    if (event == "error" || (error != nullptr && !error->is_null()) ||
        (object != nullptr && *object == "error")) {
      ended_ = true;
      out.emplace_back(StreamError{read_error(kMe, status_of(error), std::move(*json))});
      return {};
    }
    if (json->find("choices") == nullptr && json->find("usage") == nullptr) {
      out.emplace_back(
          RawEvent{.dialect = kMe, .name = std::string(event), .json = std::move(*json)});
      return {};
    }
    chunk(json->as_object());
    return {};
  }

  Status feed_relayed(std::string_view event, std::string_view data,
                      std::vector<Delta>& out) override {
    if (ended_ || !event.empty()) return feed(event, data, out);
    std::optional<ChatFacts> facts = facts_of(data);
    if (!facts || facts->content) return feed(event, data, out);
    if (facts->choice) {
      ChoiceState& state = choices_[0];
      if (facts->finish && !facts->finish->empty() && !state.finished) {
        out.emplace_back(Finish{.choice = 0, .reason = finish_reason(*facts->finish)});
        state.finished = true;
      }
    }
    if (facts->usage) out.emplace_back(UsageDelta{std::move(*facts->usage)});
    return {};
  }

  Status end(std::vector<Delta>& out) override {
    if (ended_) return {};
    out_ = &out;
    bool finished = !choices_.empty();
    for (const auto& [number, state] : choices_) finished = finished && state.finished;
    if (!done_marker_ && finished) {
      finish();
      return {};
    }
    return fail(Kind::kUpstream, "the stream ended without [DONE]: the reply is not complete");
  }

 private:
  static int status_of(const Json* error) {
    const Json* status = error == nullptr ? nullptr : error->find("status_code");
    return status == nullptr ? 0 : static_cast<int>(status->to_int().value_or(0) % 1000);
  }

  template <class T>
  void emit(T&& delta) {
    out_->emplace_back(std::forward<T>(delta));
  }

  void chunk(JsonObject& object) {
    ObjectReader reader(object, kNowhere, ObjectReader::Mode::kLenient);
    StreamStart start{.dialect = kMe};
    reader.string("id", start.id);
    reader.string("model", start.model);
    reader.integer("created", start.created_s);
    reader.string("service_tier", start.service_tier);
    reader.constant("object", "chat.completion.chunk");
    JsonArray* choices = reader.array("choices");
    Json* choices_json = reader.peek("choices");
    Json* usage = reader.peek("usage");
    if (usage != nullptr && !usage->is_object()) usage = nullptr;
    if (choices_json != nullptr) reader.take(choices_json);
    if (usage != nullptr) reader.take(usage);
    Extra rest = reader.rest(kMe);
    for (const std::string_view empty :
         {"usage", "id", "model", "object", "service_tier", "created"}) {
      rest.members.erase(empty);
    }
    const Json* groq = rest.members.find("x_groq");
    const Json* groq_usage = groq == nullptr ? nullptr : groq->find("usage");
    std::optional<Usage> counted;
    if (usage != nullptr) {
      counted = decode_usage(std::move(*usage));
    } else if (groq_usage != nullptr && groq_usage->is_object()) {
      counted = decode_usage(*groq_usage);
    }
    Extra changed{.dialect = kMe, .members = changes(std::move(rest.members), seen_)};
    // Azure's first chunk has neither id nor choices.
    if (!started_ && (!start.id.empty() || (choices != nullptr && !choices->empty()))) {
      started_ = true;
      id_ = start.id;
      start.extra = std::move(changed);
      changed = Extra{.dialect = kMe};
      emit(std::move(start));
    }
    if (!changed.members.empty()) emit(ReplyExtra{std::move(changed)});
    for (std::size_t i = 0; choices != nullptr && i < choices->size(); ++i) {
      if ((*choices)[i].is_object())
        choice((*choices)[i].as_object(), static_cast<std::int64_t>(i));
    }
    if (counted.has_value()) emit(UsageDelta{std::move(*counted)});
  }

  void choice(JsonObject& object, std::int64_t position) {
    ObjectReader reader(object, kNowhere, ObjectReader::Mode::kLenient);
    std::optional<std::int64_t> index;
    reader.integer("index", index);
    const std::int64_t wanted = index.value_or(position);
    number_ = static_cast<int>(wanted < 0 || wanted > 10'000 ? 10'000 : wanted);
    const bool fresh = !choices_.contains(number_);
    state_ = &choices_[number_];
    if (fresh) {
      emit(
          MessageExtra{.choice = number_, .extra = {.dialect = kMe, .forms = forms::kContentText}});
    }
    if (Json* logprobs = reader.peek("logprobs")) {
      emit(LogprobsDelta{number_, std::move(*logprobs)});
      reader.take(logprobs);
    }
    if (Json* delta = reader.peek("delta"); delta != nullptr && delta->is_object()) {
      message(delta->as_object());
      reader.take(delta);
    }
    std::string word;
    reader.string("finish_reason", word);
    Extra rest = reader.rest(kMe);
    for (const std::string_view empty : {"finish_reason", "logprobs"}) rest.members.erase(empty);
    Extra changed{.dialect = kMe, .members = changes(std::move(rest.members), state_->seen_choice)};
    if (!changed.members.empty()) emit(ChoiceExtra{number_, std::move(changed)});
    if (word.empty() || state_->finished) return;
    const bool calls = !state_->calls.empty();
    close_choice();
    emit(Finish{.choice = number_, .reason = finish_reason(word, calls)});
    state_->finished = true;
  }

  void close_choice() {
    close_flow();
    for (const Call& call : state_->calls) emit(BlockStop{number_, call.index});
    state_->calls.clear();
    Extra extra{.dialect = kMe};
    if (!state_->content) extra.members.append("content", Json());
    if (!state_->audio.empty())
      extra.members.append("audio", Json(std::exchange(state_->audio, {})));
    state_->content = true;
    if (!extra.members.empty()) emit(MessageExtra{number_, std::move(extra)});
  }

  void finish() {
    for (auto& [number, state] : choices_) {
      number_ = number;
      state_ = &state;
      close_choice();
    }
    ended_ = true;
    emit(End{});
  }

  void close_flow() {
    if (state_->flow.kind != Flow::Kind::kNone) emit(BlockStop{number_, state_->flow.index});
    state_->flow = {};
  }

  // The index of the open block of that kind and form, opened now if need be.
  int flow(Flow::Kind kind, std::uint32_t form, Block shape, std::string key = {}) {
    Flow& flow = state_->flow;
    if (flow.kind == kind && flow.form == form && flow.key == key) return flow.index;
    close_flow();
    flow = Flow{.kind = kind,
                .form = form,
                .key = std::move(key),
                .seen = shape.extra.members,
                .index = state_->next++};
    shape.extra.dialect = kMe;
    shape.extra.forms |= form;
    emit(BlockStart{number_, flow.index, std::move(shape)});
    return flow.index;
  }

  void text(std::string piece) {
    if (piece.empty()) return;
    state_->content = true;
    const int index = flow(Flow::Kind::kText, 0, Block(Text{}));
    state_->text = index;
    emit(TextDelta{number_, index, std::move(piece)});
  }

  void thinking(std::string piece, std::uint32_t form) {
    if (piece.empty()) return;
    Flow& open = state_->flow;
    const bool detailed = open.kind == Flow::Kind::kThinking && open.form == forms::kThinkDetail;
    const int index = detailed ? open.index : flow(Flow::Kind::kThinking, form, Block(Thinking{}));
    if (detailed) open.said += piece;
    emit(ThinkingDelta{number_, index, std::move(piece)});
  }

  void content(ObjectReader& reader) {
    Json* json = reader.peek("content");
    if (json == nullptr) return;
    if (json->is_string()) {
      text(std::move(json->as_string()));
    } else if (json->is_array()) {
      for (Json& part : json->as_array()) {
        Block block = decode_part(part);
        if (Text* said = block.as<Text>()) {
          text(std::move(said->text));
        } else if (Thinking* thought = block.as<Thinking>()) {
          state_->content = true;
          thinking(std::move(thought->text), forms::kThinkPart);
        } else {
          state_->content = true;
          close_flow();
          const int index = state_->next++;
          emit(BlockStart{number_, index, std::move(block)});
          emit(BlockStop{number_, index});
        }
      }
    } else {
      return;
    }
    reader.take(json);
  }

  // True where it said some of the thoughts.
  bool detail(JsonObject& object) {
    Block block = decode_detail(object);
    Thinking& thought = *block.as<Thinking>();
    for (const std::string_view empty : {"text", "signature", "summary", "data"})
      block.extra.members.erase(empty);
    const Json* position = block.extra.members.find("index");
    const std::string key =
        fmt::format("{}/{}", static_cast<int>(thought.kind),
                    position == nullptr ? std::string() : json_write(*position));
    if (thought.kind == Thinking::Kind::kRedacted) {
      close_flow();
      const int index = state_->next++;
      emit(BlockStart{number_, index, std::move(block)});
      emit(BlockStop{number_, index});
      return true;
    }
    const std::string piece = std::exchange(thought.text, {});
    const std::string signature = std::exchange(block.signature, {});
    JsonObject members = block.extra.members;
    if (!thought.id.empty()) members.append("id", thought.id);
    const std::string id = thought.id;
    const int before = state_->next;
    const int index = flow(Flow::Kind::kThinking, forms::kThinkDetail, std::move(block), key);
    if (state_->next != before && !id.empty()) state_->flow.seen.append("id", id);
    Extra changed{.dialect = kMe, .members = changes(std::move(members), state_->flow.seen)};
    if (!changed.members.empty()) emit(BlockExtra{number_, index, std::move(changed)});
    // The whole again, at its end.
    const bool repeats = !piece.empty() && piece == state_->flow.said;
    if (!piece.empty() && !repeats) emit(ThinkingDelta{number_, index, piece});
    if (!signature.empty()) emit(SignatureDelta{number_, index, signature});
    return !piece.empty();
  }

  void reasoning(ObjectReader& reader) {
    Json* details = reader.peek("reasoning_details");
    if (details != nullptr && details->is_array() && !details->as_array().empty()) {
      bool known = true;
      for (const Json& one : details->as_array()) known = known && is_detail(one);
      if (known) {
        bool said = false;
        for (Json& one : details->as_array()) said = detail(one.as_object()) || said;
        reader.take(details);
        for (const std::string_view repeated : {"reasoning", "reasoning_content"}) {
          std::string text;
          if (!said && reader.string(repeated, text)) {
            thinking(std::move(text), forms::kThinkDetail);
            said = true;
          } else if (Json* member = reader.peek(repeated)) {
            reader.take(member);
          }
        }
        return;
      }
    }
    std::string piece;
    if (reader.string("reasoning_content", piece)) {
      thinking(std::move(piece), forms::kThinkContent);
      if (Json* repeated = reader.peek("reasoning")) reader.take(repeated);
    } else if (reader.string("reasoning", piece)) {
      thinking(std::move(piece), forms::kThinkWord);
    }
  }

  void call(Json& json, std::int64_t position) {
    const Json* index = json.find("index");
    const std::string* id = json.find_string("id");
    const bool has_id = id != nullptr && !id->empty();
    const std::optional<std::string> id_found = has_id ? std::optional(*id) : std::nullopt;
    const Json* function = json.find("function");
    const std::string* name = function == nullptr ? nullptr : function->find_string("name");
    const bool has_name = name != nullptr && !name->empty();
    Call* found = nullptr;
    if (index != nullptr && index->to_int().has_value()) {
      position = *index->to_int();
      // Mostly they come in order: what is behind all others is new.
      const bool known_number = position <= state_->last_number;
      for (Call& known : known_number ? std::span(state_->calls) : std::span<Call>()) {
        // Some servers number every call 0: another id with a name is another call.
        const bool other = has_id && has_name && !known.id.empty() && known.id != *id;
        if (known.number == position && !other) found = &known;
      }
    } else if (has_id) {
      for (Call& known : state_->calls) {
        if (known.id == *id) found = &known;
      }
    } else if (!state_->calls.empty() && !has_name) {
      found = &state_->calls.back();
    }
    if (json.is_object()) json.as_object().erase("index");
    Result<Block> decoded = decode_tool_call(json, kNowhere, ObjectReader::Mode::kLenient);
    if (!decoded) return;
    Block& block = *decoded;
    ToolCall* call = block.as<ToolCall>();
    if (call == nullptr) {
      close_flow();
      const int at = state_->next++;
      emit(BlockStart{number_, at, std::move(block)});
      emit(BlockStop{number_, at});
      return;
    }
    drop_empty(block.extra, call->kind == ToolCall::Kind::kCustom ? "custom" : "function");
    std::string arguments = std::exchange(call->arguments, {});
    int at = 0;
    if (found != nullptr) {
      at = found->index;
      if (has_id && found->id.empty()) {  // what was made stays for those who were told it
        found->id = *id_found;
        block.extra.members.append("id", found->id);
      }
      if (!block.extra.members.empty()) {
        emit(BlockExtra{number_, at, {.dialect = kMe, .members = std::move(block.extra.members)}});
      }
      if (!block.signature.empty()) emit(SignatureDelta{number_, at, std::move(block.signature)});
    } else {
      close_flow();
      at = state_->next++;
      state_->last_number = std::max(state_->last_number, position);
      state_->calls.push_back(Call{.number = position, .index = at, .id = call->id});
      name_call(block);
      emit(BlockStart{number_, at, std::move(block)});
    }
    if (!arguments.empty()) emit(ArgumentsDelta{number_, at, std::move(arguments)});
  }

  // An id where the provider gives none, or gives it later.
  void name_call(Block& block) {
    ToolCall& call = *block.as<ToolCall>();
    const std::size_t number = made_++;
    if (!call.id.empty()) return;
    call.id = made_call_id(id_, number);
    block.extra.forms |= forms::kMadeId;
  }

  // Empty strings stand for "nothing yet" in a stream.
  static void drop_empty(Extra& extra, std::string_view inner) {
    for (const std::string_view name : {"id", "type"}) {
      const Json* member = extra.members.find(name);
      if (member != nullptr && says_nothing(*member)) extra.members.erase(name);
    }
    Json* member = extra.members.find(inner);
    if (member == nullptr || !member->is_object()) return;
    for (const std::string_view name : {"name", "arguments", "input"}) {
      const Json* value = member->find(name);
      if (value != nullptr && says_nothing(*value)) member->as_object().erase(name);
    }
    if (member->as_object().empty()) extra.members.erase(inner);
  }

  void legacy_call(ObjectReader& reader) {
    JsonObject* object = reader.object("function_call");
    if (object == nullptr) return;
    ObjectReader inner(*object, kNowhere, ObjectReader::Mode::kLenient);
    ToolCall call;
    inner.string("name", call.name);
    std::string arguments;
    inner.string("arguments", arguments);
    if (state_->calls.empty() && call.name.empty()) return;
    reader.take(reader.peek("function_call"));
    if (state_->calls.empty()) {
      close_flow();
      state_->calls.push_back(Call{.number = -1, .index = state_->next++, .id = {}});
      Block block(std::move(call));
      block.extra = {.dialect = kMe, .forms = forms::kLegacyCall};
      name_call(block);
      emit(BlockStart{number_, state_->calls.back().index, std::move(block)});
    }
    if (!arguments.empty())
      emit(ArgumentsDelta{number_, state_->calls.back().index, std::move(arguments)});
  }

  // Pieces of spoken output: base64 and transcript are appended, the rest replaced.
  void audio(ObjectReader& reader) {
    JsonObject* piece = reader.object("audio");
    if (piece == nullptr) return;
    for (auto& [name, value] : *piece) {
      Json* old = state_->audio.find(name);
      const bool grows = name == "data" || name == "transcript";
      if (grows && old != nullptr && old->is_string() && value.is_string()) {
        old->as_string() += value.as_string();
      } else {
        state_->audio.set(name, std::move(value));
      }
    }
    reader.take(reader.peek("audio"));
  }

  void message(JsonObject& object) {
    ObjectReader reader(object, kNowhere, ObjectReader::Mode::kLenient);
    reader.constant("role", "assistant");
    reasoning(reader);
    content(reader);
    std::string refusal;
    if (reader.string("refusal", refusal)) {
      const int index = flow(Flow::Kind::kRefusal, 0, Block(Refusal{}));
      emit(RefusalDelta{number_, index, std::move(refusal)});
    }
    if (JsonArray* calls = reader.array("tool_calls")) {
      std::int64_t position = 0;
      for (Json& json : *calls) call(json, position++);
      reader.take(reader.peek("tool_calls"));
    }
    legacy_call(reader);
    audio(reader);
    annotations(reader);
    Extra rest = reader.rest(kMe);
    for (const std::string_view empty : {"content", "refusal", "role", "reasoning",
                                         "reasoning_content", "tool_calls", "reasoning_details"}) {
      const Json* member = rest.members.find(empty);
      if (member != nullptr && says_nothing(*member)) rest.members.erase(empty);
    }
    Extra changed{.dialect = kMe,
                  .members = changes(std::move(rest.members), state_->seen_message)};
    if (!changed.members.empty()) emit(MessageExtra{number_, std::move(changed)});
  }

  void annotations(ObjectReader& reader) {
    Json* list = reader.peek("annotations");
    if (list == nullptr || !list->is_array() || list->as_array().empty()) return;
    if (state_->text < 0) return;
    for (Json& one : list->as_array()) {
      emit(CitationDelta{number_, state_->text, decode_annotation(std::move(one))});
    }
    reader.take(list);
  }

  const bool done_marker_;
  bool started_ = false;
  bool ended_ = false;
  std::vector<Delta>* out_ = nullptr;
  std::map<int, ChoiceState> choices_;
  std::string id_;
  std::size_t made_ = 0;  // calls so far
  JsonObject seen_;
  int number_ = 0;
  ChoiceState* state_ = nullptr;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Quirks* quirks) {
  return std::make_unique<Decoder>(quirks);
}

}  // namespace sighter::wire::openai_chat
