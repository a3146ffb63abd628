// Every recorded exchange said in every other dialect and read back there: what differs is named in
// the table of differences, and the table names nothing that does not happen.

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <sstream>

#include "wire/codec.hpp"
#include "wire/differences.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"
#include "wire/test_facts.hpp"
#include "wire/test_matrix_out.hpp"
#include "wire/test_page.hpp"
#include "wire/test_recorded.hpp"

namespace sighter::wire {
namespace {

using How = Difference::How;
using Side = Difference::Side;
using Names = std::vector<std::string>;

constexpr Dialect kTargets[] = {Dialect::kOpenAiChat, Dialect::kAnthropic,
                                Dialect::kOpenAiResponses, Dialect::kGemini, Dialect::kBedrock};

// Some parameters of Bedrock are said in the words of the model's family.
constexpr std::string_view kClaude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

bool holds(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Holds what happened against the table, and remembers which of its words were met.
class Matrix {
 public:
  void reported(Side side, Dialect from, Dialect to, const Names& names, std::optional<How> how,
                const std::string& source) {
    for (const std::string& name : names) {
      bool known = false;
      for (std::size_t i = 0; i < differences().size(); ++i) {
        const Difference& row = differences()[i];
        if (row.side != side || !row.between(from, to) || row.how >= How::kCarried) continue;
        if ((how && row.how != *how) || !holds(words_of(row.names), name)) continue;
        known = true;
        met_[i].insert(name);
      }
      if (known) continue;
      EXPECT_TRUE(known) << to_string(from) << " -> " << to_string(to) << ": " << name
                         << " is not in the table of differences; " << source;
    }
  }

  void differ(Side side, Dialect from, Dialect to, const Names& facts, const Names& names,
              const std::string& source) {
    for (const std::string& fact : facts) {
      bool known = holds(names, fact);
      for (std::size_t i = 0; i < differences().size(); ++i) {
        const Difference& row = differences()[i];
        if (row.side != side || !row.between(from, to) || !holds(words_of(row.facts), fact))
          continue;
        const std::vector<std::string> with = words_of(row.names);
        bool together = with.empty();
        for (const std::string& name : with) {
          if (!holds(names, name)) continue;
          together = true;
          met_[i].insert(name);
        }
        if (!together) continue;
        known = true;
        met_[i].insert(fact);
      }
      EXPECT_TRUE(known) << to_string(from) << " -> " << to_string(to) << ": " << fact
                         << " differs in silence; " << source;
    }
  }

  // Nothing stands in the table that did not happen; prints how much of each kind stands there.
  void nothing_is_dead() const {
    std::map<std::string_view, int> counts;
    for (std::size_t i = 0; i < differences().size(); ++i) {
      const Difference& row = differences()[i];
      const auto found = met_.find(i);
      for (const std::string_view text : {row.names, row.facts}) {
        for (const std::string& word : words_of(text)) {
          ++counts[to_string(row.how)];
          EXPECT_TRUE(found != met_.end() && found->second.contains(word))
              << row.from << " -> " << row.to << ": " << word << " never happens";
        }
      }
    }
    for (const auto& [how, count] : counts) fmt::print("  {}: {} names\n", how, count);
    fmt::print("  {} rows, {} translations\n", differences().size(), translations_);
  }

  void count() { ++translations_; }
  MatrixOut out{std::getenv("SIGHTER_MATRIX_OUT")};

 private:
  std::map<std::size_t, std::set<std::string>> met_;
  int translations_ = 0;
};

void request(Matrix& matrix, const Exchange& exchange, Dialect from, Dialect to,
             std::string_view model = {}) {
  static const Names kAll{"*"};
  Result<ChatRequest> asked = codec_of(from)->decode_request(exchange.request);
  ASSERT_TRUE(asked) << asked.error().what;
  const Result<Encoded> encoded =
      codec_of(to)->encode_request(*asked, {.model = model, .allow_drop = kAll});
  ASSERT_TRUE(encoded) << encoded.error().what;
  const Result<Encoded> strict = codec_of(to)->encode_request(*asked, {.model = model});
  EXPECT_EQ(strict.has_value(), encoded->dropped.empty()) << exchange.source;
  Result<Json> body = json_parse(encoded->body);
  ASSERT_TRUE(body) << body.error().what;
  const Result<ChatRequest> back = codec_of(to)->decode_request(std::move(*body));
  ASSERT_TRUE(back) << back.error().what << encoded->body;
  Names names = encoded->dropped;
  names.insert(names.end(), encoded->approximated.begin(), encoded->approximated.end());
  matrix.count();
  matrix.reported(Side::kRequest, from, to, encoded->dropped, How::kRefused, exchange.source);
  matrix.reported(Side::kRequest, from, to, encoded->approximated, How::kApproximated,
                  exchange.source);
  const Names differs = differing(facts_of(*asked), facts_of(*back));
  matrix.differ(Side::kRequest, from, to, differs, names, exchange.source);
  matrix.out.write("request", from, to, exchange.source, encoded->body, differs);
}

void reply(Matrix& matrix, const Exchange& exchange, Dialect from, Dialect to) {
  const Result<ChatReply> said = codec_of(from)->decode_reply(*exchange.reply, nullptr);
  ASSERT_TRUE(said) << said.error().what;
  const Encoded encoded = codec_of(to)->encode_reply(*said, {.now_s = 1});
  Names names = encoded.dropped;
  names.insert(names.end(), encoded.approximated.begin(), encoded.approximated.end());
  Result<Json> body = json_parse(encoded.body);
  ASSERT_TRUE(body) << body.error().what;
  const Result<ChatReply> back = codec_of(to)->decode_reply(std::move(*body), nullptr);
  matrix.count();
  matrix.reported(Side::kReply, from, to, names, std::nullopt, exchange.source);
  const Names differs =
      back ? differing(facts_of(*said), facts_of(*back)) : Names{std::string("reply")};
  matrix.differ(Side::kReply, from, to, differs, names, exchange.source);
  matrix.out.write("reply", from, to, exchange.source, encoded.body, differs,
                   MatrixOut::said(*said));
}

void stream(Matrix& matrix, const std::vector<Delta>& deltas, const Exchange& exchange,
            Dialect from, Dialect to) {
  ReplyBuilder first;
  for (const Delta& delta : deltas) first.add(delta);
  first.end();
  ChatRequest asked;
  asked.include_usage = true;
  const std::unique_ptr<StreamEncoder> encoder = codec_of(to)->stream_encoder(asked, {.now_s = 1});
  std::string bytes;
  for (const Delta& delta : deltas) encoder->write(delta, bytes);
  const Streamed second = read_stream(*codec_of(to), bytes);
  matrix.count();
  matrix.reported(Side::kReply, from, to, lost_by(*encoder), std::nullopt, exchange.source);
  if (first.state() == ReplyBuilder::State::kBroken) {
    EXPECT_EQ(second.builder.state(), first.state()) << exchange.source;
    EXPECT_EQ(second.builder.error().message, first.error().message) << exchange.source;
    matrix.out.write("stream", from, to, exchange.source, bytes, {"broken"});
    return;
  }
  const bool whole = second.builder.state() == ReplyBuilder::State::kComplete;
  const Names differs = whole ? differing(facts_of(first.reply()), facts_of(second.builder.reply()))
                              : Names{std::string("reply")};
  matrix.differ(Side::kReply, from, to, differs, lost_by(*encoder), exchange.source);
  matrix.out.write("stream", from, to, exchange.source, bytes, differs,
                   MatrixOut::said(first.reply()));
}

// Requests with parameters of the dialects' documentation that no recording has.
constexpr std::pair<Dialect, std::string_view> kMade[] = {
    {Dialect::kOpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"logit_bias":{"50256":-100},
         "seed":7,"n":2,"prediction":{"type":"content","content":"Hello"},"logprobs":true,
         "top_logprobs":2,"verbosity":"low","safety_identifier":"s","service_tier":"auto","store":true})"},
    {Dialect::kGemini,
     R"({"contents":[{"role":"user","parts":[{"text":"Hi"}]}],
         "generationConfig":{"candidateCount":2,"seed":7,"topK":4}})"},
};

TEST(Matrix, WhatDiffersBetweenDialectsIsNamedInTheTableAndNothingElse) {
  Matrix matrix;
  int exchanges = 0;
  for (const RecordedFile& file : kRecordedFiles) {
    if (recorded(file.name).empty()) GTEST_SKIP() << "not here: " << recorded_path(file.name);
    for (const Exchange& exchange : recorded(file.name)) {
      ++exchanges;
      for (const Dialect to : kTargets) {
        if (to == file.dialect) continue;
        request(matrix, exchange, file.dialect, to);
        if (to == Dialect::kBedrock) request(matrix, exchange, file.dialect, to, kClaude);
        if (!exchange.stream.empty()) {
          const Streamed read = read_stream(*codec_of(file.dialect), exchange.stream);
          stream(matrix, read.deltas, exchange, file.dialect, to);
        } else if (exchange.reply && exchange.status == 200 && !exchange.counts_tokens()) {
          reply(matrix, exchange, file.dialect, to);
          Result<ChatReply> said = codec_of(file.dialect)->decode_reply(*exchange.reply, nullptr);
          if (said) stream(matrix, deltas_of(std::move(*said)), exchange, file.dialect, to);
        }
      }
    }
  }
  for (const auto& [from, body] : kMade) {
    const Exchange made{.source = std::string(body), .request = json_parse(body).value()};
    for (const Dialect to : kTargets) {
      if (to != from) request(matrix, made, from, to);
    }
  }
  fmt::print("  {} exchanges\n", exchanges);
  matrix.nothing_is_dead();
}

// What some readers take for the end of a line is a letter like any other.
TEST(Matrix, LineSeparatorsInStreamedTextSurviveInEveryDialect) {
  const std::string text =
      "a\xE2\x80\xA8"
      "b\xE2\x80\xA9"
      "c\xC2\x85"
      "d\r\ne";
  ChatReply said{.id = "i", .model = "m"};
  said.choices.emplace_back();
  said.choices[0].message.content.emplace_back(Text{.text = text});
  std::vector<Delta> deltas = deltas_of(said);
  for (const Dialect from : kTargets) {
    const auto encoder = codec_of(from)->stream_encoder({}, {.now_s = 1});
    std::string bytes;
    for (const Delta& delta : deltas) encoder->write(delta, bytes);
    const Streamed read = read_stream(*codec_of(from), bytes);
    EXPECT_EQ(read.builder.state(), ReplyBuilder::State::kComplete) << bytes;
    EXPECT_EQ(read.builder.reply().text(), text) << to_string(from);
    deltas = read.deltas;  // and on from this dialect into the next
  }
}

// SIGHTER_WRITE_DOCS=1 writes the table into the page instead.
TEST(Matrix, ThePageOfDialectsShowsTheTable) {
  page_shows("differences", differences_markdown(), std::getenv("SIGHTER_WRITE_DOCS") != nullptr);
}

}  // namespace
}  // namespace sighter::wire
