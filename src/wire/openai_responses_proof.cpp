#include "wire/openai_responses_item.hpp"

namespace sighter::wire::openai_responses {
namespace {

// "sighter:DIALECT:WORD:PROOF"
constexpr std::string_view kMark = "sighter:";
constexpr std::string_view kThinking = "thinking";  // a signature of full thoughts
constexpr std::string_view kSummary = "summary";    // a signature of a summary
constexpr std::string_view kRedacted = "redacted";  // encrypted thoughts
constexpr std::string_view kPrevious = "previous";  // of the block before it

struct Proof {
  Dialect dialect = Dialect::kNone;
  std::string_view word;
  std::string_view proof;
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
  return Proof{*dialect, text.substr(dialect_end + 1, word_end - dialect_end - 1),
               text.substr(word_end + 1)};
}

void restore_thinking(Block& block, const Proof& proof) {
  Thinking thinking = *block.as<Thinking>();
  thinking.id.clear();
  block.signature = proof.proof;
  thinking.kind = proof.word == kSummary ? Thinking::Kind::kSummary : Thinking::Kind::kFull;
  if (proof.word == kRedacted) {
    thinking.kind = Thinking::Kind::kRedacted;
    thinking.data = std::exchange(block.signature, {});
    thinking.text.clear();
  }
  block.what = std::move(thinking);
  block.extra = Extra{.dialect = proof.dialect};
}

}  // namespace

std::string proof_of(const Block& block) {
  const Dialect dialect = block.extra.dialect;
  const Thinking* thinking = block.as<Thinking>();
  const std::string& proof =
      thinking != nullptr && block.signature.empty() ? thinking->data : block.signature;
  if (proof.empty() || dialect == Dialect::kNone) return {};
  if (dialect == kMe) return proof;
  // What this dialect's own provider said comes back as it was.
  if (thinking != nullptr && own_thought(block)) return proof;
  std::string_view word = kPrevious;
  if (thinking != nullptr) {
    word = block.signature.empty()                      ? kRedacted
           : thinking->kind == Thinking::Kind::kSummary ? kSummary
                                                        : kThinking;
  }
  return fmt::format("{}{}:{}:{}", kMark, to_string(dialect), word, proof);
}

void write_proof_item(std::string& out, std::string_view id, std::string_view proof) {
  ObjectWriter writer(out);
  writer.string("id", id);
  writer.string("type", "reasoning");
  writer.raw("summary", "[]");
  writer.string("encrypted_content", proof);
  writer.end();
}

void restore_proofs(std::vector<Message>& messages) {
  Block* before = nullptr;
  for (Message& message : messages) {
    std::vector<Block> kept;
    kept.reserve(message.content.size());
    for (Block& block : message.content) {
      const std::optional<Proof> proof = block.as<Thinking>() && block.extra.dialect == kMe
                                             ? read_proof(block.signature)
                                             : std::nullopt;
      if (proof.has_value() && proof->word == kPrevious) {
        if (before != nullptr) before->signature = proof->proof;
        continue;
      }
      if (proof.has_value()) {
        const Block copy = block;  // what the proof's text lies in
        restore_thinking(block, *read_proof(copy.signature));
      }
      kept.push_back(std::move(block));
      before = &kept.back();
    }
    message.content = std::move(kept);
    before = message.content.empty() ? nullptr : &message.content.back();
  }
  // Those that held nothing but a proof.
  std::erase_if(messages, [](const Message& message) {
    return message.role == Role::kAssistant && message.content.empty();
  });
}

bool own_thought(const Block& block) {
  if (block.extra.dialect == kMe || block.extra.dialect == Dialect::kNone) return true;
  const Thinking& thinking = *block.as<Thinking>();
  if (block.extra.dialect == Dialect::kOpenAiChat) {
    const Json* format = block.extra.members.find("format");
    return format != nullptr && format->is_string() &&
           format->as_string() == "openai-responses-v1" &&
           !(block.signature.empty() && thinking.data.empty());
  }
  // Anthropic's clients hand back what they were given. The provider's own begins so.
  return block.signature.starts_with("gAAAA") || block.signature.starts_with(kMark);
}

}  // namespace sighter::wire::openai_responses
