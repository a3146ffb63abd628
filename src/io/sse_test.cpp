#include "io/sse.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/random.hpp"

namespace sighter::io {
namespace {

struct Event {
  std::string name, data, id;
  bool operator==(const Event&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Event& e) {
  return out << "{" << e.name << "|" << e.data << "|" << e.id << "}";
}

// All events of the pieces; the last one is an event named "error" when the reader refused.
std::vector<Event> read_all(const std::vector<std::string_view>& pieces,
                            std::size_t event_bytes_max = 1u << 20) {
  SseReader reader(event_bytes_max);
  std::vector<Event> events;
  const auto drain = [&events](Result<std::optional<SseEvent>> event) {
    if (!event) {
      events.push_back({"error", std::string(to_string(event.error().kind)), ""});
      return false;
    }
    if (!*event) return false;
    events.push_back(
        {std::string((*event)->name), std::string((*event)->data), std::string((*event)->id)});
    return true;
  };
  for (const std::string_view piece : pieces) {
    reader.feed(piece);
    while (drain(reader.next())) {
    }
  }
  while (drain(reader.finish())) {
  }
  return events;
}

std::vector<Event> read_all(std::string_view stream) {
  return read_all(std::vector<std::string_view>{stream});
}

TEST(SseReader, LinesEndAtLfCrAndCrlf) {
  const std::vector<Event> expected{{"", "a", ""}, {"", "b", ""}};
  EXPECT_EQ(read_all("data: a\n\ndata: b\n\n"), expected);
  EXPECT_EQ(read_all("data: a\r\rdata: b\r\r"), expected);
  EXPECT_EQ(read_all("data: a\r\n\r\ndata: b\r\n\r\n"), expected);
  EXPECT_EQ(read_all("data: a\n\r\ndata: b\r\n\n"), expected);
}

TEST(SseReader, LineEndsAreFoundBehindAnyLength) {
  for (const std::size_t length : {0u, 1u, 249u, 250u, 251u, 255u, 256u, 257u, 511u, 512u, 5000u}) {
    const std::string text(length, 'x');
    const std::vector<Event> expected{{"", text, ""}, {"", text, ""}};
    for (const std::string end : {"\n", "\r", "\r\n"}) {
      const std::string event = "data: " + text + end + end;
      EXPECT_EQ(read_all(event + event), expected) << length;
    }
  }
}

TEST(SseReader, AnEventEndsWithTheLastCrAndDoesNotWaitForALf) {
  SseReader reader;
  reader.feed("data: a\r\n\r");
  auto event = reader.next();
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->data, "a");
  reader.feed("\ndata: b\r\n\r\n");
  event = reader.next();
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->data, "b");
}

TEST(SseReader, JoinsDataLinesAndKeepsSpacesButTheFirst) {
  EXPECT_EQ(read_all("data:  a\ndata:b\ndata\ndata: \n\n"),
            (std::vector<Event>{{"", " a\nb\n\n", ""}}));
}

TEST(SseReader, ReadsNameAndIdOfEachEventAlone) {
  EXPECT_EQ(read_all("event: x\nid: 7\ndata: 1\n\ndata: 2\n\n"),
            (std::vector<Event>{{"x", "1", "7"}, {"", "2", ""}}));
}

TEST(SseReader, SkipsCommentsUnknownFieldsAndEventsWithoutData) {
  EXPECT_EQ(read_all(": ping\n\nretry: 5\nfoo: bar\n\nevent: x\n\ndata: 1\n\n"),
            (std::vector<Event>{{"", "1", ""}}));
}

TEST(SseReader, SkipsAByteOrderMarkAtTheStartOnly) {
  EXPECT_EQ(read_all("\xEF\xBB\xBF"
                     "data: a\n\n"),
            (std::vector<Event>{{"", "a", ""}}));
  EXPECT_EQ(read_all("data: a\n\n\xEF\xBB\xBF"
                     "data: b\n\n"),
            (std::vector<Event>{{"", "a", ""}}));
}

TEST(SseReader, GivesTheLastEventWithoutItsClosingLine) {
  EXPECT_EQ(read_all("data: a\n\ndata: [DONE]"),
            (std::vector<Event>{{"", "a", ""}, {"", "[DONE]", ""}}));
  EXPECT_EQ(read_all("data: [DONE]\n"), (std::vector<Event>{{"", "[DONE]", ""}}));
  EXPECT_EQ(read_all("event: x\n"), std::vector<Event>{});
}

TEST(SseReader, PassesNulLineSeparatorsAndBrokenUtf8On) {
  const std::string odd("a\0b\xE2\x80\xA8\xC2\x85\xFF", 9);
  EXPECT_EQ(read_all("data: " + odd + "\n\n"), (std::vector<Event>{{"", odd, ""}}));
}

TEST(SseReader, AnIdWithNulIsIgnored) {
  EXPECT_EQ(read_all(std::string_view("id: a\0b\ndata: x\n\n", 17)),
            (std::vector<Event>{{"", "x", ""}}));
}

TEST(SseReader, RefusesAnEventBeyondTheLimitWithinOneLineAndOverMany) {
  const std::vector<Event> refused{{"error", "too_large", ""}, {"error", "too_large", ""}};
  EXPECT_EQ(read_all({"data: " + std::string(100, 'x')}, 64), refused);
  std::string many;
  for (int i = 0; i < 30; ++i) many += "data: x\n";
  EXPECT_EQ(read_all({many}, 64), refused);
}

TEST(SseReader, TheLimitIsForOneEventNotForTheStream) {
  std::string stream;
  for (int i = 0; i < 100; ++i) stream += "data: " + std::string(50, 'x') + "\n\n";
  EXPECT_EQ(read_all({stream}, 64).size(), 100u);
}

void expect_same_however_cut(const std::string& stream) {
  const std::vector<Event> whole = read_all(stream);
  const std::string_view view = stream;
  for (std::size_t cut = 0; cut <= view.size(); ++cut) {
    ASSERT_EQ(read_all({view.substr(0, cut), view.substr(cut)}), whole) << "cut at " << cut;
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < view.size(); ++i) bytes.push_back(view.substr(i, 1));
  ASSERT_EQ(read_all(bytes), whole) << "byte by byte";
}

TEST(SseReader, OddStreamsReadTheSameHoweverTheyAreCut) {
  for (const char* stream :
       {"\xEF\xBB\xBF"
        "data: a\r\n\r\n: c\r\revent: n\rdata: \xE2\x82\xAC\rdata: 2\r\r",
        "data: a\r\n\r", "\n\n\r\r\n\ndata\n\n", "event: e\nid: 1\n\ndata: x\n\n",
        "\xEF\xBB"
        "data: x\n\n",
        "\xEF\xBB"}) {
    expect_same_however_cut(stream);
  }
}

TEST(SseReader, RandomStreamsReadTheSameHoweverTheyAreCut) {
  Random random(5);
  const std::vector<std::string_view> parts{"data", ":",    " ",        "\n",
                                            "\r",   "\r\n", "event: x", "id: 1",
                                            "\n\n", "y",    ": c",      "\xEF\xBB\xBF"};
  for (int round = 0; round < 2000; ++round) {
    std::string stream;
    for (std::uint64_t n = random.below(30); n > 0; --n)
      stream += parts[random.below(parts.size())];
    const std::vector<Event> whole = read_all(stream);
    std::vector<std::string_view> pieces;
    for (std::string_view rest = stream; !rest.empty();) {
      const std::size_t n = random.below(rest.size()) + 1;
      pieces.push_back(rest.substr(0, n));
      rest.remove_prefix(n);
    }
    ASSERT_EQ(read_all(pieces), whole) << ::testing::PrintToString(stream);
  }
}

// The raw streams of real providers.
TEST(SseReader, RecordedStreamsReadTheSameHoweverTheyAreCut) {
  const std::filesystem::path folder =
      std::filesystem::path(SIGHTER_SOURCE_DIR) / "../shared/data/recorded_replies";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no recorded replies in " << folder;
  int streams = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".jsonl") continue;
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      if (line.find("\"raw\"") == std::string::npos) continue;
      const Result<Json> record = json_parse(line, file.path().string());
      ASSERT_TRUE(record.has_value()) << record.error().message();
      const std::string* raw = record->find_string("raw");
      if (!raw || raw->find("data:") == std::string::npos) continue;
      const std::string& stream = *raw;
      ++streams;
      const std::vector<Event> whole = read_all(stream);
      ASSERT_FALSE(whole.empty());
      const std::string_view view = stream;
      for (std::size_t cut = 0; cut <= view.size() && view.size() <= 1500; ++cut) {
        ASSERT_EQ(read_all({view.substr(0, cut), view.substr(cut)}), whole) << "cut at " << cut;
      }
      std::vector<std::string_view> bytes;
      for (std::size_t i = 0; i < view.size(); ++i) bytes.push_back(view.substr(i, 1));
      ASSERT_EQ(read_all(bytes), whole);
    }
  }
  EXPECT_GT(streams, 20);
}

TEST(SseEvent, WrittenEventsAreReadBack) {
  for (const std::string& data : {std::string("x"), std::string(""), std::string("a\nb\n"),
                                  std::string("\xE2\x80\xA8"), std::string(" lead")}) {
    EXPECT_EQ(read_all(sse_event("name", data)), (std::vector<Event>{{"name", data, ""}}));
  }
  EXPECT_EQ(sse_event("", "{}"), "data: {}\n\n");
}

TEST(SseEvent, LineEndsInsideDataBecomeLines) {
  EXPECT_EQ(sse_event("", "a\r\nb\rc"), "data: a\ndata: b\ndata: c\n\n");
}

TEST(SseComment, IsNoEvent) {
  EXPECT_TRUE(read_all(sse_comment("keep-alive")).empty());
}

}  // namespace
}  // namespace sighter::io
