// A member that nobody knows, put into every object of rich requests and replies one after another:
// its own dialect says it again at its place, every other one names it, or the whole that it goes
// with.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "wire/codec.hpp"
#include "wire/name_list.hpp"
#include "wire/test_events.hpp"
#include "wire/test_recorded.hpp"
#include "wire/test_samples.hpp"

namespace sighter::wire {
namespace {

constexpr std::string_view kUnknown = "zz_unknown";
constexpr Dialect kDialects[] = {Dialect::kOpenAiChat, Dialect::kAnthropic,
                                 Dialect::kOpenAiResponses, Dialect::kGemini, Dialect::kBedrock};
// Some parameters of Bedrock are said in the words of the model's family.
constexpr std::string_view kClaude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

// Objects that whoever asks or answers makes up: what they hold are no members of the dialect.
constexpr std::string_view kFreeForm[] = {
    "parameters",  "parametersJsonSchema", "schema", "input_schema", "responseSchema",
    "logit_bias",  "responseJsonSchema",   "json",   "args",         "response",
    "metadata",    "requestMetadata",      "labels", "arguments",    "input",
    "partial_args"};
// What a response of OpenAI says again of its request, or of its state: docs/dialects.md.
constexpr std::string_view kSaidAgain[] = {
    "tools", "tool_choice", "text", "reasoning", "prompt_cache_options", "incomplete_details",
    "error", "instructions"};

struct Step {
  std::string name{};     // of a member; empty: an element
  std::size_t index = 0;  // of an element
};
using Place = std::vector<Step>;

std::string words_of(const Place& place) {
  std::string out;
  for (const Step& step : place) {
    if (step.name.empty()) {
      out += fmt::format("[{}]", step.index);
    } else {
      out += (out.empty() ? "" : ".") + step.name;
    }
  }
  return out.empty() ? "the body" : out;
}

Json* find(Json& root, const Place& place, std::size_t steps) {
  Json* at = &root;
  for (std::size_t i = 0; i < steps && at != nullptr; ++i) {
    const Step& step = place[i];
    if (!step.name.empty()) {
      at = at->find(step.name);
    } else {
      const bool there = at->is_array() && step.index < at->as_array().size();
      at = there ? &at->as_array()[step.index] : nullptr;
    }
  }
  return at;
}

bool holds(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The places of all objects of `at` whose kind has not been met: by the names on the way to them
// and the types of the objects on it.
struct Walk {
  bool reply = false;
  Dialect dialect{};
  std::set<std::string>& met;
  std::vector<Place> places{};
  Place place{};

  void go(const Json& at, std::string kind) {
    if (at.is_array()) {
      for (std::size_t i = 0; i < at.as_array().size(); ++i) {
        place.push_back({.index = i});
        go(at.as_array()[i], kind + "[]");
        place.pop_back();
      }
      return;
    }
    if (!at.is_object()) return;
    if (const std::string* type = at.find_string("type")) kind += ":" + *type;
    if (const std::string* role = at.find_string("role")) kind += ":" + *role;
    std::string members;
    for (const auto& [name, value] : at.as_object()) members += "," + name;
    if (met.insert(kind + members).second) places.push_back(place);
    for (const auto& [name, value] : at.as_object()) {
      if (value.is_object() && holds(kFreeForm, name)) continue;
      if (reply && dialect == Dialect::kOpenAiResponses && place.empty() && holds(kSaidAgain, name))
        continue;
      place.push_back({.name = name});
      go(value, kind + "." + name);
      place.pop_back();
    }
  }
};

// The same with the unknown member at `place`.
Json with_unknown(Json body, const Place& place) {
  find(body, place, place.size())->as_object().set(kUnknown, Json(1));
  return body;
}

// The same without what the first `steps` lead to.
Json without(Json body, const Place& place, std::size_t steps) {
  Json* outer = find(body, place, steps - 1);
  const Step& last = place[steps - 1];
  if (last.name.empty()) {
    JsonArray& list = outer->as_array();
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(last.index));
  } else {
    outer->as_object().erase(last.name);
  }
  return body;
}

// Other words in every string at `json` that is no type or role; false where there is none.
bool reword(Json& json) {
  bool any = false;
  if (json.is_array()) {
    for (Json& one : json.as_array()) {
      if (one.is_string()) one = Json(one.as_string() + "Z");
      any = one.is_string() || reword(one) || any;
    }
  } else if (json.is_object()) {
    for (auto& [name, value] : json.as_object()) {
      if (name == "type" || name == "role") continue;
      if (value.is_string()) {
        value = Json(value.as_string() + "Z");
        any = true;
      } else {
        any = reword(value) || any;
      }
    }
  }
  return any;
}

// Without the numbers that made ids hold, and without members that hold nothing.
std::string plain(std::string body) {
  std::erase_if(body, [](char c) { return c >= '0' && c <= '9'; });
  for (const std::string_view empty : {":[]", ":{}"}) {
    for (std::size_t at = body.find(empty); at != body.npos; at = body.find(empty)) {
      const std::size_t name = at < 2 ? 0 : body.rfind('"', at - 2);
      const bool comma = name > 0 && body[name - 1] == ',';
      const std::size_t begin = comma ? name - 1 : name;
      body.erase(begin, at + empty.size() - begin);
    }
  }
  return body;
}

struct Said {
  bool good = false;
  std::string error{};
  std::string body{};
  std::vector<std::string> dropped{};
  std::vector<std::string> approximated{};
};

Said said_of(Encoded encoded) {
  return {true,
          {},
          std::move(encoded.body),
          std::move(encoded.dropped),
          std::move(encoded.approximated)};
}

enum class What { kRequest, kReply, kStream };

Said streamed(const std::vector<Delta>& deltas, Dialect to) {
  ChatRequest asked;
  asked.include_usage = true;
  const auto encoder = codec_of(to)->stream_encoder(asked, {.now_s = 1});
  Said out{.good = true};
  for (const Delta& delta : deltas) encoder->write(delta, out.body);
  out.dropped = encoder->dropped();
  out.approximated = encoder->approximated();
  return out;
}

Said translate(What what, const Json& body, Dialect from, Dialect to) {
  static const std::vector<std::string> kAll{"*"};
  if (what != What::kRequest) {
    Result<ChatReply> read = codec_of(from)->decode_reply(body, nullptr);
    if (!read) return {.error = read.error().what};
    if (what == What::kStream) return streamed(deltas_of(std::move(*read)), to);
    return said_of(codec_of(to)->encode_reply(*read, {.now_s = 1}));
  }
  const Result<ChatRequest> read = codec_of(from)->decode_request(body);
  if (!read) return {.error = read.error().what};
  const std::string_view model = to == Dialect::kBedrock && from != to ? kClaude : "";
  Result<Encoded> encoded =
      codec_of(to)->encode_request(*read, {.model = model, .allow_drop = kAll});
  if (!encoded) return {.error = encoded.error().what};
  return said_of(std::move(*encoded));
}

// What is named as a whole although a part of it is said: members on the way there, and the name.
constexpr std::pair<std::string_view, std::string_view> kNamedWhole[] = {
    {"groundingMetadata", "choices.groundingMetadata"},  // its sources are citations
    {"custom", "messages.content.custom_tool_call"},     // its name is that of the result
    {"custom_tool_call", "messages.content.custom_tool_call"},
    {"cachePoint", "messages.content.cachePoint"},  // a lone text beside it is a list
};

// The words by which what holds the member may be named: those on the way to it, the types of the
// objects on it, and what encoders call some of them.
std::set<std::string> words_on(Json body, const Place& place) {
  std::set<std::string> out{"file_id", "url", "audio", "video", "image",
                            "file",    "raw", "media", "name",  "media_type"};
  const auto types = [&](const Json& at) {
    for (const char* name : {"type", "name"}) {
      if (const std::string* word = at.find_string(name)) out.insert(*word);
    }
  };
  for (std::size_t steps = 0; steps <= place.size(); ++steps) {
    types(*find(body, place, steps));
    if (steps > 0 && !place[steps - 1].name.empty()) out.insert(place[steps - 1].name);
  }
  for (const auto& [name, value] : find(body, place, place.size())->as_object()) {
    out.insert(name);
    types(value);
  }
  for (const char* thought : {"reasoning", "reasoning_details", "redacted_thinking", "thought",
                              "reasoningContent", "thinking"}) {
    const Json* part = find(body, place, place.size());
    if (out.contains(thought) || part->find(thought) != nullptr) {
      out.insert("thinking");
      out.insert("redacted_thinking");
    }
  }
  if (out.contains("custom")) out.insert("custom_tool_call");
  if (out.contains("annotations")) out.insert("citations");
  if (out.contains("logprobsResult")) out.insert("logprobs");
  if (out.contains("cachePoint")) out.insert("cache_control");
  if (out.contains("toolChoice")) out.insert("tool_choice");
  if (out.contains("response_format") || out.contains("format")) out.insert("response_format");
  return out;
}

// Where the whole that holds the member is left out, its name will do: the outcome is that of a
// body without it, or whatever it says.
bool goes_with_its_whole(What what, const Json& body, const Place& place, const Said& said,
                         Dialect from, Dialect to) {
  const std::set<std::string> words = words_on(body, place);
  for (const auto& [word, name] : kNamedWhole) {
    const auto& names = said.dropped;
    const bool whole = std::find(names.begin(), names.end(), name) != names.end();
    if (whole && words.contains(std::string(word))) return true;
  }
  const auto named = [&](const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      const std::size_t dot = name.rfind('.');
      return words.contains(dot == name.npos ? name : name.substr(dot + 1));
    });
  };
  if (!named(said.dropped) && !named(said.approximated)) return false;
  for (std::size_t steps = place.size(); steps > 0; --steps) {
    const Said gone = translate(what, without(body, place, steps), from, to);
    if (gone.good && plain(gone.body) == plain(said.body)) return true;
    Json other = body;
    if (!reword(*find(other, place, steps))) continue;
    const Said reworded = translate(what, other, from, to);
    if (reworded.good && reworded.body == said.body) return true;
  }
  return false;
}

