#include <algorithm>
#include <map>
#include <utility>

#include "wire/call_id.hpp"
#include "wire/errors.hpp"
#include "wire/gemini.hpp"
#include "wire/gemini_partial_arguments.hpp"
#include "wire/gemini_reply.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;
constexpr int kChoicesMax = 10'000;
const Place kNowhere{};
using Mode = ObjectReader::Mode;

// Members that differ from what was said before; `seen` is brought up to date.
JsonObject changes(JsonObject members, JsonObject& seen) {
  JsonObject out;
  for (auto& [name, value] : members) {
    const Json* old = seen.find(name);
    if (old != nullptr && *old == value) continue;
    seen.set(name, value);
    out.append(name, std::move(value));
  }
  return out;
}

bool will_continue(const Json* call) {
  const Json* said = call == nullptr ? nullptr : call->find("willContinue");
  return said != nullptr && said->is_bool() && said->as_bool();
}

// A run of pieces of one kind is one block.
enum class Flow { kNone, kText, kThinking };

struct ChoiceState {
  Flow flow = Flow::kNone;
  int open = -1;  // the block of the flow
  int next = 0;
  bool content = false;
  bool calls = false;
  // The call whose arguments come in pieces: its block, and what came of them. It ends with an
  // empty call, the next part or the stream.
  std::optional<PartialArguments> arguments;
  bool pieces = false;  // a call came so
  std::string finish;   // the latest word; some models say one in every chunk
  FinishReason blocked;
  JsonObject seen_choice;
  JsonObject seen_message;
  Json grounding;             // the latest
  std::vector<Block> blocks;  // texts only, for the places of citations
};

class Decoder final : public StreamDecoder {
 public:
  Status feed(std::string_view event, std::string_view data, std::vector<Delta>& out) override {
    if (ended_) return {};
    if (data.find_first_not_of(" \n\r") == data.npos) return {};
    out_ = &out;
    Result<Json> json = json_parse(data, "stream event");
    if (!json)
      return fail(Kind::kUpstream,
                  "the stream holds an event that is not JSON: " + json.error().what);
    if (!json->is_object())
      return fail(Kind::kUpstream, "the stream holds an event that is not an object");
    if (const Json* error = json->find("error"); error != nullptr && !error->is_null()) {
      ended_ = true;
      const Json* code = error->find("code");
      const std::int64_t status = code == nullptr ? 0 : code->to_int().value_or(0);
      emit(StreamError{read_error(kMe, static_cast<int>(std::clamp<std::int64_t>(status, 0, 599)),
                                  std::move(*json))});
      return {};
    }
    if (json->find("candidates") == nullptr && json->find("usageMetadata") == nullptr &&
        json->find("promptFeedback") == nullptr) {
      emit(RawEvent{.dialect = kMe, .name = std::string(event), .json = std::move(*json)});
      return {};
    }
    return chunk(json->as_object());
  }

  Status end(std::vector<Delta>& out) override {
    if (ended_) return {};
    out_ = &out;
    const bool complete =
        !choices_.empty() && std::all_of(choices_.begin(), choices_.end(), [](const auto& one) {
          return !one.second.finish.empty() || !one.second.blocked.word.empty();
        });
    if (!complete) {
      return fail(Kind::kUpstream,
                  "the stream ended without a finish reason: the reply is not complete");
    }
    for (auto& [number, state] : choices_) finish(number, state);
    ended_ = true;
    emit(End{});
    return {};
  }

 private:
  template <class T>
  void emit(T&& delta) {
    out_->emplace_back(std::forward<T>(delta));
  }

  Status chunk(JsonObject& object) {
    ObjectReader reader(object, kNowhere, Mode::kLenient);
    StreamStart start{.dialect = kMe};
    reader.string("responseId", start.id);
    reader.string("modelVersion", start.model);
    if (const Json* time = reader.peek("createTime"); time != nullptr && time->is_string())
      start.created_s = seconds_of(time->as_string());
    if (Json* usage = reader.peek("usageMetadata"); usage != nullptr && usage->is_object()) {
      start.usage = decode_usage(std::move(*usage));
      reader.take(usage);
      if (const std::string* tier = start.usage->raw.find_string("serviceTier"))
        start.service_tier = *tier;
    }
    JsonArray* candidates = reader.array("candidates");
    if (Json* member = reader.peek("candidates")) reader.take(member);
    const Json* feedback = reader.peek("promptFeedback");
    std::optional<Choice> blocked;
    if (feedback != nullptr && (candidates == nullptr || candidates->empty()))
      blocked = blocked_choice(*feedback);
    Extra rest = reader.rest(kMe);
    Extra changed{.dialect = kMe, .members = changes(std::move(rest.members), seen_)};
    std::optional<Usage> counted = start.usage;
    if (!started_) {
      started_ = true;
      id_ = start.id;
      start.extra = std::exchange(changed, Extra{.dialect = kMe});
      emit(std::move(start));
    }
    if (!changed.members.empty()) emit(ReplyExtra{std::move(changed)});
    for (std::size_t i = 0; candidates != nullptr && i < candidates->size(); ++i) {
      Json& one = (*candidates)[i];
      if (!one.is_object()) continue;
      if (Status status = candidate(one.as_object(), static_cast<std::int64_t>(i)); !status)
        return status;
    }
    if (blocked.has_value() && choices_.empty()) {
      choices_[0].blocked = blocked->finish;
      emit(ChoiceExtra{0, blocked->extra});
    }
    if (counted.has_value()) emit(UsageDelta{std::move(*counted)});
    return {};
  }

