#include <algorithm>
#include <map>
#include <utility>

#include "wire/openai_responses.hpp"
#include "wire/openai_responses_item.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::openai_responses {
namespace {

// A part of an item, with what it has said so far.
struct OpenPart {
  Block block{};
  bool open = true;
  std::size_t number = 0;  // content_index or summary_index
  std::size_t annotations = 0;
  JsonArray logprobs{};
};

// An item from output_item.added to output_item.done.
struct OpenItem {
  Item::Kind kind = Item::Kind::kLost;
  std::size_t number = 0;  // output_index
  std::string id{};
  bool own = false;
  bool done = false;
  std::vector<OpenPart> parts{};
};

class Encoder final : public StreamEncoder {
 public:
  Encoder(const ChatRequest& request, const EncodeOptions& options)
      : asked_(request.dialect == kMe),
        echo_(echo_of(asked_ ? &request : nullptr)),
        model_(options.model),
        created_s_(options.now_s),
        losses_(Losses::of_reply(kMe)) {
    if (asked_) {
      asked_echo_ = JsonObject{};
      say_again(asked_echo_, request);
    }
  }

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
    // What is said of the reply may come before its start, which has its id: only what is shown
    // has to follow it.
    if constexpr (std::is_same_v<T, RawEvent>) {
      if (!started_ && d.dialect == kMe) {
        early_.push_back(d);
        return;
      }
    } else if constexpr (kShown<T>) {
      if (!started_) on(StreamStart{});
    }
    on(d);
  }

  template <class T>
  static constexpr bool kShown =
      !std::is_same_v<T, StreamStart> && !std::is_same_v<T, Ping> &&
      !std::is_same_v<T, UsageDelta> && !std::is_same_v<T, ReplyExtra> &&
      !std::is_same_v<T, ChoiceExtra> && !std::is_same_v<T, MessageExtra> &&
      !std::is_same_v<T, LogprobsDelta>;

  // ---- events ----

  template <class Write>
  void event(std::string_view type, Write&& write) {
    std::string& out = *out_;
    out += "event: ";
    out += type;
    out += "\ndata: ";
    ObjectWriter writer(out);
    writer.string("type", type);
    writer.integer("sequence_number", sequence_++);
    write(writer);
    writer.end();
    out += "\n\n";
  }

  // An event of an item, and of a part of it.
  template <class Write>
  void item_event(std::string_view type, const OpenItem& item, Write&& write) {
    event(type, [&](ObjectWriter& writer) {
      writer.string("item_id", item.id);
      writer.integer("output_index", static_cast<std::int64_t>(item.number));
      write(writer);
    });
  }
  template <class Write>
  void part_event(std::string_view type, const OpenItem& item, const OpenPart& part,
                  Write&& write) {
    item_event(type, item, [&](ObjectWriter& writer) {
      writer.integer(is_summary(part) ? "summary_index" : "content_index",
                     static_cast<std::int64_t>(part.number));
      write(writer);
    });
  }

  static bool is_summary(const OpenPart& part) {
    const Thinking* thinking = part.block.as<Thinking>();
    return thinking != nullptr && thinking->kind == Thinking::Kind::kSummary;
  }

  void response(std::string_view type, std::string_view status, std::string_view incomplete,
                std::string_view error) {
    event(type, [&](ObjectWriter& writer) {
      ResponseShape shape{.id = id_,
                          .model = model_,
                          .created_s = created_s_,
                          .service_tier = tier_,
                          .status = status,
                          .incomplete = incomplete,
                          .error = error};
      const bool whole = status != "in_progress";
      std::string output;
      for (const OpenItem& item : items_) {
        if (!whole || item.kind == Item::Kind::kLost) continue;
        if (!output.empty()) output += ',';
        output += done_.at(item.number);
      }
      shape.output = output;
      // The state is said anew; of an upstream of this dialect the rest is as it said it.
      JsonObject echo = echo_;
      for (const std::string_view state :
           {"status", "error", "incomplete_details", "object", "service_tier"}) {
        echo.erase(state);
      }
      if (!whole) echo.erase("completed_at");
      shape.echo = &echo;
      shape.others = &others_;
      if (whole && usage_.has_value()) shape.usage = &*usage_;
      write_response(writer.key("response"), shape, losses_);
    });
  }

