// Where each dialect says what: one field at a time is written through every codec, and the places
// where it is found are the table that docs/dialects.md shows.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "wire/codec.hpp"
#include "wire/test_events.hpp"
#include "wire/test_fields.hpp"
#include "wire/test_page.hpp"

namespace sighter::wire {
namespace {

// A column a dialect: to add one, name it here and say in kUnsaid what it rightly does not say.
constexpr Dialect kColumns[] = {Dialect::kOpenAiChat, Dialect::kOpenAiResponses,
                                Dialect::kAnthropic, Dialect::kGemini, Dialect::kBedrock};

// ---- places -----------------------------------------------------------------------------------

struct Leaf {
  std::string path{};   // "messages[].content"
  std::string name{};   // its last word
  std::string value{};  // JSON
  auto operator<=>(const Leaf&) const = default;
};

void collect(const Json& at, const std::string& path, const std::string& name,
             std::vector<Leaf>& out) {
  if (at.is_array()) {
    for (const Json& one : at.as_array()) collect(one, path + "[]", name, out);
  } else if (at.is_object() && !at.as_object().empty()) {
    for (const auto& [inner, value] : at.as_object()) {
      // The members of what clients make up (arguments, labels, schemas) are no places.
      const bool made_up = inner == "q" || inner == "$comment";
      const std::string longer = made_up ? path : path.empty() ? inner : path + "." + inner;
      collect(value, longer, inner, out);
    }
  } else {
    out.push_back({path, name, json_write(at)});
  }
}

// Those that `base` has not, as often as they come more.
std::vector<Leaf> added(const std::vector<Leaf>& with, const std::vector<Leaf>& base) {
  std::map<Leaf, int> known;
  for (const Leaf& leaf : base) ++known[leaf];
  std::vector<Leaf> out;
  for (const Leaf& leaf : with) {
    if (--known[leaf] < 0) out.push_back(leaf);
  }
  return out;
}

bool holds(const std::string& value, std::string_view marks) {
  while (!marks.empty()) {
    const std::size_t end = std::min(marks.find('|'), marks.size());
    if (value.find(marks.substr(0, end)) != value.npos) return true;
    marks.remove_prefix(std::min(end + 1, marks.size()));
  }
  return false;
}

// The leaves that hold the mark; without a mark all of them, with what they say.
std::vector<std::string> places(const std::vector<Leaf>& leaves, const std::string& mark) {
  std::vector<std::string> out;
  const auto add = [&](std::string text) {
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
  };
  for (const Leaf& leaf : leaves) {
    if (mark.empty()) add(leaf.path + ": " + leaf.value);
    if (holds(leaf.value, mark)) add(leaf.path);
  }
  return out;
}

std::vector<Leaf> leaves_of(const std::string& body) {
  std::vector<Leaf> out;
  collect(json_parse(body).value(), "", "", out);
  return out;
}

std::string ticked(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "`" : ", `") + word + "`";
  return out;
}

// ---- who said it -----------------------------------------------------------------------------

// Everything that has no maker yet comes from `dialect`: what a client of it would send.
void made_by(std::vector<Block>& blocks, Dialect dialect) {
  for (Block& block : blocks) {
    if (block.extra.dialect == Dialect::kNone) block.extra.dialect = dialect;
    if (ToolResult* result = block.as<ToolResult>()) made_by(result->content, dialect);
    if (Text* text = block.as<Text>()) {
      for (Citation& one : text->citations) one.dialect = dialect;
    }
  }
}

void made_by(ChatRequest& request, Dialect dialect) {
  request.dialect = request.extra.dialect = dialect;
  for (Message& message : request.messages) {
    message.extra.dialect = dialect;
    made_by(message.content, dialect);
  }
  for (Tool& tool : request.tools) {
    if (tool.extra.dialect == Dialect::kNone) tool.extra.dialect = dialect;
  }
  if (request.tool_choice) request.tool_choice->extra.dialect = dialect;
  if (request.response_format) request.response_format->extra.dialect = dialect;
  if (request.reasoning) request.reasoning->extra.dialect = dialect;
}

void made_by(ChatReply& reply, Dialect dialect) {
  reply.dialect = reply.extra.dialect = dialect;
  for (Choice& choice : reply.choices) {
    choice.extra.dialect = choice.message.extra.dialect = dialect;
    made_by(choice.message.content, dialect);
  }
  if (reply.usage) reply.usage->dialect = dialect;
}

Dialect another(Dialect dialect) {
  return dialect == Dialect::kOpenAiChat ? Dialect::kOpenAiResponses : Dialect::kOpenAiChat;
}

// ---- cells ------------------------------------------------------------------------------------

// What is rightly not said, and nowhere reported.
struct Unsaid {
  std::string_view field;
  std::string_view dialects;
  std::string_view why;
};
constexpr std::string_view kNot = "not said there";
constexpr std::string_view kRow = "not counted apart; the call's row keeps it";
constexpr Unsaid kUnsaid[] = {
    {"model", "gemini bedrock", "in the address"},
    {"streamed", "gemini bedrock", "in the address"},
    {"schema, name", "anthropic gemini", kNot},
    {"schema, strict", "anthropic gemini bedrock", "it always is"},
    {"thinking, encrypted (of the same provider)", "openai-responses", "as its signature"},
    {"id", "bedrock", kNot},
    {"model that answered", "bedrock", kNot},
    {"time of creation", "anthropic gemini bedrock", kNot},
    {"usage: audio input", "openai-responses anthropic bedrock", kRow},
    {"usage: audio output", "openai-responses anthropic bedrock", kRow},
    {"usage: image input", "openai openai-responses anthropic bedrock", kRow},
    {"usage: provider's tools", "openai openai-responses anthropic gemini bedrock", kRow},
};

std::string_view why_unsaid(std::string_view field, Dialect to) {
  for (const Unsaid& one : kUnsaid) {
    const std::string padded = fmt::format(" {} ", one.dialects);
    if (one.field == field && padded.find(fmt::format(" {} ", to_string(to))) != padded.npos)
      return one.why;
  }
  return {};
}

std::string cell_of(const std::string& field, Dialect to, const std::vector<std::string>& where,
                    const std::vector<std::string>& dropped,
                    const std::vector<std::string>& approximated, std::string_view dropped_word) {
  std::string out = ticked(where);
  if (!dropped.empty() && dropped_word == "refused") out.clear();
  const auto add = [&](std::string_view how, const std::vector<std::string>& names) {
    if (names.empty()) return;
    out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", how, ticked(names));
  };
  add(dropped_word, dropped);
  add("approximated", approximated);
  const std::string_view why = why_unsaid(field, to);
  EXPECT_NE(out.empty(), why.empty()) << field << " in " << to_string(to) << ": " << out;
  return out.empty() ? std::string(why) : out;
}

ChatRequest plain_request() {
  ChatRequest request{.model = "m", .max_tokens = 8000};
  Message said = Message::text(Role::kUser, "one");
  said.content.emplace_back(Text{.text = "two"});
  request.messages.push_back(std::move(said));
  return request;
}

std::string cell(const Field<ChatRequest>& field, Dialect to) {
  static const std::vector<std::string> kAll{"*"};
  ChatRequest base = plain_request();
  if (field.around) field.around(base);
  ChatRequest with = base;
  field.set(with, to);
  made_by(base, another(to));
  made_by(with, another(to));
  // Bedrock says some parameters in the words of the model's family.
  const std::string_view model = to == Dialect::kBedrock ? "anthropic.claude-opus-4-8-v1:0" : "";
  const EncodeOptions options{.model = model, .allow_drop = kAll};
  const Result<Encoded> a = codec_of(to)->encode_request(base, options);
  const Result<Encoded> b = codec_of(to)->encode_request(with, options);
  EXPECT_TRUE(a && b) << field.name;
  if (!a || !b) return {};
  EXPECT_EQ(b->dropped.empty(), codec_of(to)->encode_request(with, {.model = model}).has_value())
      << field.name;
  const std::vector<Leaf> fresh = added(leaves_of(b->body), leaves_of(a->body));
  std::vector<std::string> nearly = b->approximated;
  std::erase_if(nearly, [&](const std::string& name) {
    return std::find(a->approximated.begin(), a->approximated.end(), name) != a->approximated.end();
  });
  return cell_of(field.name, to, places(fresh, field.mark), b->dropped, nearly, "refused");
}

ChatReply plain_reply() {
  ChatReply reply{.id = "i", .model = "m", .created_s = 1};
  reply.choices.emplace_back();
  reply.choices[0].message.content.emplace_back(Text{.text = "one"});
  reply.choices[0].finish.kind = FinishReason::Kind::kStop;
  reply.usage = Usage{.input = 5000, .output = 3000};
  return reply;
}

std::pair<ChatReply, ChatReply> without_and_with(const Field<ChatReply>& field, Dialect to) {
  ChatReply base = plain_reply();
  if (field.around) field.around(base);
  ChatReply with = base;
  field.set(with, to);
  made_by(base, another(to));
  made_by(with, another(to));
  return {std::move(base), std::move(with)};
}

std::string cell(const Field<ChatReply>& field, Dialect to) {
  const auto [base, with] = without_and_with(field, to);
  const Encoded a = codec_of(to)->encode_reply(base, {.now_s = 1});
  const Encoded b = codec_of(to)->encode_reply(with, {.now_s = 1});
  const std::vector<Leaf> fresh = added(leaves_of(b.body), leaves_of(a.body));
  return cell_of(field.name, to, places(fresh, field.mark), b.dropped, b.approximated, "left out");
}

// The leaves of a stream, each with the name of its event where events have names.
std::vector<std::pair<std::string, std::vector<Leaf>>> events_of(const ChatReply& reply,
                                                                 Dialect to) {
  ChatRequest asked;
  asked.include_usage = true;
  const std::unique_ptr<StreamEncoder> encoder = codec_of(to)->stream_encoder(asked, {.now_s = 1});
  std::string bytes;
  for (const Delta& delta : deltas_of(reply)) encoder->write(delta, bytes);
  std::vector<std::pair<std::string, std::vector<Leaf>>> out;
  for (const Event& event : split_events(bytes)) {
    if (event.data != "[DONE]") out.emplace_back(event.name, leaves_of(event.data));
  }
  return out;
}

// Where a stream says it first.
std::string stream_cell(const Field<ChatReply>& field, Dialect to) {
  const auto [base, with] = without_and_with(field, to);
  std::map<std::string, std::vector<Leaf>> before;
  for (auto& [name, leaves] : events_of(base, to)) {
    before[name].insert(before[name].end(), leaves.begin(), leaves.end());
  }
  for (auto& [name, leaves] : events_of(with, to)) {
    const std::vector<std::string> found = places(added(leaves, before[name]), field.mark);
    if (!found.empty()) return (name.empty() ? "" : name + ": ") + ticked(found);
  }
  return "-";
}

// ---- tables -----------------------------------------------------------------------------------

template <class T>
std::string table(const std::vector<Field<T>>& fields, const auto& cell_in) {
  std::string out = "| field |";
  for (const Dialect to : kColumns) out += fmt::format(" {} |", to_string(to));
  out += "\n|---|";
  for ([[maybe_unused]] const Dialect to : kColumns) out += "---|";
  out += "\n";
  for (const Field<T>& field : fields) {
    out += "| " + field.name + " |";
    for (const Dialect to : kColumns) out += " " + cell_in(field, to) + " |";
    out += "\n";
  }
  return out;
}

// SIGHTER_WRITE_DOCS=1 writes the tables into the page instead.
TEST(Fields, ThePageOfDialectsShowsWhereEachIsSaid) {
  const auto request = [](const auto& field, Dialect to) { return cell(field, to); };
  std::vector<Field<ChatRequest>> messages = fields_of_content();
  for (Field<ChatRequest> field : fields_of_turns()) messages.push_back(std::move(field));
  std::vector<Field<ChatReply>> replies = fields_of_said();
  for (Field<ChatReply> field : fields_of_ends()) replies.push_back(std::move(field));
  std::string out = "### Requests: messages\n\n" + table(messages, request);
  out += "\n### Requests: tools and the form of the answer\n\n" + table(fields_of_tools(), request);
  out += "\n### Requests: parameters\n\n" + table(fields_of_parameters(), request);
  out += "\n### Whole replies\n\n" + table(replies, request);
  out += "\n### Streams: where it is said first\n\n" + table(replies, stream_cell);
  page_shows("fields", out, std::getenv("SIGHTER_WRITE_DOCS") != nullptr);
}

}  // namespace
}  // namespace sighter::wire
