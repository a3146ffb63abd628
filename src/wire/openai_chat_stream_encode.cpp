#include <algorithm>
#include <map>
#include <utility>

#include "wire/openai_chat.hpp"
#include "wire/openai_chat_message.hpp"
#include "wire/openai_chat_reply.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::openai_chat {
namespace {

constexpr Dialect kMe = Dialect::kOpenAiChat;
constexpr std::string_view kStructure[] = {"type", "object", "role", "status", "index"};
constexpr std::string_view kBlockStructure[] = {"type", "index", "status", "id", "role"};

struct OpenBlock {
  enum class Kind { kNone, kText, kThinking, kCall, kLegacyCall, kRefusal };
  Kind kind = Kind::kNone;
  int number = 0;  // of a tool call, within the choice
  bool custom = false;
  bool wrote = false;  // some arguments
  bool own = false;
  Block shape;        // of thinking; with what it said where that is not its own form
  int detail = -1;    // its index in reasoning_details, once it is known there
  bool told = false;  // its whole detail was written
};

struct ChoiceState {
  bool role = false;
  int calls = 0;
  int details = 0;      // indices of reasoning_details and annotations: without gaps, or what
  int annotations = 0;  // adds deltas up does not find them
  std::string cited;    // annotations that are not written yet
  std::map<int, OpenBlock> blocks;
  std::optional<Json> logprobs;  // go out with the next piece
  JsonObject extra;
};

class Encoder final : public StreamEncoder {
 public:
  Encoder(const ChatRequest& request, const EncodeOptions& options)
      : include_usage_(request.include_usage.value_or(false)),
        model_(options.model),
        now_s_(options.now_s),
        losses_(Losses::of_reply(kMe)) {}

  void write(const Delta& delta, std::string& out) override {
    if (ended_) return;
    out_ = &out;
    std::visit([this](const auto& d) { on(d); }, delta);
    note(losses_.take_dropped(), losses_.take_approximated());
  }

 private:
  // ---- events ----

  void on(const StreamStart& d) {
    dialect_ = d.dialect;
    id_ = d.id;
    if (model_.empty()) model_ = d.model;
    created_s_ = d.created_s.value_or(now_s_);
    const bool same_words = dialect_ == kMe || dialect_ == Dialect::kOpenAiResponses;
    tier_ = same_words ? d.service_tier : std::string();
    if (!same_words) note_unsaid_tier(dialect_, d.service_tier, losses_);
    merge(d.extra);
    usage_ = d.usage;
    make_head();
  }

  void on(const ReplyExtra& d) {
    if (d.extra.members.empty()) return;
    merge(d.extra);
    make_head();
    changed_ = losses_.own(d.extra);
  }

  void on(const BlockStart& d) {
    ChoiceState& state = choice(d.choice);
    OpenBlock& open = state.blocks[d.index];
    open = {};
    open.own = d.block.extra.dialect == kMe;
    if (const Text* text = d.block.as<Text>()) {
      open.kind = OpenBlock::Kind::kText;
      if (!d.block.signature.empty()) losses_.approximate("messages.content.signature");
      losses_.foreign(d.block.extra, "messages.content", kBlockStructure);
      if (open.own && !d.block.extra.members.empty()) {
        write_part(d, *text);
      } else if (!text->text.empty()) {
        on(TextDelta{d.choice, d.index, text->text});
      }
      for (const Citation& citation : text->citations)
        on(CitationDelta{d.choice, d.index, citation});
    } else if (const Refusal* refusal = d.block.as<Refusal>()) {
      open.kind = OpenBlock::Kind::kRefusal;
      losses_.foreign(d.block.extra, "messages.content", kBlockStructure);
      if (!refusal->text.empty()) on(RefusalDelta{d.choice, d.index, refusal->text});
    } else if (const Thinking* thinking = d.block.as<Thinking>()) {
      start_thinking(d, *thinking, open);
    } else if (const ToolCall* call = d.block.as<ToolCall>();
               call && call->kind != ToolCall::Kind::kProvider) {
      start_call(d, *call, state, open);
    } else if (const Raw* raw = d.block.as<Raw>(); raw && open.own) {
      piece(d.choice, [&](ObjectWriter& writer) {
        std::string& to = writer.key(raw->type == "tool_call" ? "tool_calls" : "content");
        to += '[';
        json_write_to(to, raw->json);
        to += ']';
      });
    } else {
      const ToolCall* lost = d.block.as<ToolCall>();
      const Media* media = d.block.as<Media>();
      losses_.cannot(media != nullptr
                         ? media_name(*media)
                         : "messages.content." + (lost ? lost->provider_type : raw_type(d.block)));
    }
  }

