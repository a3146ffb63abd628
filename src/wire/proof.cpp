#include "wire/proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/utf8.hpp"
#include "wire/media.hpp"
#include "wire/openai_chat_message.hpp"

namespace sighter::wire {
namespace {

constexpr std::string_view kMark = "sighter:";

struct Proof {
  Dialect dialect = Dialect::kNone;
  std::string_view word = {};
  std::size_t back = 0;  // of "previous-N"
  std::string_view format =
      {};  // of "thinking@FORMAT": whose thoughts a router of many says they are
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
  restored.what = std::move(thinking);
  restored.extra.dialect = proof.dialect;
  if (proof.dialect == Dialect::kOpenAiChat) {
    restored.extra.forms = openai_chat::forms::kThinkDetail;
    if (!proof.format.empty()) restored.extra.members.set("format", std::string(proof.format));
  }
  block = std::move(restored);
}

void prove(Block& block, const Proof& proof) {
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
  message.content = std::move(kept);
}

}  // namespace

std::string marked_thought(const Block& block) {
  const Thinking& thinking = *block.as<Thinking>();
  const std::string& proof = place_of(block, thinking);
  if (proof.empty() || block.extra.dialect == Dialect::kNone) return {};
  std::string word(block.signature.empty()                     ? proof_words::kRedacted
                   : thinking.kind == Thinking::Kind::kSummary ? proof_words::kSummary
                                                               : proof_words::kThinking);
  const Json* format =
      block.extra.dialect == Dialect::kOpenAiChat ? block.extra.members.find("format") : nullptr;
  if (format != nullptr && format->is_string() &&
      format->as_string().find(':') == std::string::npos)
    word += "@" + format->as_string();
  return fmt::format("{}{}:{}:{}", kMark, to_string(block.extra.dialect), word, proof);
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