class UnknownMembers {
 public:
  explicit UnknownMembers(What what) : what_(what) {}

  void body(const Json& body, Dialect from, const std::string& source) {
    const Said as_it_came = translate(what_, body, from, from);
    if (!as_it_came.good) return;  // no body of this dialect: an error, or a refused request
    Walk walk{.reply = what_ != What::kRequest, .dialect = from, .met = met_[from]};
    walk.go(body, "");
    std::map<Dialect, Said> known;  // what is said without the member
    for (const Dialect to : kDialects) known[to] = translate(what_, body, from, to);
    for (const Place& place : walk.places) {
      ++places_;
      const Json mutated = with_unknown(body, place);
      own(mutated, place, from, source);
      for (const Dialect to : kDialects) {
        if (to != from) other(mutated, place, known[to], from, to, source);
      }
    }
  }

  int places() const { return places_; }

 private:
  void own(const Json& mutated, const Place& place, Dialect from, const std::string& source) {
    const Said said = translate(what_, mutated, from, from);
    EXPECT_TRUE(said.good) << where(place, from, from, source) << said.error;
    if (!said.good) return;
    if (what_ == What::kStream) {
      if (from == Dialect::kBedrock) return;  // nobody is answered in it
      EXPECT_NE(said.body.find(kUnknown), said.body.npos)
          << where(place, from, from, source) << "is gone";
      return;
    }
    Result<Json> back = json_parse(said.body);
    ASSERT_TRUE(back) << said.body;
    const Json* there = find(*back, place, place.size());
    EXPECT_TRUE(there != nullptr && there->find(kUnknown) != nullptr)
        << where(place, from, from, source) << "is gone";
  }

