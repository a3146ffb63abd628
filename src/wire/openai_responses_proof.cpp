#include "wire/openai_responses_item.hpp"
#include "wire/proof.hpp"

namespace sighter::wire::openai_responses {
std::string proof_of(const Block& block, std::size_t back) {
  if (const Thinking* thinking = block.as<Thinking>()) {
    if (block.extra.dialect == Dialect::kNone) return marked_thought(block);
    // What this dialect's own provider said comes back as it was.
    if (own_thought(block)) return block.signature.empty() ? thinking->data : block.signature;
    return marked_thought(block);
  }
  if (block.signed_by() == kMe) return block.signature;
  return marked_proof(block, proof_words::kPrevious, back);
}

void write_proof_item(std::string& out, std::string_view id, std::string_view proof) {
  ObjectWriter writer(out);
  writer.string("id", id);
  writer.string("type", "reasoning");
  writer.raw("summary", "[]");
  writer.string("encrypted_content", proof);
  writer.end();
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
  return block.signature.starts_with("gAAAA");
}

}  // namespace sighter::wire::openai_responses