  void on(const StreamStart& d) {
    if (started_) return;
    started_ = true;
    dialect_ = d.dialect;
    id_ = d.id;
    if (dialect_ != kMe && !id_.starts_with("resp_")) id_ = "resp_" + id_;
    if (model_.empty()) model_ = d.model;
    created_s_ = d.created_s.value_or(created_s_);
    tier_ = own_tier(dialect_, d.service_tier);
    if (tier_.empty()) note_unsaid_tier(dialect_, d.service_tier, losses_);
    if (d.usage.has_value()) usage_ = d.usage;
    merge(d.extra);
    response("response.created", "in_progress", {}, {});
    response("response.in_progress", "in_progress", {}, {});
    for (const RawEvent& event : std::exchange(early_, {})) on(event);
  }

  void merge(const Extra& extra) {
    if (!losses_.own(extra)) {
      losses_.foreign(extra, "", kStructure);
      return;
    }
    for (const auto& [name, value] : extra.members) {
      if (name != "response" || !value.is_object()) {
        others_.set(name, value);
        continue;
      }
      echo_ = value.as_object();
      if (const std::string* tier = value.find_string("service_tier")) tier_ = *tier;
      for (const auto& [said, again] : asked_echo_) echo_.set(said, again);
    }
  }
  void on(const ReplyExtra& d) { merge(d.extra); }

  // ---- blocks ----

  void on(const BlockStart& d) {
    const Item::Kind kind = kind_of(d.block);
    sources_.erase(d.index);
    if (kind == Item::Kind::kLost) {
      const Item lost{.kind = kind, .blocks = {&d.block}};
      ItemContext context{.losses = losses_};
      std::string nothing;
      (void)write_item(nothing, lost, context);
      return;
    }
    const bool own = d.block.extra.dialect == kMe;
    const bool goes_on = !items_.empty() && !items_.back().done &&
                         continues(d.block, items_.back().kind, items_.back().own);
    if (!goes_on) {
      close_finished();
      begin_item(d.block, kind, own);
    }
    OpenItem& item = items_.back();
    OpenPart part{.block = d.block};
    part.number = static_cast<std::size_t>(
        std::count_if(item.parts.begin(), item.parts.end(), [&](const OpenPart& other) {
          return kind != Item::Kind::kReasoning || is_summary(other) == is_summary(part);
        }));
    item.parts.push_back(std::move(part));
    sources_[d.index] = {items_.size() - 1, item.parts.size() - 1};
    begin_part(item, item.parts.back());
  }

  void begin_item(const Block& block, Item::Kind kind, bool own) {
    OpenItem item{.kind = kind, .number = next_++, .own = own};
    const std::string_view prefix = kind == Item::Kind::kMessage     ? "msg"
                                    : kind == Item::Kind::kReasoning ? "rs"
                                                                     : "fc";
    item.id = own ? own_id(block) : std::string();
    if (item.id.empty()) item.id = make_id(prefix, id_, item.number);
    items_.push_back(std::move(item));
    done_.emplace_back();
    OpenItem& begun = items_.back();
    Block shape = block;
    const Item one{.kind = kind, .blocks = {&shape}};
    ItemContext context{.losses = losses_, .stage = Stage::kAdded, .id = begun.id};
    std::string json;
    (void)write_item(json, one, context);
    event("response.output_item.added", [&](ObjectWriter& writer) {
      writer.integer("output_index", static_cast<std::int64_t>(begun.number));
      writer.raw("item", json);
    });
  }

  static std::string own_id(const Block& block) {
    if (const Thinking* thinking = block.as<Thinking>()) return thinking->id;
    const Json* from = block.as<Raw>() && !(block.extra.forms & forms::kPart)
                           ? &block.as<Raw>()->json
                           : block.extra.members.find("item");
    if (block.as<ToolCall>()) {
      const Json* id = block.extra.members.find("id");
      return id != nullptr && id->is_string() ? id->as_string() : std::string();
    }
    const std::string* id = from == nullptr ? nullptr : from->find_string("id");
    return id == nullptr ? std::string() : *id;
  }

  // What a block says at its start comes as deltas too.
  void begin_part(OpenItem& item, OpenPart& part) {
    std::string said;
    std::vector<Citation> citations;
    if (Text* text = part.block.as<Text>()) {
      said = std::exchange(text->text, {});
      citations = std::exchange(text->citations, {});
    } else if (Refusal* refusal = part.block.as<Refusal>()) {
      said = std::exchange(refusal->text, {});
    } else if (Thinking* thinking = part.block.as<Thinking>()) {
      said = std::exchange(thinking->text, {});
    } else if (ToolCall* call = part.block.as<ToolCall>()) {
      said = std::exchange(call->arguments, {});
    }
    // Thoughts have a part once they say something.
    if (item.kind == Item::Kind::kMessage && !(part.block.extra.forms & forms::kDerived))
      part_added(item, part);
    if (!said.empty()) {
      append(item, part, said);
    }
    for (const Citation& citation : citations) cite(item, part, citation);
  }

