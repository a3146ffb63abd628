#include <algorithm>
#include <map>
#include <utility>

#include "wire/gemini.hpp"
#include "wire/gemini_reply.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;

// A block between its start and its stop. Texts go out as they come; what only fits into one part
// (calls, parts with a signature) waits for the stop.
struct Open {
  Block block{};
  bool whole = false;
};

struct ChoiceState {
  std::map<int, Open> open;
  std::map<int, Text> cited;  // texts with their citations, for their places
  int parts = 0;
  Extra extra{};
  Extra message{};
  Finish finish{};
  std::optional<Json> logprobs{};
};

class Encoder final : public StreamEncoder {
 public:
  explicit Encoder(const EncodeOptions& options)
      : model_(options.model), losses_(Losses::of_reply(kMe)) {}

  void write(const Delta& delta, std::string& out) override {
    if (ended_) return;
    out_ = &out;
    std::visit([this](const auto& d) { on(d); }, delta);
    note(losses_.take_dropped(), losses_.take_approximated());
  }

 private:
  // One event of the stream; `write` adds to it.
  template <class Write>
  void event(Write&& write) {
    *out_ += "data: ";
    ObjectWriter writer(*out_);
    // First, so that members of the same name that `write` has left over do not come twice.
    const std::string_view model =
        model_.empty() ? std::string_view(start_.model) : std::string_view(model_);
    if (dialect_ != kMe || !model.empty()) writer.string("modelVersion", model);
    if (dialect_ != kMe || !start_.id.empty()) writer.string("responseId", start_.id);
    write(writer);
    writer.end();
    *out_ += "\r\n\r\n";
  }

  void write_role(ObjectWriter& content, const ChoiceState& state) {
    if (!losses_.form(state.message, forms::kNoRole)) content.string("role", "model");
  }

  void write_index(ObjectWriter& candidate, const ChoiceState& state, int number) {
    if (!losses_.form(state.extra, forms::kNoIndex)) candidate.integer("index", number);
  }

  void part(int number, std::string_view json) {
    ChoiceState& state = choices_[number];
    ++state.parts;
    event([&](ObjectWriter& writer) {
      std::string& list = writer.key("candidates");
      list += '[';
      ObjectWriter candidate(list);
      ObjectWriter content(candidate.key("content"));
      std::string& parts = content.key("parts");
      parts += '[';
      parts += json;
      parts += ']';
      write_role(content, state);
      content.end();
      write_index(candidate, state, number);
      candidate.end();
      list += ']';
    });
  }

  void piece(int number, std::string_view text, bool thought) {
    if (text.empty()) return;
    std::string json;
    ObjectWriter writer(json);
    writer.string("text", text);
    if (thought) writer.boolean("thought", true);
    writer.end();
    part(number, json);
  }

  void whole(int number, const Block& block) {
    std::string json;
    if (write_part(json, block, losses_, Side::kReply)) part(number, json);
  }

  Open& open_at(int choice, int index) { return choices_[choice].open[index]; }

  void on(const StreamStart& d) {
    start_ = d;
    dialect_ = d.dialect;
    if (d.usage.has_value()) usage_ = d.usage;
    start_.extra = {};
    late(d.extra);
  }

  void late(const Extra& extra) {
    if (!losses_.own(extra)) {
      losses_.foreign(extra, "", kReplyStructure);
      return;
    }
    for (const auto& [name, value] : extra.members) late_.set(name, value);
  }

  void on(const BlockStart& d) {
    Open& open = open_at(d.choice, d.index);
    open = Open{.block = d.block};
    Block& block = open.block;
    const bool flows =
        block.as<Text>() || block.as<Refusal>() ||
        (block.as<Thinking>() && block.as<Thinking>()->kind != Thinking::Kind::kRedacted);
    const bool bare = !losses_.own(block.extra) || block.extra.members.empty();
    open.whole = !flows || !block.signature.empty() || !bare;
    if (open.whole) return;
    losses_.foreign(block.extra, "messages.content", kReplyStructure);
    if (Text* text = block.as<Text>()) {
      const std::string words = std::exchange(text->text, {});
      for (const Citation& citation : std::exchange(text->citations, {}))
        on(CitationDelta{d.choice, d.index, citation});
      on(TextDelta{d.choice, d.index, words});
    } else if (Thinking* thought = block.as<Thinking>()) {
      on(ThinkingDelta{d.choice, d.index, std::exchange(thought->text, {})});
    } else if (Refusal* refusal = block.as<Refusal>()) {
      losses_.approximate("messages.refusal");
      on(RefusalDelta{d.choice, d.index, std::exchange(refusal->text, {})});
    }
  }

  void on(const TextDelta& d) {
    Open& open = open_at(d.choice, d.index);
    Text* text = open.block.as<Text>();
    if (open.whole && text != nullptr) {
      text->text += d.text;
    } else {
      // Kept where citations of another dialect may point into it.
      if (dialect_ != kMe) choices_[d.choice].cited[d.index].text += d.text;
      piece(d.choice, d.text, false);
    }
  }

  void on(const ThinkingDelta& d) {
    Open& open = open_at(d.choice, d.index);
    Thinking* thought = open.block.as<Thinking>();
    if (open.whole && thought != nullptr) {
      thought->text += d.text;
    } else {
      piece(d.choice, d.text, true);
    }
  }

  void on(const RefusalDelta& d) { piece(d.choice, d.text, false); }

  void on(const ArgumentsDelta& d) {
    Open& open = open_at(d.choice, d.index);
    if (open.block.as<ToolCall>() == nullptr) open = Open{.block = ToolCall{}, .whole = true};
    open.block.as<ToolCall>()->arguments += d.text;
  }

  void on(const SignatureDelta& d) { open_at(d.choice, d.index).block.signature += d.text; }