  Status candidate(JsonObject& object, std::int64_t position) {
    ObjectReader reader(object, kNowhere, Mode::kLenient);
    std::optional<std::int64_t> index;
    reader.integer("index", index);
    const int number =
        static_cast<int>(std::clamp<std::int64_t>(index.value_or(position), 0, kChoicesMax));
    const bool fresh = !choices_.contains(number);
    ChoiceState& state = choices_[number];
    if (fresh) {
      const std::uint32_t no_index = index.has_value() ? 0 : forms::kNoIndex;
      emit(ChoiceExtra{number, {.dialect = kMe, .forms = no_index}});
    }
    if (Json* content = reader.peek("content"); content != nullptr && content->is_object()) {
      if (Status status = message(content->as_object(), number, state); !status) return status;
      reader.take(content);
    }
    if (Json* logprobs = reader.peek("logprobsResult"); logprobs && logprobs->is_object()) {
      emit(LogprobsDelta{number, decode_logprobs(*logprobs)});
      logprobs->as_object().erase("chosenCandidates");
      logprobs->as_object().erase("topCandidates");
      if (logprobs->as_object().empty()) reader.take(logprobs);
    }
    std::string word;
    if (reader.string("finishReason", word)) state.finish = std::move(word);
    if (const Json* grounding = reader.peek("groundingMetadata")) state.grounding = *grounding;
    Extra rest = reader.rest(kMe);
    Extra changed{.dialect = kMe, .members = changes(std::move(rest.members), state.seen_choice)};
    if (!changed.members.empty()) emit(ChoiceExtra{number, std::move(changed)});
    return {};
  }

  Status message(JsonObject& object, int number, ChoiceState& state) {
    ObjectReader reader(object, kNowhere, Mode::kLenient);
    const std::uint32_t role = reader.constant("role", "model") ? 0 : forms::kNoRole;
    std::vector<Block> blocks;
    std::uint32_t ignored = 0;
    if (Status status = decode_parts(reader, blocks, ignored); !status) return status;
    Extra rest = reader.rest(kMe, role);
    if (!state.content) {
      emit(MessageExtra{number, {.dialect = kMe, .forms = role}});
      state.content = true;
    }
    rest.members = changes(std::move(rest.members), state.seen_message);
    if (!rest.members.empty()) emit(MessageExtra{number, std::move(rest)});
    for (Block& block : blocks) {
      const Result<bool> taken = piece_of_call(block, number, state);
      if (!taken) return std::unexpected(taken.error());
      if (!*taken) part(std::move(block), number, state);
    }
    return {};
  }

  // A call whose arguments come in pieces: the first part names it, those that follow have no name.
  // True where the block is all taken care of.
  Result<bool> piece_of_call(Block& block, int number, ChoiceState& state) {
    ToolCall* call = block.as<ToolCall>();
    Json* inner = call == nullptr ? nullptr : block.extra.members.find("functionCall");
    Json* partials = inner == nullptr ? nullptr : inner->find("partialArgs");
    const bool goes_on = will_continue(inner);
    const bool nameless = call != nullptr && call->name.empty();
    if (nameless && !state.arguments.has_value())
      return state.pieces && call->arguments.empty() && partials == nullptr;
    if (!nameless && state.arguments.has_value()) close(number, state);
    if (call == nullptr || (!nameless && !goes_on && partials == nullptr)) return false;
    std::string whole = std::exchange(call->arguments, {});
    if (!nameless) {
      close(number, state);
      state.arguments.emplace();
      state.pieces = true;
    }
    if (!whole.empty()) {
      Result<Json> arguments = json_parse(whole, "arguments");
      if (arguments && arguments->is_object()) state.arguments->replace(std::move(*arguments));
    }
    Status added = partials == nullptr ? Status() : state.arguments->add(*partials);
    if (!added) return std::unexpected(std::move(added.error()));
    if (nameless) {
      if (!block.signature.empty())
        emit(SignatureDelta{number, state.open, std::move(block.signature)});
      if (partials == nullptr && !goes_on) close(number, state);
      return true;
    }
    begin_pieces(std::move(block), number, state);
    return true;
  }