  void part_added(OpenItem& item, OpenPart& part) {
    if (part.block.as<Thinking>() != nullptr) {
      const bool summary = is_summary(part);
      part_event(summary ? "response.reasoning_summary_part.added" : "response.content_part.added",
                 item, part, [&](ObjectWriter& writer) {
                   writer.raw("part", summary ? R"({"type":"summary_text","text":""})"
                                              : R"({"type":"reasoning_text","text":""})");
                 });
      return;
    }
    ItemContext context{.losses = losses_, .stage = Stage::kAdded};
    std::string json;
    write_part(json, part.block, context);
    part_event("response.content_part.added", item, part,
               [&](ObjectWriter& writer) { writer.raw("part", json); });
  }

  OpenPart* find(int source, OpenItem*& item) {
    const auto found = sources_.find(source);
    if (found == sources_.end()) return nullptr;
    item = &items_[found->second.first];
    return &item->parts[found->second.second];
  }

  // Text of any kind.
  void append(OpenItem& item, OpenPart& part, std::string_view piece) {
    if (Text* text = part.block.as<Text>()) {
      text->text += piece;
      JsonArray logprobs = std::exchange(logprobs_, {});
      part_event("response.output_text.delta", item, part, [&](ObjectWriter& writer) {
        writer.string("delta", piece);
        writer.json("logprobs", Json(logprobs));
      });
      for (Json& one : logprobs) part.logprobs.push_back(std::move(one));
    } else if (Refusal* refusal = part.block.as<Refusal>()) {
      refusal->text += piece;
      part_event("response.refusal.delta", item, part,
                 [&](ObjectWriter& writer) { writer.string("delta", piece); });
    } else if (Thinking* thinking = part.block.as<Thinking>()) {
      if (thinking->text.empty()) part_added(item, part);
      thinking->text += piece;
      part_event(is_summary(part) ? "response.reasoning_summary_text.delta"
                                  : "response.reasoning_text.delta",
                 item, part, [&](ObjectWriter& writer) { writer.string("delta", piece); });
    } else if (ToolCall* call = part.block.as<ToolCall>()) {
      call->arguments += piece;
      item_event(call->kind == ToolCall::Kind::kCustom ? "response.custom_tool_call_input.delta"
                                                       : "response.function_call_arguments.delta",
                 item, [&](ObjectWriter& writer) { writer.string("delta", piece); });
    }
  }

  template <class Wanted>
  void said(int index, std::string_view text) {
    OpenItem* item = nullptr;
    OpenPart* part = find(index, item);
    if (part == nullptr || !part->open || part->block.as<Wanted>() == nullptr) return;
    if (!text.empty()) append(*item, *part, text);
  }
  void on(const TextDelta& d) { said<Text>(d.index, d.text); }
  void on(const RefusalDelta& d) { said<Refusal>(d.index, d.text); }
  void on(const ThinkingDelta& d) { said<Thinking>(d.index, d.text); }
  void on(const ArgumentsDelta& d) { said<ToolCall>(d.index, d.text); }

  void on(const SignatureDelta& d) {
    OpenItem* item = nullptr;
    if (OpenPart* part = find(d.index, item)) part->block.signature += d.text;
  }

  void on(const CitationDelta& d) {
    OpenItem* item = nullptr;
    OpenPart* part = find(d.index, item);
    if (part != nullptr && part->block.as<Text>() != nullptr) cite(*item, *part, d.citation);
  }

  void cite(OpenItem& item, OpenPart& part, const Citation& citation) {
    Text& text = *part.block.as<Text>();
    std::string json;
    if (!write_annotation(json, citation, text.text, losses_)) {
      losses_.cannot("messages.content.citations");
      return;
    }
    part_event("response.output_text.annotation.added", item, part, [&](ObjectWriter& writer) {
      writer.integer("annotation_index", static_cast<std::int64_t>(part.annotations++));
      writer.raw("annotation", json);
    });
    // It is said again, in the same words, when the part is done.
    Result<Json> raw = json_parse(json);
    if (raw) text.citations.push_back(Citation{.dialect = kMe, .raw = std::move(*raw)});
  }

  void on(const BlockExtra& d) {
    OpenItem* item = nullptr;
    OpenPart* part = find(d.index, item);
    if (part == nullptr) return;
    if (d.extra.dialect != part->block.extra.dialect || d.extra.dialect != kMe) {
      losses_.foreign(d.extra, "messages.content", kStructure);
      return;
    }
    part->block.extra.forms |= d.extra.forms;
    for (const auto& [name, value] : d.extra.members) part->block.extra.members.set(name, value);
  }

