#include "wire/proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/utf8.hpp"
#include "wire/media.hpp"
#include "wire/openai_chat_message.hpp"
#include "wire/openai_responses_item.hpp"

namespace sighter::wire {
namespace {

constexpr std::string_view kMark = "sighter:";

struct Proof {
  Dialect dialect = Dialect::kNone;
  std::string_view word = {};
  std::size_t back = 0;  // of "previous-N"
  std::string_view format =
      {};  // of "thinking@FORMAT": whose thoughts a router of many says they are; or their id
  std::string_view text = {};
};

std::optional<Proof> read_proof(std::string_view text) {
  if (!text.starts_with(kMark)) return std::nullopt;
  text.remove_prefix(kMark.size());
  const std::size_t dialect_end = text.find(':');
  const std::size_t word_end =
      dialect_end == text.npos ? text.npos : text.find(':', dialect_end + 1);
  if (word_end == text.npos) return std::nullopt;
  const std::optional<Dialect> dialect = dialect_from(text.substr(0, dialect_end));
  if (!dialect.has_value()) return std::nullopt;
  Proof proof{.dialect = *dialect, .text = text.substr(word_end + 1)};
  proof.word = text.substr(dialect_end + 1, word_end - dialect_end - 1);
  if (const std::size_t at = proof.word.find('@'); at != proof.word.npos) {
    proof.format = proof.word.substr(at + 1);
    proof.word = proof.word.substr(0, at);
  }
  constexpr std::string_view kCounted = "previous-";
  if (proof.word.starts_with(kCounted)) {
    for (const char c : proof.word.substr(kCounted.size())) {
      if (c < '0' || c > '9' || proof.back > 10'000) return std::nullopt;
      proof.back = proof.back * 10 + static_cast<std::size_t>(c - '0');
    }
    proof.word = proof_words::kPrevious;
  }
  return proof;
}

// Where a thought's mark lies: its signature, or the data of an encrypted one.
const std::string& place_of(const Block& block, const Thinking& thinking) {
  return block.signature.empty() ? thinking.data : block.signature;
}

void as_text_alone(Block& block) {
  block.as<Thinking>()->id.clear();
  block.extra = {.dialect = Dialect::kOpenAiChat, .forms = openai_chat::forms::kThinkContent};
}

void restore_thinking(Block& block, const Proof& proof) {
  Thinking thinking = *block.as<Thinking>();
  thinking.id.clear();
  thinking.data.clear();
  Block restored;
  restored.signature = proof.text;
  thinking.kind =
      proof.word == proof_words::kSummary ? Thinking::Kind::kSummary : Thinking::Kind::kFull;
  if (proof.word == proof_words::kRedacted) {
    thinking.kind = Thinking::Kind::kRedacted;
    thinking.data = std::exchange(restored.signature, {});
    thinking.text.clear();
  }
  const bool proven = !proof.text.empty();
  restored.extra.dialect = proof.dialect;
  if (proof.dialect == Dialect::kOpenAiResponses) {
    thinking.id = proof.format;
  } else if (proof.dialect == Dialect::kOpenAiChat && proven) {
    restored.extra.forms = openai_chat::forms::kThinkDetail;
    if (!proof.format.empty()) restored.extra.members.set("format", std::string(proof.format));
  }
  restored.what = std::move(thinking);
  // Unproven, it is a text alone; Bedrock's models take none back.
  if (!proven && (proof.dialect == Dialect::kOpenAiChat || proof.dialect == Dialect::kBedrock))
    as_text_alone(restored);
  block = std::move(restored);
}

// The parts of one reasoning item of Responses are one item again. One without any proof lies with
// its provider, if at all: it is a text alone.
void join_items(std::vector<Block>& blocks) {
  const auto id_of = [](const Block& block) -> std::string_view {
    const Thinking* thinking = block.as<Thinking>();
    return thinking == nullptr || block.extra.dialect != Dialect::kOpenAiResponses
               ? std::string_view()
               : thinking->id;
  };
  for (std::size_t i = 0; i < blocks.size();) {
    std::size_t end = i + 1;
    while (end < blocks.size() && !id_of(blocks[i]).empty() &&
           id_of(blocks[end]) == id_of(blocks[i])) {
      blocks[end++].extra.forms |= openai_responses::forms::kContinues;
    }
    const bool theirs =
        blocks[i].as<Thinking>() && blocks[i].extra.dialect == Dialect::kOpenAiResponses;
    const bool proven = std::any_of(blocks.begin() + static_cast<std::ptrdiff_t>(i),
                                    blocks.begin() + static_cast<std::ptrdiff_t>(end),
                                    [](const Block& block) { return !block.signature.empty(); });
    for (; i < end; ++i) {
      if (theirs && !proven) as_text_alone(blocks[i]);
    }
  }
}

// Marks of other blocks lie in thoughts that say nothing, and are of no thought.
void prove(Block& block, const Proof& proof) {
  if (block.as<Thinking>() != nullptr) return;
  block.signature = proof.text;
  block.signer = proof.dialect;
}

// The last block of the assistant's last message: results may lie between a call and its proof.
Block* last_said(std::vector<Message>& messages, const Message* end) {
  Block* found = nullptr;
  for (Message& message : messages) {
    if (&message == end) break;
    if (message.role == Role::kAssistant && !message.content.empty())
      found = &message.content.back();
  }
  return found;
}

// Whether a mark is that of a block beside the one it lies in.
bool of_another(std::string_view word) {
  return word == proof_words::kPrevious || word == proof_words::kNext || word == proof_words::kPart;
}

void restore(std::vector<Message>& messages, Message& message, Dialect dialect) {
  std::vector<Block> kept;
  kept.reserve(message.content.size());
  std::string next;  // the mark that waits for its block
  for (Block& block : message.content) {
    const Thinking* thinking = block.as<Thinking>();
    const std::string mark = thinking != nullptr && block.extra.dialect == dialect
                                 ? place_of(block, *thinking)
                                 : std::string();
    const std::optional<Proof> proof = read_proof(mark);
    if (!proof.has_value()) {
      kept.push_back(std::move(block));
      if (!next.empty()) prove(kept.back(), *read_proof(next));
      next.clear();
    } else if (!thinking->text.empty() && of_another(proof->word)) {
      block.signature.clear();
      as_text_alone(block);
      kept.push_back(std::move(block));
    } else if (proof->word == proof_words::kPrevious) {
      Block* before = proof->back < kept.size() ? &kept[kept.size() - 1 - proof->back]
                      : kept.empty()            ? last_said(messages, &message)
                                                : nullptr;
      if (before != nullptr) prove(*before, *proof);
    } else if (proof->word == proof_words::kNext) {
      next = mark;
    } else if (proof->word == proof_words::kPart) {
      Block part(Text{});
      part.extra.dialect = proof->dialect;
      part.extra.members.set("text", "");
      part.signature = proof->text;
      kept.push_back(std::move(part));
    } else {
      restore_thinking(block, *proof);
      kept.push_back(std::move(block));
    }
  }
  if (dialect != Dialect::kOpenAiResponses) join_items(kept);
  message.content = std::move(kept);
}

}  // namespace

std::string marked_thought(const Block& block) {
  const Thinking& thinking = *block.as<Thinking>();
  const std::string& proof = place_of(block, thinking);
  const Dialect dialect =
      block.extra.dialect == Dialect::kNone ? Dialect::kOpenAiChat : block.extra.dialect;
  std::string word(thinking.kind == Thinking::Kind::kSummary   ? proof_words::kSummary
                   : block.signature.empty() && !proof.empty() ? proof_words::kRedacted
                                                               : proof_words::kThinking);
  std::string_view whose;
  if (dialect == Dialect::kOpenAiResponses) {
    whose = thinking.id;
  } else if (const Json* format = block.extra.members.find("format");
             dialect == Dialect::kOpenAiChat && format != nullptr && format->is_string()) {
    whose = format->as_string();
  }
  if (!whose.empty() && whose.find(':') == whose.npos) word += fmt::format("@{}", whose);
  return fmt::format("{}{}:{}:{}", kMark, to_string(dialect), word, proof);
}

std::string marked_proof(const Block& block, std::string_view word, std::size_t back) {
  if (block.signature.empty() || block.signed_by() == Dialect::kNone) return {};
  return fmt::format("{}{}:{}{}:{}", kMark, to_string(block.signed_by()), word,
                     back == 0 ? std::string() : fmt::format("-{}", back), block.signature);
}

namespace {

// Nothing where the blob is none of Anthropic's: theirs holds text.
std::optional<std::string> text_in_blob(const std::string& data) {
  std::optional<std::string> text = base64_decode(data);
  if (text && find_invalid_utf8(*text)) text.reset();
  return text;
}

}  // namespace

bool signed_by_claude(const Block& block) {
  const Thinking* thinking = block.as<Thinking>();
  if (thinking == nullptr || (block.signature.empty() && thinking->data.empty())) return false;
  switch (block.extra.dialect) {
    case Dialect::kAnthropic:
      return true;
    case Dialect::kBedrock:
      return thinking->data.empty() || text_in_blob(thinking->data).has_value();
    case Dialect::kOpenAiChat: {
      const Json* format = block.extra.members.find("format");
      return format != nullptr && format->is_string() &&
             format->as_string() == "anthropic-claude-v1";
    }
    default:
      return false;
  }
}

std::string claude_data(const Block& block) {
  const std::string& data = block.as<Thinking>()->data;
  if (block.extra.dialect != Dialect::kBedrock) return data;
  return text_in_blob(data).value_or(data);
}

void restore_proofs(std::vector<Message>& messages, Dialect dialect) {
  std::vector<Message*> emptied;  // those that held nothing but proofs
  for (Message& message : messages) {
    if (message.role != Role::kAssistant || message.content.empty()) continue;
    restore(messages, message, dialect);
    if (message.content.empty()) emptied.push_back(&message);
  }
  if (emptied.empty()) return;
  std::vector<Message> kept;
  kept.reserve(messages.size());
  for (Message& message : messages) {
    if (std::find(emptied.begin(), emptied.end(), &message) == emptied.end())
      kept.push_back(std::move(message));
  }
  messages = std::move(kept);
}

bool holds_marked_proof(std::string_view body) {
  constexpr std::string_view kQuoted = "\"sighter:";
  return memmem(body.data(), body.size(), kQuoted.data(), kQuoted.size()) != nullptr;
}

}  // namespace sighter::wire
