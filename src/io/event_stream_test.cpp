#include "io/event_stream.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/random.hpp"

namespace sighter::io {
namespace {

using Type = EventHeader::Type;

// A reader's life in words: each message written again, then how it ended.
std::vector<std::string> read_all(const std::vector<std::string_view>& pieces,
                                  std::size_t limit = 1u << 20) {
  EventStreamReader reader(limit);
  std::vector<std::string> out;
  for (const std::string_view piece : pieces) {
    reader.feed(piece);
    for (;;) {
      const Result<std::optional<EventMessage>> message = reader.next();
      if (!message || !*message) break;
      out.push_back(event_message((*message)->headers, (*message)->payload));
    }
  }
  const Status end = reader.finish();
  out.push_back(end ? "whole" : std::string(to_string(end.error().kind)) + ": " + end.error().what);
  return out;
}

std::vector<std::string> read_all(std::string_view stream) {
  return read_all(std::vector<std::string_view>{stream});
}

std::string_view last(const std::vector<std::string>& life) {
  return life.back();
}

std::string event(std::string_view type, std::string_view payload) {
  const EventHeader headers[] = {{":event-type", Type::kString, type},
                                 {":content-type", Type::kString, "application/json"},
                                 {":message-type", Type::kString, "event"}};
  return event_message(headers, payload);
}

// One header of each type, and values that look like something else.
std::string every_type() {
  const std::string eight("\0\1\2\3\4\5\6\7", 8);
  const std::string uuid = eight + eight;
  const EventHeader headers[] = {{"t", Type::kTrue, ""},         {"f", Type::kFalse, ""},
                                 {"b", Type::kByte, "\xFF"},     {"s", Type::kShort, "ab"},
                                 {"i", Type::kInteger, "abcd"},  {"l", Type::kLong, eight},
                                 {"y", Type::kBytes, eight},     {"z", Type::kString, ""},
                                 {"d", Type::kTimestamp, eight}, {"u", Type::kUuid, uuid}};
  return event_message(headers, std::string_view("\0\r\n\xE2\x80", 5));
}

std::string base64_decoded(std::string_view text) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t value = kLetters.find(c);
    if (value == kLetters.npos) break;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> count) & 0xFFu);
  }
  return out;
}

void expect_same_however_cut(std::string_view stream) {
  const std::vector<std::string> whole = read_all(stream);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut)
    ASSERT_EQ(read_all({stream.substr(0, cut), stream.substr(cut)}), whole) << "cut at " << cut;
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < stream.size(); ++i) bytes.push_back(stream.substr(i, 1));
  ASSERT_EQ(read_all(bytes), whole) << "byte by byte";
}

// From the format's own documentation: a message without headers and payload, and its checksums.
TEST(EventStream, TheSmallestMessageHasTheDocumentedBytes) {
  EXPECT_EQ(
      event_message({}, ""),
      std::string_view("\x00\x00\x00\x10\x00\x00\x00\x00\x05\xC2\x48\xEB\x7D\x98\xC8\xFF", 16));
}

TEST(EventStream, AMessageIsGivenWithItsHeadersAndPayload) {
  EventStreamReader reader;
  const std::string bytes = event("messageStart", "{\"role\":\"assistant\"}");
  reader.feed(bytes + "rest");
  const auto message = reader.next();
  ASSERT_TRUE(message && *message);
  EXPECT_EQ((*message)->header(":event-type"), "messageStart");
  EXPECT_EQ((*message)->header(":message-type"), "event");
  EXPECT_EQ((*message)->header(":exception-type"), "");
  EXPECT_EQ((*message)->payload, "{\"role\":\"assistant\"}");
  EXPECT_EQ(reader.consumed(), bytes.size());
}

TEST(EventStream, HeadersOfEveryTypeComeBackToTheByte) {
  const std::string bytes = every_type();
  EXPECT_EQ(read_all(bytes), (std::vector<std::string>{bytes, "whole"}));
}

TEST(EventStream, OnlyStringsAreFoundByName) {
  const EventHeader headers[] = {{"n", Type::kBytes, "raw"}, {"n", Type::kString, "text"}};
  EXPECT_EQ((EventMessage{headers, ""}.header("n")), "text");
}

TEST(EventStream, ReadsTheSameHoweverItIsCut) {
  expect_same_however_cut(event("a", "{}") + every_type() + event_message({}, "") + event("b", ""));
}