  void on(const BlockStop& d) {
    OpenItem* item = nullptr;
    OpenPart* part = find(d.index, item);
    if (part == nullptr || !part->open) return;
    part->open = false;
    finish_part(*item, *part);
    // Messages and thoughts may go on with another part.
    if (item->kind == Item::Kind::kCall || item->kind == Item::Kind::kRaw) close_item(*item);
  }

  void finish_part(OpenItem& item, OpenPart& part) {
    ItemContext context{.losses = losses_};
    if (const ToolCall* call = part.block.as<ToolCall>()) {
      const bool custom = call->kind == ToolCall::Kind::kCustom;
      // Clients read the arguments as JSON: an empty text is none.
      if (!custom && !item.own && call->arguments.empty()) append(item, part, "{}");
      item_event(
          custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
          item, [&](ObjectWriter& writer) {
            if (!custom) writer.string("name", call->name);
            writer.string(custom ? "input" : "arguments", call->arguments);
          });
      return;
    }
    if (const Thinking* thinking = part.block.as<Thinking>()) {
      if (!thinking->text.empty()) finish_thought(item, part, thinking->text);
      return;
    }
    if (part.block.extra.forms & forms::kDerived) return;
    if (const Text* text = part.block.as<Text>()) {
      part_event("response.output_text.done", item, part, [&](ObjectWriter& writer) {
        writer.string("text", text->text);
        writer.json("logprobs", Json(part.logprobs));
      });
    } else if (const Refusal* refusal = part.block.as<Refusal>()) {
      part_event("response.refusal.done", item, part,
                 [&](ObjectWriter& writer) { writer.string("refusal", refusal->text); });
    }
    if (item.kind != Item::Kind::kMessage) return;
    const Json logprobs(part.logprobs);
    if (!part.logprobs.empty()) context.logprobs = &logprobs;
    std::string json;
    write_part(json, part.block, context);
    part_event("response.content_part.done", item, part,
               [&](ObjectWriter& writer) { writer.raw("part", json); });
  }

  void finish_thought(OpenItem& item, OpenPart& part, const std::string& text) {
    const bool summary = is_summary(part);
    part_event(summary ? "response.reasoning_summary_text.done" : "response.reasoning_text.done",
               item, part, [&](ObjectWriter& writer) { writer.string("text", text); });
    part_event(summary ? "response.reasoning_summary_part.done" : "response.content_part.done",
               item, part, [&](ObjectWriter& writer) {
                 ObjectWriter inner(writer.key("part"));
                 inner.string("type", summary ? "summary_text" : "reasoning_text");
                 inner.string("text", text);
                 inner.end();
               });
  }