  void on(const TextDelta& d) {
    piece(d.choice, [&](ObjectWriter& writer) { writer.string("content", d.text); });
  }
  void on(const RefusalDelta& d) {
    piece(d.choice, [&](ObjectWriter& writer) { writer.string("refusal", d.text); });
  }
  void on(const ThinkingDelta& d) { thought(d.choice, d.index, d.text, {}); }
  void on(const SignatureDelta& d) {
    const OpenBlock& open = choice(d.choice).blocks[d.index];
    if (open.kind == OpenBlock::Kind::kThinking) {
      thought(d.choice, d.index, {}, d.text);
    } else if (open.kind == OpenBlock::Kind::kCall) {
      call_piece(d.choice, open, [&](ObjectWriter& writer) {
        // Clients add up arguments without looking whether there are any.
        ObjectWriter function(writer.key("function"));
        function.string("arguments", "");
        function.end();
        ObjectWriter content(writer.key("extra_content"));
        ObjectWriter google(content.key("google"));
        google.string("thought_signature", d.text);
        google.end();
        content.end();
      });
    } else {
      losses_.cannot("messages.content.signature");
    }
  }

  void on(const ArgumentsDelta& d) {
    OpenBlock& open = choice(d.choice).blocks[d.index];
    if (open.kind == OpenBlock::Kind::kLegacyCall) {
      piece(d.choice, [&](ObjectWriter& writer) {
        ObjectWriter inner(writer.key("function_call"));
        inner.string("arguments", d.text);
        inner.end();
      });
    } else if (open.kind == OpenBlock::Kind::kCall) {
      open.wrote = open.wrote || !d.text.empty();
      call_piece(d.choice, open, [&](ObjectWriter& writer) {
        ObjectWriter inner(writer.key(open.custom ? "custom" : "function"));
        inner.string(open.custom ? "input" : "arguments", d.text);
        inner.end();
      });
    }
  }

  void on(const CitationDelta& d) {
    if (d.citation.dialect != kMe && d.citation.url.empty()) {
      losses_.cannot("messages.content.citations");
      return;
    }
    ChoiceState& state = choice(d.choice);
    if (!state.cited.empty()) state.cited += ',';
    write_annotation(state.cited, d.citation, losses_, state.annotations++);
  }

  // All at once, as OpenAI gives them: a client that keeps the last list only has the whole.
  void write_annotations(int number) {
    const std::string cited = std::exchange(choice(number).cited, {});
    if (cited.empty()) return;
    piece(number, [&](ObjectWriter& writer) { writer.raw("annotations", "[" + cited + "]"); });
  }

  void on(const BlockExtra& d) {
    OpenBlock& open = choice(d.choice).blocks[d.index];
    if (d.extra.dialect != kMe) {
      losses_.foreign(d.extra, "messages.content", kStructure);
      return;
    }
    if (open.kind == OpenBlock::Kind::kThinking) {
      for (const auto& [name, value] : d.extra.members) open.shape.extra.members.set(name, value);
    } else if (open.kind == OpenBlock::Kind::kCall) {
      call_piece(d.choice, open, [&](ObjectWriter& writer) { writer.rest(d.extra.members); });
    }
  }