TEST(EventStream, EveryFlippedBitIsSeen) {
  const std::string good = event("contentBlockDelta", "{\"delta\":{\"text\":\"x\"}}");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      const std::vector<std::string> life = read_all(bad + good);
      ASSERT_EQ(life.size(), 1u) << "byte " << at << ", bit " << bit;
      ASSERT_TRUE(last(life).starts_with("upstream: ")) << last(life);
      ASSERT_NE(last(life).find("wrong checksum"), std::string_view::npos) << last(life);
    }
  }
}

TEST(EventStream, AnErrorStaysAndNothingBehindItIsGiven) {
  const std::string good = event("a", "{}");
  EventStreamReader reader;
  reader.feed(std::string(12, 'x'));
  EXPECT_FALSE(reader.next());
  reader.feed(good);
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.finish());
}

TEST(EventStream, ATooLongLengthIsToldBeforeItsBytesCome) {
  const std::string large = event("a", std::string(2000, 'x'));
  const std::vector<std::string> life = read_all({std::string_view(large).substr(0, 12)}, 1024);
  EXPECT_EQ(life, std::vector<std::string>{
                      "too_large: a message of the stream is larger than 1024 bytes"});
  EXPECT_EQ(read_all({large}, large.size()), (std::vector<std::string>{large, "whole"}));
}

// Lengths with the right checksum that no message can have: the checksum is that of a message that
// is made to fit, its other parts are cut away.
TEST(EventStream, LengthsThatCannotBeAreRefused) {
  // Total 15, headers 0; and total 16, headers 1.
  for (const std::string_view prelude :
       {std::string_view("\x00\x00\x00\x0F\x00\x00\x00\x00\xE7\x72\x48\xB8", 12),
        std::string_view("\x00\x00\x00\x10\x00\x00\x00\x01\x72\xC5\x78\x7D", 12)}) {
    EXPECT_EQ(last(read_all(prelude)),
              "upstream: a message of the stream has lengths that cannot be");
  }
}

TEST(EventStream, AStreamThatEndsInsideAMessageIsCutOff) {
  const std::string two = event("a", "{}") + event("b", "{}");
  const std::vector<std::string> life = read_all(std::string_view(two).substr(0, two.size() - 1));
  ASSERT_EQ(life.size(), 2u);
  EXPECT_EQ(last(life), "upstream: the stream ended in the middle of a message");
  EXPECT_EQ(last(read_all("")), "whole");
}

TEST(EventStream, RandomBytesAreRefusedAndRandomMessagesComeBack) {
  Random random(7);
  const auto bytes_of = [&random](std::uint64_t count) {
    std::string out;
    for (; count > 0; --count) out += static_cast<char>(random.below(256));
    return out;
  };
  for (int round = 0; round < 2000; ++round) {
    ASSERT_EQ(read_all(bytes_of(12 + random.below(200))).size(), 1u);
    std::string stream;
    std::vector<std::string> expected;
    for (std::uint64_t n = random.below(4); n > 0; --n) {
      const std::string name = bytes_of(1 + random.below(255));
      const std::string value = bytes_of(random.below(300));
      const EventHeader header{name, Type::kBytes, value};
      expected.push_back(event_message({&header, 1}, bytes_of(random.below(500))));
      stream += expected.back();
    }
    expected.emplace_back("whole");
    std::vector<std::string_view> pieces;
    for (std::string_view rest = stream; !rest.empty();) {
      const std::size_t size = random.below(rest.size()) + 1;
      pieces.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(read_all(pieces), expected);
  }
}

// The raw streams of a real provider.
TEST(EventStream, RecordedStreamsComeBackToTheByte) {
  const std::filesystem::path file =
      std::filesystem::path(SIGHTER_SOURCE_DIR) / "../shared/data/recorded_replies/bedrock.jsonl";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no recorded replies in " << file;
  constexpr std::string_view kBinary = "base64:";
  int streams = 0;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const Result<Json> record = json_parse(line, file.string());
    ASSERT_TRUE(record.has_value()) << record.error().message();
    const std::string* raw = record->find_string("raw");
    if (raw == nullptr || !raw->starts_with(kBinary)) continue;
    ++streams;
    const std::string stream = base64_decoded(std::string_view(*raw).substr(kBinary.size()));
    std::vector<std::string> life = read_all(stream);
    ASSERT_EQ(life.back(), "whole");
    life.pop_back();
    EXPECT_GT(life.size(), 5u);
    std::string again;
    for (const std::string& message : life) again += message;
    EXPECT_EQ(again, stream);
    expect_same_however_cut(stream);
  }
  EXPECT_EQ(streams, 3);
}

}  // namespace
}  // namespace sighter::io