  void on(const CitationDelta& d) {
    if (d.citation.dialect == kMe) return;  // groundingMetadata holds it
    choices_[d.choice].cited[d.index].citations.push_back(d.citation);
  }

  void on(const BlockExtra& d) {
    if (!losses_.own(d.extra)) {
      losses_.foreign(d.extra, "messages.content", kReplyStructure);
      return;
    }
    Extra& extra = open_at(d.choice, d.index).block.extra;
    for (const auto& [name, value] : d.extra.members) extra.members.set(name, value);
  }

  void on(const BlockStop& d) {
    std::map<int, Open>& all = choices_[d.choice].open;
    const auto found = all.find(d.index);
    if (found == all.end()) return;
    const Open open = std::move(found->second);
    all.erase(found);
    if (open.whole) {
      whole(d.choice, open.block);
    } else if (own_signature(open.block)) {
      // It came after the text: a part of its own carries it.
      std::string json;
      ObjectWriter writer(json);
      writer.string("text", "");
      if (open.block.as<Thinking>()) writer.boolean("thought", true);
      writer.string("thoughtSignature", open.block.signature);
      writer.end();
      part(d.choice, json);
    } else if (!open.block.signature.empty()) {
      losses_.approximate("messages.content.signature");
    }
  }

  void on(const LogprobsDelta& d) {
    if (dialect_ != kMe) note_unsaid_logprobs(d.logprobs, true, losses_);
    std::optional<Json>& all = choices_[d.choice].logprobs;
    const Json* more = d.logprobs.find("content");
    if (more == nullptr || !more->is_array()) return;
    if (!all.has_value()) all = Json::object({{"content", Json::array()}});
    JsonArray& list = all->find("content")->as_array();
    list.insert(list.end(), more->as_array().begin(), more->as_array().end());
  }

  void on(const Finish& d) { choices_[d.choice].finish = d; }

  void keep(Extra& into, const Extra& from, std::string_view prefix) {
    if (!losses_.own(from)) {
      losses_.foreign(from, prefix, kReplyStructure);
      return;
    }
    into.dialect = from.dialect;
    into.forms |= from.forms;
    for (const auto& [name, value] : from.members) into.members.set(name, value);
  }

  void on(const ChoiceExtra& d) { keep(choices_[d.choice].extra, d.extra, "choices"); }
  void on(const MessageExtra& d) { keep(choices_[d.choice].message, d.extra, "choices.message"); }
  void on(const ReplyExtra& d) { late(d.extra); }
  void on(const UsageDelta& d) { usage_ = d.usage; }
  void on(const Ping&) {}

  void on(const RawEvent& d) {
    if (d.dialect != kMe) {
      losses_.cannot("event." + d.name);
      return;
    }
    *out_ += "data: ";
    json_write_to(*out_, d.json);
    *out_ += "\r\n\r\n";
  }

  void on(const StreamError& d) {
    *out_ += "data: ";
    *out_ += encode_error(d.error);
    *out_ += "\r\n\r\n";
    ended_ = true;
  }

  void write_candidate(std::string& out, int number, ChoiceState& state) {
    ObjectWriter candidate(out);
    const bool none = losses_.form(state.message, forms::kNoContent);
    if (!none && (state.parts == 0 || !state.message.members.empty())) {
      ObjectWriter content(candidate.key("content"));
      content.raw("parts", "[]");
      write_role(content, state);
      content.rest(state.message.members);
      content.end();
    }
    if (!state.finish.stop_sequence.empty()) losses_.approximate("choices.stop_sequence");
    const bool own = dialect_ == kMe;
    const FinishReason& reason = state.finish.reason;
    if (!own || reason.kind != FinishReason::Kind::kNone) {
      const std::string_view word = finish_word(reason, dialect_);
      candidate.string("finishReason", word);
      const bool calls = reason.kind == FinishReason::Kind::kToolCalls;
      losses_.finish(reason, finish_reason(word, calls).kind, dialect_);
    }
    write_index(candidate, state, number);
    if (state.logprobs.has_value()) {
      ObjectWriter logprobs(candidate.key("logprobsResult"));
      write_logprobs(logprobs, *state.logprobs, own, losses_);
      logprobs.inner_rest(state.extra, "logprobsResult", kMe);
      logprobs.end();
    }
    std::vector<PlacedText> texts;
    for (const auto& [index, text] : state.cited)
      texts.push_back({static_cast<std::size_t>(std::max(index, 0)), &text});
    write_grounding(candidate, texts, losses_);
    candidate.rest(state.extra.members);
    candidate.end();
  }

  void on(const End&) {
    for (auto& [number, state] : choices_) {
      while (!state.open.empty()) on(BlockStop{number, state.open.begin()->first});
    }
    event([&](ObjectWriter& writer) {
      bool open = false;
      for (auto& [number, state] : choices_) {
        if (losses_.form(state.extra, forms::kNoCandidate)) continue;
        if (!open) writer.key("candidates") += '[';
        if (open) *out_ += ',';
        open = true;
        write_candidate(*out_, number, state);
      }
      if (open) *out_ += ']';
      if (usage_.has_value()) {
        write_usage(writer.key("usageMetadata"), *usage_);
        note_usage(*usage_, losses_);
      }
      writer.rest(late_);
    });
    ended_ = true;
  }

  const std::string model_;
  Losses losses_;
  std::string* out_ = nullptr;
  Dialect dialect_ = Dialect::kNone;
  bool ended_ = false;
  StreamStart start_;
  std::optional<Usage> usage_;
  JsonObject late_;
  std::map<int, ChoiceState> choices_;
};

}  // namespace

std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest&, const EncodeOptions& options) {
  return std::make_unique<Encoder>(options);
}

}  // namespace sighter::wire::gemini