  void on(const BlockStop& d) {
    OpenBlock& open = choice(d.choice).blocks[d.index];
    if (open.kind == OpenBlock::Kind::kThinking) tell(d.choice, open);
    // Clients read the arguments as JSON: an empty text is none.
    if (open.kind == OpenBlock::Kind::kCall && !open.own && !open.custom && !open.wrote) {
      on(ArgumentsDelta{d.choice, d.index, "{}"});
    }
  }

  void on(const LogprobsDelta& d) {
    ChoiceState& state = choice(d.choice);
    if (state.logprobs.has_value()) piece(d.choice, [](ObjectWriter&) {});
    state.logprobs = d.logprobs;
  }

  void on(const ChoiceExtra& d) {
    if (!losses_.own(d.extra)) {
      losses_.foreign(d.extra, "choices", kStructure);
      return;
    }
    for (const auto& [name, value] : d.extra.members) choice(d.choice).extra.set(name, value);
  }

  void on(const MessageExtra& d) {
    if (!losses_.own(d.extra)) {
      losses_.foreign(d.extra, "choices.message", kStructure);
      return;
    }
    if (d.extra.members.empty()) return;
    piece(d.choice, [&](ObjectWriter& writer) { writer.rest(d.extra.members); });
  }

  void on(const Finish& d) {
    const std::string_view word = finish_word(d.reason, dialect_);
    write_held(d.choice);
    piece(
        d.choice, [](ObjectWriter&) {}, word);
    losses_.finish(d.reason, finish_reason(word).kind, dialect_);
    if (!d.stop_sequence.empty()) losses_.approximate("choices.stop_sequence");
  }

  void on(const UsageDelta& d) { usage_ = d.usage; }
  void on(const Ping&) { *out_ += ": ping\n\n"; }

  void on(const RawEvent& d) {
    if (d.dialect != kMe) {
      losses_.cannot("event." + d.name);
      return;
    }
    if (!d.name.empty()) *out_ += "event: " + d.name + "\n";
    *out_ += "data: ";
    json_write_to(*out_, d.json);
    *out_ += "\n\n";
  }

  void on(const StreamError& d) {
    *out_ += "data: ";
    *out_ += encode_error(d.error);
    *out_ += "\n\n";
    ended_ = true;
  }

  void on(const End&) {
    for (auto& [number, state] : choices_) {
      write_held(number);
      if (state.logprobs.has_value() || !state.extra.empty()) piece(number, [](ObjectWriter&) {});
    }
    const bool counted = include_usage_ && usage_.has_value();
    if (counted || changed_) {
      *out_ += head_;
      *out_ += "\"choices\":[],\"usage\":";
      if (counted) {
        write_usage(*out_, *usage_);
        note_unsaid(*usage_, losses_);
      } else {
        *out_ += "null";
      }
      *out_ += "}\n\n";
    }
    *out_ += "data: [DONE]\n\n";
    ended_ = true;
  }

  // ---- pieces ----

  static std::string raw_type(const Block& block) {
    const Raw* raw = block.as<Raw>();
    return raw == nullptr || raw->type.empty() ? "block" : raw->type;
  }

  void merge(const Extra& extra) {
    if (!losses_.own(extra)) {
      losses_.foreign(extra, "", kStructure);
      return;
    }
    for (const auto& [name, value] : extra.members) sticky_.set(name, value);
  }

  // Everything before "choices", the same in each chunk.
  void make_head() {
    head_ = "data: ";
    ObjectWriter writer(head_);
    writer.string("id", id_);
    writer.string("object", "chat.completion.chunk");
    writer.integer("created", created_s_);
    writer.string("model", model_);
    writer.string_if("service_tier", tier_);
    writer.skip("choices");
    writer.skip("usage");
    writer.rest(sticky_);
    head_ += ',';
  }

  ChoiceState& choice(int number) { return choices_[number]; }

  // What waits for its end, where the source did not say that it ended.
  void write_held(int number) {
    for (auto& [index, open] : choice(number).blocks) {
      if (open.kind == OpenBlock::Kind::kThinking) tell(number, open);
    }
    write_annotations(number);
  }