  // Those whose parts have all ended, once something else begins.
  void close_finished() {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      OpenItem& item = items_[i];
      const bool parts_open = std::any_of(item.parts.begin(), item.parts.end(),
                                          [](const OpenPart& part) { return part.open; });
      if (!item.done && !parts_open) close_item(item);
    }
  }

  void close_item(OpenItem& item, std::string_view status = "completed") {
    item.done = true;
    const std::string json = item_json(item, status);
    event("response.output_item.done", [&](ObjectWriter& writer) {
      writer.integer("output_index", static_cast<std::int64_t>(item.number));
      writer.raw("item", json);
    });
    done_[item.number] = json;
    if (item.kind == Item::Kind::kReasoning) return;
    std::vector<std::string> proofs;
    for (std::size_t i = 0; i < item.parts.size(); ++i) {
      std::string proof = proof_of(item.parts[i].block, item.parts.size() - 1 - i);
      if (!proof.empty()) proofs.push_back(std::move(proof));
    }
    for (const std::string& proof : proofs) prove(proof);
  }

  // A reasoning item for the proof of something else; invalidates references to items.
  void prove(const std::string& proof) {
    const std::size_t number = next_++;
    OpenItem item{.kind = Item::Kind::kReasoning, .number = number, .done = true};
    item.id = make_id("rs", id_, number);
    std::string json;
    write_proof_item(json, item.id, proof);
    for (const std::string_view type :
         {"response.output_item.added", "response.output_item.done"}) {
      event(type, [&](ObjectWriter& writer) {
        writer.integer("output_index", static_cast<std::int64_t>(number));
        writer.raw("item", json);
      });
    }
    items_.push_back(std::move(item));
    done_.push_back(std::move(json));
  }

  std::string item_json(const OpenItem& item, std::string_view status) {
    Item whole{.kind = item.kind};
    JsonArray logprobs;
    for (const OpenPart& part : item.parts) {
      whole.blocks.push_back(&part.block);
      for (const Json& one : part.logprobs) logprobs.push_back(one);
    }
    const Json list(std::move(logprobs));
    ItemContext context{.losses = losses_,
                        .id = item.id,
                        .status = status,
                        .logprobs = list.as_array().empty() ? nullptr : &list};
    std::string json;
    (void)write_item(json, whole, context);
    return json;
  }

  // ---- the end ----

  void on(const LogprobsDelta& d) {
    if (dialect_ != kMe) note_unsaid_logprobs(d.logprobs, false, losses_);
    const Json* content = d.logprobs.find("content");
    if (content == nullptr || !content->is_array()) return;
    for (const Json& one : content->as_array()) logprobs_.push_back(with_bytes(one));
  }
  void on(const ChoiceExtra& d) { losses_.foreign(d.extra, "choices", kStructure); }
  void on(const MessageExtra& d) { losses_.foreign(d.extra, "choices.message", kStructure); }
  void on(const UsageDelta& d) { usage_ = d.usage; }
  void on(const Finish& d) {
    finish_ = d.reason;
    losses_.finish(finish_, said_kind(finish_), dialect_);
    if (!d.stop_sequence.empty()) losses_.approximate("choices.stop_sequence");
  }
  void on(const Ping&) { *out_ += ": ping\n\n"; }

  void on(const RawEvent& d) {
    if (d.dialect != kMe) {
      losses_.cannot("event." + d.name);
      return;
    }
    if (!d.json.is_object()) return;
    event(d.name, [&](ObjectWriter& writer) { writer.rest(d.json.as_object()); });
  }

  void close_all(std::string_view status) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      for (std::size_t k = 0; k < items_[i].parts.size(); ++k) {
        OpenPart& part = items_[i].parts[k];
        if (!part.open) continue;
        part.open = false;
        finish_part(items_[i], part);
      }
      const bool last = i + 1 == items_.size();
      if (!items_[i].done) close_item(items_[i], last ? status : "completed");
    }
  }

  void on(const StreamError& d) {
    ended_ = true;
    std::string error;
    ObjectWriter words(error);
    words.string("code", error_code(d.error));
    words.string("message", d.error.message);
    words.end();
    event("error", [&](ObjectWriter& writer) {
      writer.string("code", d.error.code.empty() ? error_code(d.error) : d.error.code);
      writer.string("message", d.error.message);
      if (d.error.param.empty()) {
        writer.raw("param", "null");
      } else {
        writer.string("param", d.error.param);
      }
    });
    // What came so far is part of it, as it stands.
    for (OpenItem& item : items_) {
      if (!item.done) done_[item.number] = item_json(item, "incomplete");
    }
    if (d.error.dialect == kMe) {
      const Json* failed = d.error.raw.find("response");
      const Json* said = failed == nullptr ? nullptr : failed->find("error");
      if (said != nullptr && said->is_object()) error = json_write(*said);
    }
    response("response.failed", "failed", {}, error);
  }

  void on(const End&) {
    const std::string_view reason = incomplete_word(finish_);
    close_all(reason.empty() ? "completed" : "incomplete");
    ended_ = true;
    if (finish_.kind == FinishReason::Kind::kError) {
      response("response.failed", "failed", {},
               R"({"code":"server_error","message":"the provider failed"})");
      return;
    }
    const std::string_view word =
        dialect_ == kMe && !reason.empty() && finish_.word != "incomplete" ? finish_.word : reason;
    response(reason.empty() ? "response.completed" : "response.incomplete",
             reason.empty() ? "completed" : "incomplete", word, {});
  }

  const bool asked_;
  JsonObject echo_;
  JsonObject asked_echo_;
  JsonObject others_;
  std::string model_;
  std::int64_t created_s_;
  Losses losses_;
  std::string* out_ = nullptr;
  Dialect dialect_ = Dialect::kNone;
  bool started_ = false;
  bool ended_ = false;
  std::int64_t sequence_ = 0;
  std::string id_;
  std::string tier_;
  std::size_t next_ = 0;  // output_index
  std::vector<OpenItem> items_;
  std::vector<std::string> done_;                               // JSON of items, by output_index
  std::map<int, std::pair<std::size_t, std::size_t>> sources_;  // block to item and part
  JsonArray logprobs_;                                          // for the next piece of text
  std::vector<RawEvent> early_;                                 // came before the start
  std::optional<Usage> usage_;
  FinishReason finish_;
};

}  // namespace

std::unique_ptr<StreamEncoder> stream_encoder(const ChatRequest& request,
                                              const EncodeOptions& options) {
  return std::make_unique<Encoder>(request, options);
}

}  // namespace sighter::wire::openai_responses
