#include "wire/reply_builder.hpp"

#include <algorithm>
#include <utility>

namespace sighter::wire {
namespace {

// A stream that names block or choice 1,000,000,000 shall not cost that much memory.
constexpr int kBlocksMax = 10'000;

void merge(Extra& into, const Extra& from) {
  into.dialect = from.dialect;
  into.forms |= from.forms;
  for (const auto& [name, value] : from.members) into.members.set(name, value);
}

void merge_logprobs(std::optional<Json>& into, Json piece) {
  if (!into.has_value() || !into->is_object() || !piece.is_object()) {
    into = std::move(piece);
    return;
  }
  for (auto& [name, value] : piece.as_object()) {
    Json* old = into->find(name);
    if (old == nullptr || !old->is_array() || !value.is_array()) {
      if (old == nullptr || !value.is_null()) into->as_object().set(name, std::move(value));
      continue;
    }
    for (Json& item : value.as_array()) old->as_array().push_back(std::move(item));
  }
}

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

}  // namespace

Choice& ReplyBuilder::choice(int index) {
  for (Choice& choice : reply_.choices) {
    if (choice.index == index) return choice;
  }
  if (reply_.choices.size() >= kBlocksMax) return reply_.choices.back();
  Choice choice;
  choice.index = index;
  choice.extra.dialect = reply_.dialect;
  choice.message.extra.dialect = reply_.dialect;
  auto at = reply_.choices.begin();
  while (at != reply_.choices.end() && at->index < index) ++at;
  return *reply_.choices.insert(at, std::move(choice));
}

Block& ReplyBuilder::block(int choice_index, int index) {
  std::vector<Block>& content = choice(choice_index).message.content;
  const auto at = static_cast<std::size_t>(std::clamp(index, 0, kBlocksMax));
  while (content.size() <= at) content.emplace_back(Text{});
  return content[at];
}

template <class T>
T& ReplyBuilder::block_as(int choice_index, int index) {
  Block& found = block(choice_index, index);
  if (T* value = found.as<T>()) return *value;
  found.what = T{};
  return *found.as<T>();
}

void ReplyBuilder::add(const Delta& delta) {
  add(Delta(delta));
}

void ReplyBuilder::add(Delta&& delta) {
  if (state_ != State::kOpen) return;
  std::visit(
      Overload{
          [&](StreamStart& d) {
            reply_.dialect = d.dialect;
            reply_.id = std::move(d.id);
            reply_.model = std::move(d.model);
            reply_.created_s = d.created_s;
            reply_.service_tier = std::move(d.service_tier);
            if (d.usage.has_value()) reply_.usage = std::move(d.usage);
            merge(reply_.extra, d.extra);
            for (Choice& one : reply_.choices)
              one.extra.dialect = one.message.extra.dialect = d.dialect;
          },
          [&](BlockStart& d) { block(d.choice, d.index) = std::move(d.block); },
          [&](BlockStop&) {},
          [&](TextDelta& d) { block_as<Text>(d.choice, d.index).text += d.text; },
          [&](ThinkingDelta& d) { block_as<Thinking>(d.choice, d.index).text += d.text; },
          [&](ArgumentsDelta& d) { block_as<ToolCall>(d.choice, d.index).arguments += d.text; },
          [&](RefusalDelta& d) { block_as<Refusal>(d.choice, d.index).text += d.text; },
          [&](SignatureDelta& d) { block(d.choice, d.index).signature += d.text; },
          [&](CitationDelta& d) {
            block_as<Text>(d.choice, d.index).citations.push_back(std::move(d.citation));
          },
          [&](BlockExtra& d) { merge(block(d.choice, d.index).extra, d.extra); },
          [&](LogprobsDelta& d) {
            merge_logprobs(choice(d.choice).logprobs, std::move(d.logprobs));
          },
          [&](Finish& d) {
            Choice& one = choice(d.choice);
            one.finish = std::move(d.reason);
            one.stop_sequence = std::move(d.stop_sequence);
          },
          [&](ChoiceExtra& d) { merge(choice(d.choice).extra, d.extra); },
          [&](MessageExtra& d) { merge(choice(d.choice).message.extra, d.extra); },
          [&](ReplyExtra& d) { merge(reply_.extra, d.extra); },
          [&](UsageDelta& d) { reply_.usage = std::move(d.usage); },
          [&](Ping&) {},
          [&](RawEvent&) {},
          [&](StreamError& d) { fail(std::move(d.error)); },
          [&](End&) { state_ = State::kComplete; },
      },
      delta);
}

void ReplyBuilder::end() {
  if (state_ != State::kOpen) return;
  fail(WireError{.kind = Kind::kUpstream, .message = "the stream ended before it was complete"});
}

void ReplyBuilder::fail(WireError error) {
  if (state_ != State::kOpen) return;
  state_ = State::kBroken;
  error_ = std::move(error);
}

ChatReply ReplyBuilder::take() {
  return std::move(reply_);
}

namespace {

void add_block(std::vector<Delta>& out, int choice, int index, Block block) {
  BlockStart start{.choice = choice, .index = index};
  std::vector<Citation> citations;
  std::string text;
  std::string signature;
  if (Text* said = block.as<Text>()) {
    text = std::exchange(said->text, {});
    citations = std::exchange(said->citations, {});
  } else if (Thinking* thought = block.as<Thinking>()) {
    text = std::exchange(thought->text, {});
    signature = std::exchange(block.signature, {});
  } else if (ToolCall* call = block.as<ToolCall>()) {
    text = std::exchange(call->arguments, {});
  } else if (Refusal* refusal = block.as<Refusal>()) {
    text = std::exchange(refusal->text, {});
  }
  const bool is_text = block.as<Text>() != nullptr;
  const bool is_thinking = block.as<Thinking>() != nullptr;
  const bool is_call = block.as<ToolCall>() != nullptr;
  start.block = std::move(block);
  out.emplace_back(std::move(start));
  if (!text.empty()) {
    if (is_text) {
      out.emplace_back(TextDelta{choice, index, std::move(text)});
    } else if (is_thinking) {
      out.emplace_back(ThinkingDelta{choice, index, std::move(text)});
    } else if (is_call) {
      out.emplace_back(ArgumentsDelta{choice, index, std::move(text)});
    } else {
      out.emplace_back(RefusalDelta{choice, index, std::move(text)});
    }
  }
  for (Citation& citation : citations)
    out.emplace_back(CitationDelta{choice, index, std::move(citation)});
  if (!signature.empty()) out.emplace_back(SignatureDelta{choice, index, std::move(signature)});
  out.emplace_back(BlockStop{choice, index});
}

}  // namespace

std::vector<Delta> deltas_of(ChatReply reply) {
  std::vector<Delta> out;
  StreamStart start{.dialect = reply.dialect,
                    .id = std::move(reply.id),
                    .model = std::move(reply.model),
                    .created_s = reply.created_s,
                    .service_tier = std::move(reply.service_tier),
                    .usage = reply.usage,
                    .extra = std::move(reply.extra)};
  out.emplace_back(std::move(start));
  for (Choice& choice : reply.choices) {
    const int number = static_cast<int>(choice.index);
    FinishReason finish = choice.settled_finish();
    out.emplace_back(MessageExtra{.choice = number, .extra = std::move(choice.message.extra)});
    if (choice.logprobs.has_value())
      out.emplace_back(LogprobsDelta{number, std::move(*choice.logprobs)});
    int index = 0;
    for (Block& block : choice.message.content) add_block(out, number, index++, std::move(block));
    if (!choice.extra.members.empty()) {
      out.emplace_back(ChoiceExtra{.choice = number, .extra = std::move(choice.extra)});
    }
    out.emplace_back(Finish{.choice = number,
                            .reason = std::move(finish),
                            .stop_sequence = std::move(choice.stop_sequence)});
  }
  if (reply.usage.has_value()) out.emplace_back(UsageDelta{std::move(*reply.usage)});
  out.emplace_back(End{});
  return out;
}

}  // namespace sighter::wire