  template <class Write>
  void piece(int number, Write&& write, std::string_view finish = {}) {
    if (head_.empty()) make_head();
    ChoiceState& state = choice(number);
    std::string& out = *out_;
    out += head_;
    out += "\"choices\":[";
    ObjectWriter one(out);
    one.integer("index", number);
    ObjectWriter delta(one.key("delta"));
    if (!state.role) {
      delta.string("role", "assistant");
      state.role = true;
    }
    write(delta);
    delta.end();
    if (state.logprobs.has_value()) {
      one.json("logprobs", *state.logprobs);
      state.logprobs.reset();
    } else {
      one.raw("logprobs", "null");
    }
    if (finish.empty()) {
      one.raw("finish_reason", "null");
    } else {
      one.string("finish_reason", finish);
    }
    if (!state.extra.empty()) {
      one.rest(state.extra);
      state.extra = {};
    }
    one.end();
    out += include_usage_ ? "],\"usage\":null}\n\n" : "]}\n\n";
    changed_ = false;
  }

  template <class Write>
  void call_piece(int number, const OpenBlock& open, Write&& write) {
    piece(number, [&](ObjectWriter& delta) {
      delta.key("tool_calls") += '[';
      ObjectWriter call(*out_);
      call.integer("index", open.number);
      write(call);
      call.end();
      *out_ += ']';
    });
  }

  // A text with members of its own, as the list of one part that it came in.
  void write_part(const BlockStart& d, const Text& text) {
    piece(d.choice, [&](ObjectWriter& writer) {
      writer.key("content") += '[';
      ObjectWriter part(*out_);
      part.string("type", "text");
      part.string("text", text.text);
      part.rest(d.block.extra.members);
      part.end();
      *out_ += ']';
    });
  }

  void start_call(const BlockStart& d, const ToolCall& call, ChoiceState& state, OpenBlock& open) {
    open.custom = call.kind == ToolCall::Kind::kCustom;
    open.wrote = !call.arguments.empty();
    if (open.own && (d.block.extra.forms & forms::kLegacyCall)) {
      open.kind = OpenBlock::Kind::kLegacyCall;
      piece(d.choice, [&](ObjectWriter& writer) {
        ObjectWriter inner(writer.key("function_call"));
        inner.string("name", call.name);
        inner.string("arguments", call.arguments);
        inner.end();
      });
      return;
    }
    write_annotations(d.choice);
    open.kind = OpenBlock::Kind::kCall;
    open.number = state.calls++;
    call_piece(d.choice, open, [&](ObjectWriter& writer) {
      if (!losses_.form(d.block.extra, forms::kMadeId)) writer.string_if("id", call.id);
      if (!losses_.form(d.block.extra, forms::kNoType))
        writer.string("type", open.custom ? "custom" : "function");
      ObjectWriter inner(writer.key(open.custom ? "custom" : "function"));
      inner.string("name", call.name);
      inner.string(open.custom ? "input" : "arguments", call.arguments);
      inner.inner_rest(d.block.extra, open.custom ? "custom" : "function", kMe);
      inner.end();
      losses_.rest(writer, d.block.extra, "messages.content.tool_use", kStructure);
    });
    if (!d.block.signature.empty()) on(SignatureDelta{d.choice, d.index, d.block.signature});
  }

  void start_thinking(const BlockStart& d, const Thinking& thinking, OpenBlock& open) {
    open.kind = OpenBlock::Kind::kThinking;
    open.shape = d.block;
    Thinking& shape = *open.shape.as<Thinking>();
    if (!shape.data.empty()) {  // encrypted thoughts come whole
      open.told = true;
      write_detail_of(d.choice, open);
      return;
    }
    losses_.foreign(d.block.extra, "messages.content.thinking", kBlockStructure);
    if (!open.own) open.shape.extra = Extra{.dialect = dialect_};
    shape.text.clear();
    open.shape.signature.clear();
    if (!thinking.text.empty() || !d.block.signature.empty()) {
      thought(d.choice, d.index, thinking.text, d.block.signature);
    }
  }