  void other(const Json& mutated, const Place& place, const Said& known, Dialect from, Dialect to,
             const std::string& source) {
    const Said said = translate(what_, mutated, from, to);
    EXPECT_TRUE(said.good) << where(place, from, to, source) << said.error;
    if (!said.good) return;
    const bool named =
        std::any_of(said.dropped.begin(), said.dropped.end(),
                    [](const std::string& name) { return name.ends_with(kUnknown); });
    const bool carried = said.body.find(kUnknown) != said.body.npos;
    EXPECT_TRUE(named || carried || goes_with_its_whole(what_, mutated, place, said, from, to))
        << where(place, from, to, source)
        << "is gone; dropped: " << fmt::format("{}", fmt::join(said.dropped, ", "));
    // Nobody asks in these dialects.
    const bool asked = from != Dialect::kGemini && from != Dialect::kBedrock;
    if (what_ == What::kRequest && !asked) return;
    EXPECT_TRUE(carried || said.body == known.body || joined_parts(place))
        << where(place, from, to, source) << "takes others with it: " << said.body
        << "\ninstead of " << known.body;
  }

  // Parts of a thought that are not just their texts are one text.
  static bool joined_parts(const Place& place) {
    return place.size() >= 2 && (place[place.size() - 2].name == "summary" ||
                                 place[place.size() - 2].name == "thinking");
  }

