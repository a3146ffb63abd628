#include "functions/reply_output.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace sighter::functions {
namespace {

void set_if(Json& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object.as_object().set(name, text);
}

Json citation_json(const wire::Citation& citation, std::size_t block) {
  Json out = Json::object({{"block", static_cast<std::int64_t>(block)}});
  set_if(out, "url", citation.url);
  set_if(out, "title", citation.title);
  set_if(out, "cited_text", citation.cited_text);
  set_if(out, "file_id", citation.file_id);
  if (citation.start) out.as_object().set("start", *citation.start);
  if (citation.end) out.as_object().set("end", *citation.end);
  if (!citation.raw.is_null()) out.as_object().set("raw", citation.raw);
  return out;
}

Json call_json(const wire::ToolCall& call, const std::string& signature) {
  Json out = Json::object({{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
  if (call.kind == wire::ToolCall::Kind::kCustom) out.as_object().set("kind", "custom");
  if (call.kind == wire::ToolCall::Kind::kProvider) {
    out.as_object().set("kind", "provider");
    set_if(out, "type", call.provider_type);
  }
  set_if(out, "signature", signature);
  return out;
}

Json thinking_json(const wire::Thinking& thinking, const std::string& signature) {
  Json out = Json::object({{"text", thinking.text}});
  if (thinking.kind == wire::Thinking::Kind::kSummary) out.as_object().set("kind", "summary");
  if (thinking.kind == wire::Thinking::Kind::kRedacted) out.as_object().set("kind", "redacted");
  set_if(out, "data", thinking.data);
  set_if(out, "signature", signature);
  return out;
}

std::string_view word_of(wire::Media::Kind kind) {
  switch (kind) {
    case wire::Media::Kind::kImage:
      return "image";
    case wire::Media::Kind::kAudio:
      return "audio";
    case wire::Media::Kind::kVideo:
      return "video";
    case wire::Media::Kind::kDocument:
      return "document";
  }
  return "";
}

// A digest tells the bytes of media apart: they stay out of the rows.
void set_bytes(Json& out, std::string_view data) {
  if (data.empty()) return;
  out.as_object().set("sha256", hex(sha256(data)));
  out.as_object().set("bytes", static_cast<std::int64_t>(data.size()));
}

Json media_json(const wire::Media& media) {
  Json out = Json::object({{"kind", std::string(word_of(media.kind))}});
  set_if(out, "type", media.media_type.empty() ? media.format : media.media_type);
  if (media.url.starts_with("data:"))
    set_bytes(out, media.url);
  else
    set_if(out, "url", media.url);
  set_if(out, "file_id", media.file_id);
  set_if(out, "text", media.text);
  set_bytes(out, media.data);
  return out;
}

// Chat Completions has spoken answers beside the content.
Json spoken_json(const Json& audio) {
  Json out = Json::object({{"kind", "audio"}});
  if (const std::string* id = audio.find_string("id")) set_if(out, "file_id", *id);
  if (const std::string* said = audio.find_string("transcript")) set_if(out, "transcript", *said);
  if (const std::string* data = audio.find_string("data")) set_bytes(out, *data);
  return out;
}

// One choice, block by block.
class Said {
 public:
  void add(const wire::Block& block);
  void add_spoken(const Json& audio) { put("media", media_, spoken_json(audio)); }
  Json output();

 private:
  void put(std::string_view part, JsonArray& list, Json json) {
    list.push_back(std::move(json));
    order_.emplace_back(std::string(part));
  }
  bool in_usual_order() const;

  std::vector<std::string> texts_;
  std::optional<std::string> refusal_;
  JsonArray thinking_, calls_, results_, citations_, media_, other_;
  std::vector<std::string> order_;
};

void Said::add(const wire::Block& block) {
  if (const auto* text = block.as<wire::Text>()) {
    if (text->text.empty() && text->citations.empty()) return;
    for (const wire::Citation& citation : text->citations)
      citations_.push_back(citation_json(citation, texts_.size()));
    texts_.push_back(text->text);
    order_.emplace_back("content");
  } else if (const auto* thinking = block.as<wire::Thinking>()) {
    if (!thinking->text.empty() || !thinking->data.empty())
      put("thinking", thinking_, thinking_json(*thinking, block.signature));
  } else if (const auto* call = block.as<wire::ToolCall>()) {
    put("tool_calls", calls_, call_json(*call, block.signature));
  } else if (const auto* refusal = block.as<wire::Refusal>()) {
    if (refusal->text.empty()) return;
    if (!refusal_) order_.emplace_back("refusal");
    refusal_ = refusal_.value_or("") + refusal->text;
  } else if (const auto* result = block.as<wire::ToolResult>()) {
    Said inner;
    for (const wire::Block& part : result->content) inner.add(part);
    put("tool_results", results_, Json::object({{"id", result->id}, {"content", inner.output()}}));
  } else if (const auto* media = block.as<wire::Media>()) {
    put("media", media_, media_json(*media));
  } else if (const auto* raw = block.as<wire::Raw>()) {
    put("other", other_, Json::object({{"type", raw->type}, {"json", raw->json}}));
  }
}

bool Said::in_usual_order() const {
  const auto rank = [](const std::string& part) {
    return part == "thinking" ? 0 : part == "content" ? 1 : part == "refusal" ? 2 : 3;
  };
  for (std::size_t i = 1; i < order_.size(); ++i) {
    if (rank(order_[i]) < rank(order_[i - 1])) return false;
    if (rank(order_[i]) == 3 && rank(order_[i - 1]) == 3 && order_[i] != order_[i - 1])
      return false;
  }
  return true;
}

Json Said::output() {
  const bool only_text = texts_.size() == order_.size() && citations_.empty();
  if (only_text && texts_.size() <= 1) return Json(texts_.empty() ? "" : std::move(texts_.front()));
  Json out = Json::object();
  JsonObject& members = out.as_object();
  if (texts_.size() > 1) {
    Json list = Json::array();
    for (std::string& text : texts_) list.as_array().push_back(std::move(text));
    members.set("content", std::move(list));
  } else {
    members.set("content", texts_.empty() ? "" : std::move(texts_.front()));
  }
  if (refusal_) members.set("refusal", std::move(*refusal_));
  const auto list = [&](const char* name, JsonArray& values) {
    if (!values.empty()) members.set(name, Json(std::move(values)));
  };
  list("thinking", thinking_);
  list("tool_calls", calls_);
  list("tool_results", results_);
  list("citations", citations_);
  list("media", media_);
  list("other", other_);
  if (!in_usual_order()) {
    Json order = Json::array();
    for (std::string& part : order_) order.as_array().push_back(std::move(part));
    members.set("order", std::move(order));
  }
  return out;
}

Json choice_output(const wire::Choice& choice) {
  Said said;
  for (const wire::Block& block : choice.message.content) said.add(block);
  const wire::Extra& extra = choice.message.extra;
  if (extra.dialect == wire::Dialect::kOpenAiChat) {
    if (const Json* audio = extra.members.find("audio"); audio != nullptr && audio->is_object())
      said.add_spoken(*audio);
  }
  return said.output();
}

}  // namespace

Json reply_as_output(const wire::ChatReply& reply) {
  if (reply.choices.empty()) return Json("");
  if (reply.choices.size() == 1) return choice_output(reply.choices.front());
  Json list = Json::array();
  for (const wire::Choice& choice : reply.choices) list.as_array().push_back(choice_output(choice));
  return list;
}

Json words_of_output(const Json& output) {
  if (!output.is_object() || output.find("tool_calls") != nullptr) return output;
  std::string words;
  if (const Json* content = output.find("content"); content != nullptr && content->is_array()) {
    for (const Json& text : content->as_array()) words += text.as_string();
  } else if (content != nullptr && content->is_string()) {
    words = content->as_string();
  }
  if (!words.empty()) return Json(std::move(words));
  const std::string* refusal = output.find_string("refusal");
  return refusal != nullptr ? Json(*refusal) : output;
}

}  // namespace sighter::functions