  // A piece of thinking in the form that its block has.
  void thought(int number, int index, std::string_view text, std::string_view signature) {
    OpenBlock& open = choice(number).blocks[index];
    if (!open.shape.as<Thinking>()) open.shape.what = Thinking{};
    const std::uint32_t form = open.own ? open.shape.extra.forms : 0;
    if (form & forms::kThinkPart) {
      piece(number, [&](ObjectWriter& writer) {
        writer.key("content") += '[';
        ObjectWriter part(*out_);
        part.string("type", "thinking");
        if (const Json* pieces = open.shape.extra.members.find("thinking")) {
          part.json("thinking", *pieces);  // the same text, as it came
        } else {
          part.key("thinking") += "[{\"type\":\"text\",\"text\":";
          json_quote_to(*out_, text);
          *out_ += "}]";
        }
        part.rest(open.shape.extra.members);
        open.shape.extra.members = {};  // said once
        part.end();
        *out_ += ']';
      });
      return;
    }
    if (form & forms::kThinkDetail) {  // each piece in a detail, as it came
      Block block = open.shape;
      block.as<Thinking>()->text = text;
      block.signature = signature;
      if (!text.empty()) {
        piece(number, [&](ObjectWriter& writer) {
          writer.string("reasoning", text);
          write_details(writer, number, open, block);
        });
      } else {
        piece(number, [&](ObjectWriter& writer) { write_details(writer, number, open, block); });
      }
      return;
    }
    const bool detailed = !open.own && dialect_ != Dialect::kNone;
    if (detailed) {
      open.shape.as<Thinking>()->text += text;
      open.shape.signature += signature;
    }
    if (text.empty()) return;
    const bool begins = detailed && open.detail < 0;
    piece(number, [&](ObjectWriter& writer) {
      writer.string((form & forms::kThinkWord) != 0 ? "reasoning" : "reasoning_content", text);
      if (!begins) return;
      open.detail = choice(number).details++;
      std::string& list = writer.key("reasoning_details");
      list += '[';
      ObjectWriter detail(list);
      detail.string("type", detail_type(*open.shape.as<Thinking>()));
      detail.integer("index", open.detail);
      detail.end();
      list += ']';
    });
  }

  // The whole of a thought with its proof, once: what adds deltas up has it once then, and what
  // keeps the last delta has all of it.
  void tell(int number, OpenBlock& open) {
    if (std::exchange(open.told, true) || open.own || dialect_ == Dialect::kNone) return;
    const Thinking& thinking = *open.shape.as<Thinking>();
    if (thinking.text.empty() && open.shape.signature.empty()) return;
    write_detail_of(number, open);
  }

  void write_detail_of(int number, OpenBlock& open) {
    piece(number, [&](ObjectWriter& writer) { write_details(writer, number, open, open.shape); });
  }

  void write_details(ObjectWriter& writer, int number, OpenBlock& open, const Block& block) {
    if (open.detail < 0) open.detail = choice(number).details++;
    std::string& list = writer.key("reasoning_details");
    list += '[';
    write_detail(list, block, losses_, open.detail);
    list += ']';
  }

  const bool include_usage_;
  std::string model_;
  const std::int64_t now_s_;
  Losses losses_;
  std::string* out_ = nullptr;
  Dialect dialect_ = Dialect::kNone;
  std::string id_;
  std::int64_t created_s_ = 0;
  std::string tier_;
  JsonObject sticky_;
  bool changed_ = false;  // sticky_ since the last chunk
  std::string head_;
  std::optional<Usage> usage_;
  std::map<int, ChoiceState> choices_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest& request,
                                              const EncodeOptions& options) {
  return std::make_unique<Encoder>(request, options);
}

}  // namespace sighter::wire::openai_chat