  std::string where(const Place& place, Dialect from, Dialect to, const std::string& source) const {
    constexpr std::string_view kWords[] = {"request", "reply", "stream"};
    return fmt::format("{} {} -> {}: a member of {} ({}) ", kWords[static_cast<std::size_t>(what_)],
                       to_string(from), to_string(to), words_of(place), source);
  }

  What what_;
  int places_ = 0;
  std::map<Dialect, std::set<std::string>> met_;
};

TEST(UnknownMembers, OfARequestAreSaidAgainOrNamed) {
  UnknownMembers all(What::kRequest);
  for (const auto& [dialect, body] : kSampleRequests)
    all.body(json_parse(body).value(), dialect, "sample");
  for (const RecordedFile& file : kRecordedFiles) {
    for (const Exchange& exchange : recorded(file.name))
      all.body(exchange.request, file.dialect, exchange.source);
  }
  EXPECT_GT(all.places(), 100);
}

class OfReplies : public ::testing::TestWithParam<What> {};

TEST_P(OfReplies, AreSaidAgainOrNamed) {
  UnknownMembers all(GetParam());
  for (const auto& [dialect, body] : kSampleReplies)
    all.body(json_parse(body).value(), dialect, "sample");
  for (const RecordedFile& file : kRecordedFiles) {
    for (const Exchange& exchange : recorded(file.name)) {
      if (exchange.reply && exchange.status == 200 && !exchange.counts_tokens())
        all.body(*exchange.reply, file.dialect, exchange.source);
    }
  }
  EXPECT_GT(all.places(), 100);
}

INSTANTIATE_TEST_SUITE_P(UnknownMembers, OfReplies, ::testing::Values(What::kReply, What::kStream));

// What is allowed to go: the member, what it is in, or all; nothing else with it.
TEST(UnknownMembers, AnOuterNameAllowsWhatIsBelow) {
  const Json body = json_parse(R"({"model":"m","messages":[{"role":"user","content":"u"}],"tools":[
    {"type":"function","function":{"name":"f","zf":1}}],"stream_options":{"zz":1},"toolsy":1})")
                        .value();
  const ChatRequest request = codec_of(Dialect::kOpenAiChat)->decode_request(body).value();
  const auto dropped = [&](std::vector<std::string> allow) {
    allow.push_back("toolsy");
    const Result<Encoded> encoded =
        codec_of(Dialect::kAnthropic)->encode_request(request, {.allow_drop = allow});
    return encoded ? fmt::format("{}", fmt::join(encoded->dropped, " ")) : encoded.error().what;
  };
  const std::string all = "tools.function.zf toolsy stream_options.zz";
  EXPECT_EQ(dropped({"tools", "stream_options"}), all);
  EXPECT_EQ(dropped({"tools.function", "stream_options.zz"}), all);
  EXPECT_EQ(dropped({"*"}), all);
  EXPECT_EQ(dropped({"tools.func", "stream_options"}),
            "the upstream's dialect (anthropic) cannot express tools.function.zf");
  EXPECT_EQ(dropped({"tools.function.zf.x", "tools.function.zf", "stream_option"}),
            "the upstream's dialect (anthropic) cannot express stream_options.zz");
}

// A client, or a provider, can make up as many names as it likes, and as long ones.
TEST(UnknownMembers, NoMoreNamesThanAHeaderHolds) {
  std::string members;
  for (int i = 0; i < 20000; ++i)
    members += fmt::format(R"(,"zz{}{}":1)", i, std::string(i % 2 * 500, 'a'));
  const Json body =
      json_parse(R"({"model":"m","messages":[{"role":"user","content":"u"}])" + members + "}")
          .value();
  const ChatRequest request = codec_of(Dialect::kOpenAiChat)->decode_request(body).value();
  const std::vector<std::string> all{"*"};
  const Encoded encoded =
      codec_of(Dialect::kAnthropic)->encode_request(request, {.allow_drop = all}).value();
  ASSERT_EQ(encoded.dropped.size(), kNamesMax + 1);
  EXPECT_EQ(encoded.dropped[0], "zz0");
  EXPECT_EQ(encoded.dropped[1].size(), kNameBytesMax);
  EXPECT_EQ(encoded.dropped.back(), "*");
  const Result<Encoded> refused = codec_of(Dialect::kAnthropic)->encode_request(request, {});
  ASSERT_FALSE(refused);
  EXPECT_LT(refused.error().what.size(), (kNamesMax + 2) * (kNameBytesMax + 2));
}

}  // namespace
}  // namespace sighter::wire
