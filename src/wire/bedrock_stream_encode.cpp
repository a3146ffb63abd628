#include <algorithm>
#include <map>
#include <utility>

#include "wire/bedrock_content.hpp"
#include "wire/media.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;
constexpr std::string_view kStructure[] = {"type", "object", "role", "status", "index"};

std::string_view exception_of(Kind kind) {
  switch (kind) {
    case Kind::kRateLimited:
      return "throttlingException";
    case Kind::kUnavailable:
      return "serviceUnavailableException";
    case Kind::kInvalid:
    case Kind::kUnsupported:
    case Kind::kTooLarge:
      return "validationException";
    case Kind::kTimeout:
      return "modelTimeoutException";
    default:
      return "modelStreamErrorException";
  }
}

class Encoder final : public StreamEncoder {
 public:
  Encoder() : losses_(Losses::of_reply(kMe)) {}

  void write(const Delta& delta, std::string& out) override {
    if (ended_) return;
    out_ = &out;
    std::visit([this](const auto& d) { route(d); }, delta);
    note(losses_.take_dropped(), losses_.take_approximated());
  }

 private:
  template <class T>
  void route(const T& d) {
    if constexpr (requires { d.choice; }) {
      if (d.choice != 0) {
        losses_.cannot("choices");
        return;
      }
    }
    on(d);
  }

  template <class Write>
  void event(std::string_view name, Write&& write) {
    std::string& out = *out_;
    out += "event: ";
    out += name;
    out += "\ndata: ";
    ObjectWriter writer(out);
    write(writer);
    writer.end();
    out += "\n\n";
  }

  // What `write` adds to {"contentBlockIndex", "delta": {...}}.
  template <class Write>
  void delta(int index, Write&& write) {
    event("contentBlockDelta", [&](ObjectWriter& writer) {
      writer.integer("contentBlockIndex", numbers_[index]);
      ObjectWriter inner(writer.key("delta"));
      write(inner);
      inner.end();
    });
  }

  void on(const StreamStart& d) {
    if (started_) return;
    started_ = true;
    dialect_ = d.dialect;
    if (d.usage.has_value()) usage_ = d.usage;
    event("messageStart", [](ObjectWriter& writer) { writer.string("role", "assistant"); });
    on(ReplyExtra{d.extra});
  }

  void on(const BlockStart& d) {
    if (!started_) on(StreamStart{});
    Block shape = d.block;
    if (shape.as<ToolCall>() || shape.as<Raw>() || shape.as<Media>() || shape.as<ToolResult>())
      return start_whole(d.index, shape);
    numbers_[d.index] = next_++;
    const bool own = losses_.own(shape.extra);
    if (const Thinking* thought = shape.as<Thinking>()) {
      if (!own) losses_.foreign(shape.extra, "messages.content.thinking", kBlockStructure);
      if (thought->kind == Thinking::Kind::kRedacted)
        return redacted(d.index, own ? thought->data : base64_encode(thought->data));
      if (!thought->text.empty()) on(ThinkingDelta{0, d.index, thought->text});
      if (!shape.signature.empty()) on(SignatureDelta{0, d.index, shape.signature});
      thoughts_.push_back(d.index);
      return;
    }
    if (!own) losses_.foreign(shape.extra, "messages.content", kBlockStructure);
    if (!own && !shape.signature.empty()) losses_.approximate("messages.content.signature");
    if (const Refusal* refusal = shape.as<Refusal>()) {
      losses_.approximate("messages.refusal");
      return on(TextDelta{0, d.index, refusal->text});
    }
    const Text& said = *shape.as<Text>();
    on(TextDelta{0, d.index, said.text});
    for (const Citation& citation : said.citations) on(CitationDelta{0, d.index, citation});
  }

  void redacted(int index, const std::string& data) {
    delta(index, [&](ObjectWriter& inner) {
      ObjectWriter thought(inner.key("reasoningContent"));
      thought.string("redactedContent", data);
      thought.end();
    });
  }

  // A block that begins with what it is: written as in a whole reply, and taken apart again.
  void start_whole(int index, Block& shape) {
    std::string arguments;
    if (ToolCall* call = shape.as<ToolCall>()) arguments = std::exchange(call->arguments, {});
    std::string json;
    Writing writing{.losses = losses_, .side = Side::kReply};
    if (!write_block(json, shape, writing)) return;
    Result<Json> whole = json_parse(json);
    Json* call = whole ? whole->find("toolUse") : nullptr;
    Json* result = whole ? whole->find("toolResult") : nullptr;
    if (call == nullptr && result == nullptr) {
      losses_.cannot("messages.content.media");
      return;
    }
    numbers_[index] = next_++;
    Json pieces;
    if (call != nullptr) call->as_object().erase("input");
    if (result != nullptr) {
      pieces = std::move(*result->find("content"));
      result->as_object().erase("content");
    }
    event("contentBlockStart", [&](ObjectWriter& writer) {
      writer.integer("contentBlockIndex", numbers_[index]);
      writer.json("start", *whole);
    });
    if (!pieces.is_null())
      delta(index, [&](ObjectWriter& inner) { inner.json("toolResult", pieces); });
    if (!arguments.empty()) on(ArgumentsDelta{0, index, std::move(arguments)});
  }