  void begin_pieces(Block block, int number, ChoiceState& state) {
    Json* inner = block.extra.members.find("functionCall");
    inner->as_object().erase("partialArgs");
    inner->as_object().erase("willContinue");
    if (inner->as_object().empty()) block.extra.members.erase("functionCall");
    block.extra.forms &= ~forms::kNoArguments;
    state.calls = true;
    state.open = state.next++;
    name_call(block);
    emit(BlockStart{number, state.open, std::move(block)});
  }

  // An id where the provider gave none: other dialects need one.
  void name_call(Block& block) {
    ToolCall& call = *block.as<ToolCall>();
    const std::size_t made = calls_++;
    if (!call.id.empty()) return;
    call.id = made_call_id(id_, made);
    block.extra.forms |= forms::kMadeId;
  }

  void close(int number, ChoiceState& state) {
    if (state.arguments.has_value()) {
      emit(ArgumentsDelta{number, state.open, state.arguments->text()});
      emit(BlockStop{number, state.open});
      state.arguments.reset();
    }
    if (state.flow != Flow::kNone) emit(BlockStop{number, state.open});
    state.flow = Flow::kNone;
  }

  static Block shape_of(Flow kind) {
    Block shape =
        kind == Flow::kText ? Block(Text{}) : Block(Thinking{.kind = Thinking::Kind::kSummary});
    shape.extra.dialect = kMe;
    return shape;
  }

  // The index of the open block of that kind, opened now if need be.
  int flow(Flow kind, int number, ChoiceState& state) {
    if (state.flow == kind) return state.open;
    close(number, state);
    state.flow = kind;
    state.open = state.next++;
    emit(BlockStart{number, state.open, shape_of(kind)});
    return state.open;
  }

  void note_text(ChoiceState& state, int index, std::string_view text) {
    // Thousands of blocks of a hostile stream cost no more than their texts.
    while (state.blocks.size() <= static_cast<std::size_t>(index)) state.blocks.emplace_back(Raw{});
    Block& block = state.blocks[static_cast<std::size_t>(index)];
    if (block.as<Text>() == nullptr) block.what = Text{};
    block.as<Text>()->text += text;
  }

  // A part with a signature, or with members of its own, is a block of its own: documents say not
  // to join it with others.
  void part(Block block, int number, ChoiceState& state) {
    Text* text = block.as<Text>();
    Thinking* thought = block.as<Thinking>();
    const Json* empty = block.extra.members.find("text");
    const bool bare = block.extra.members.size() == (empty != nullptr ? 1u : 0u);
    if ((text != nullptr || thought != nullptr) && block.signature.empty() && bare) {
      std::string& words = text != nullptr ? text->text : thought->text;
      if (words.empty()) return;
      const int index = flow(text != nullptr ? Flow::kText : Flow::kThinking, number, state);
      if (text != nullptr) {
        note_text(state, index, words);
        emit(TextDelta{number, index, std::move(words)});
      } else {
        emit(ThinkingDelta{number, index, std::move(words)});
      }
      return;
    }
    close(number, state);
    const int index = state.next++;
    if (text != nullptr) {
      std::string words = std::exchange(text->text, {});
      note_text(state, index, words);
      emit(BlockStart{number, index, std::move(block)});
      if (!words.empty()) emit(TextDelta{number, index, std::move(words)});
    } else if (thought != nullptr) {
      std::string words = std::exchange(thought->text, {});
      emit(BlockStart{number, index, std::move(block)});
      if (!words.empty()) emit(ThinkingDelta{number, index, std::move(words)});
    } else if (ToolCall* call = block.as<ToolCall>()) {
      state.calls = true;
      name_call(block);
      std::string arguments = std::exchange(call->arguments, {});
      emit(BlockStart{number, index, std::move(block)});
      if (!arguments.empty()) emit(ArgumentsDelta{number, index, std::move(arguments)});
    } else {
      emit(BlockStart{number, index, std::move(block)});
    }
    emit(BlockStop{number, index});
  }

  void finish(int number, ChoiceState& state) {
    if (!state.grounding.is_null()) {
      for (Grounded& one : decode_grounding(state.grounding, state.blocks))
        emit(CitationDelta{number, static_cast<int>(one.block), std::move(one.citation)});
    }
    close(number, state);
    if (!state.content && state.blocked.word.empty())
      emit(MessageExtra{number, {.dialect = kMe, .forms = forms::kNoContent}});
    FinishReason reason =
        state.finish.empty() ? state.blocked : finish_reason(state.finish, state.calls);
    emit(Finish{.choice = number, .reason = std::move(reason)});
  }

  bool started_ = false;
  bool ended_ = false;
  std::vector<Delta>* out_ = nullptr;
  std::string id_;
  std::size_t calls_ = 0;
  JsonObject seen_;
  std::map<int, ChoiceState> choices_;
};

}  // namespace

std::unique_ptr<StreamDecoder> stream_decoder(const Quirks*) {
  return std::make_unique<Decoder>();
}

}  // namespace sighter::wire::gemini