  void on(const BlockStop& d) {
    const auto number = numbers_.find(d.index);
    if (number == numbers_.end()) return;
    event("contentBlockStop",
          [&](ObjectWriter& writer) { writer.integer("contentBlockIndex", number->second); });
    numbers_.erase(number);
  }

  void on(const TextDelta& d) {
    if (d.text.empty() || !numbers_.contains(d.index)) return;
    delta(d.index, [&](ObjectWriter& inner) { inner.string("text", d.text); });
  }
  void on(const RefusalDelta& d) { on(TextDelta{0, d.index, d.text}); }

  void on(const ThinkingDelta& d) {
    if (d.text.empty() || !numbers_.contains(d.index)) return;
    delta(d.index, [&](ObjectWriter& inner) {
      ObjectWriter thought(inner.key("reasoningContent"));
      thought.string("text", d.text);
      thought.end();
    });
  }

  void on(const SignatureDelta& d) {
    if (!numbers_.contains(d.index)) return;
    const bool thought_of =
        std::find(thoughts_.begin(), thoughts_.end(), d.index) != thoughts_.end();
    if (!thought_of && dialect_ != kMe) {
      losses_.approximate("messages.content.signature");
      return;
    }
    delta(d.index, [&](ObjectWriter& inner) {
      ObjectWriter thought(inner.key("reasoningContent"));
      thought.string("signature", d.text);
      thought.end();
    });
  }

  void on(const ArgumentsDelta& d) {
    if (!numbers_.contains(d.index)) return;
    delta(d.index, [&](ObjectWriter& inner) {
      ObjectWriter call(inner.key("toolUse"));
      call.string("input", d.text);
      call.end();
    });
  }

  void on(const CitationDelta& d) {
    const bool fits = d.citation.dialect == kMe || !d.citation.url.empty();
    if (!fits || !numbers_.contains(d.index)) {
      losses_.approximate("messages.content.citations");
      return;
    }
    delta(d.index,
          [&](ObjectWriter& inner) { write_citation(inner.key("citation"), d.citation, losses_); });
  }

  void on(const BlockExtra& d) { losses_.foreign(d.extra, "messages.content", kBlockStructure); }
  void on(const LogprobsDelta&) { losses_.cannot("choices.logprobs"); }
  void on(const ChoiceExtra& d) { losses_.foreign(d.extra, "choices", kStructure); }
  void on(const MessageExtra& d) { losses_.foreign(d.extra, "choices.message", kStructure); }
  void on(const ReplyExtra& d) {
    if (!losses_.own(d.extra)) return losses_.foreign(d.extra, "", kStructure);
    for (const auto& [name, value] : d.extra.members) late_.set(name, value);
  }
  void on(const UsageDelta& d) { usage_ = d.usage; }
  void on(const Finish& d) { finish_ = d; }
  void on(const Ping&) {}

  void on(const RawEvent& d) {
    if (d.dialect != kMe) return losses_.cannot("event." + d.name);
    *out_ += "event: " + d.name + "\ndata: ";
    json_write_to(*out_, d.json);
    *out_ += "\n\n";
  }

  void on(const StreamError& d) {
    const bool own = d.error.dialect == kMe && d.error.type.ends_with("Exception");
    *out_ += "event: ";
    *out_ += own ? std::string_view(d.error.type) : exception_of(d.error.kind);
    *out_ += "\ndata: " + encode_error(d.error) + "\n\n";
    ended_ = true;
  }

  void on(const End&) {
    if (!started_) on(StreamStart{});
    while (!numbers_.empty()) on(BlockStop{0, numbers_.begin()->first});
    event("messageStop", [&](ObjectWriter& writer) {
      const FinishReason& reason = finish_.reason;
      if (dialect_ == kMe && reason.kind == FinishReason::Kind::kNone) return;
      const std::string_view word = stop_word(reason, dialect_);
      writer.string("stopReason", word);
      losses_.finish(reason, finish_reason(word).kind, dialect_);
      if (!finish_.stop_sequence.empty()) losses_.approximate("choices.stop_sequence");
    });
    event("metadata", [&](ObjectWriter& writer) {
      if (usage_.has_value()) write_usage(writer.key("usage"), *usage_, losses_);
      writer.rest(late_);
    });
    ended_ = true;
  }

  Losses losses_;
  std::string* out_ = nullptr;
  Dialect dialect_ = Dialect::kNone;
  bool started_ = false;
  bool ended_ = false;
  int next_ = 0;
  std::map<int, int> numbers_;  // of open blocks: the source's to ours
  std::vector<int> thoughts_;   // the source's numbers
  JsonObject late_;
  std::optional<Usage> usage_;
  Finish finish_;
};

}  // namespace

std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest&, const EncodeOptions&) {
  return std::make_unique<Encoder>();
}

}  // namespace sighter::wire::bedrock
