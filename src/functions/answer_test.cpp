// Requests of clients: what each leaves behind.

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.hpp"
#include "functions/engine.hpp"
#include "functions/test_folder.hpp"
#include "io/http_server.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::functions {
namespace {

namespace step = sighter::testing::step;
using sighter::testing::reply_json;
using sighter::testing::reply_stream;

const std::string kAsk = R"({"model":"up/m","messages":[{"role":"user","content":"hello"}],"x":1})";
const std::string kReply =
    R"({"id":"r","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}})";

class Nobody final : public models::ReplySink {
 public:
  io::Task<Status> begin(const models::ReplyBegin&) override { co_return Status{}; }
  io::Task<Status> bytes(std::string_view) override { co_return Status{}; }
  io::Task<Status> deltas(std::vector<wire::Delta>&) override { co_return Status{}; }
};

// As the next process would find the slot of a call when the end of its stream is given: the file
// of this one is locked, a copy is not.
class Looking final : public models::ReplySink {
 public:
  explicit Looking(const std::filesystem::path& folder) : folder_(folder) {}
  io::Task<Status> begin(const models::ReplyBegin&) override { co_return Status{}; }
  io::Task<Status> bytes(std::string_view events) override {
    if (events.find("[DONE]") != events.npos) look();
    co_return Status{};
  }
  io::Task<Status> deltas(std::vector<wire::Delta>&) override { co_return Status{}; }
  std::optional<store::CallRow> seen;

 private:
  void look() {
    const std::filesystem::path copy = folder_ / "copy";
    std::filesystem::copy(folder_ / "inflight", copy);
    const auto left = store::Leftovers::collect(copy);
    if (left && left->rows().size() == 1) seen = left->rows()[0];
  }
  const std::filesystem::path folder_;
};

// The writer waits for an hour of the test's clock before it commits what nobody waits for.
class AnswerRows : public ::testing::Test {
 protected:
  AnswerRows() : upstream(loop.core()) {
    ::setenv("SIGHTER_TEST_KEY", "sk-answer-rows", 1);
    folder.write("sighter.toml",
                 fmt::format("[providers.up]\nbase_url = \"{}\"\nkey = \"env:SIGHTER_TEST_KEY\"\n"
                             "retries = 0\n",
                             upstream.url("/v1")));
    Result<Project> project = read_project(folder.path());
    CHECK(project.has_value());
    store::Options options;
    options.commit_interval = std::chrono::hours(1);
    auto opened = store::Store::open(folder.path() / "store.db", loop.clock(), options);
    CHECK(opened.has_value());
    rows = std::move(*opened);
    inflight = *store::Inflight::open(folder.path() / "inflight", 16);
    hub = std::make_unique<models::Hub>(project->models, loop.clock(), log, 1);
    shared = std::make_unique<Shared>(std::move(*project), *hub, rows.get(), loop.clock(), log,
                                      inflight.get());
    engine = std::make_unique<Engine>(loop.core(), *shared);
    request.dialect = wire::Dialect::kOpenAiChat;
    request.body = kAsk;
    request.envelope = *wire::Envelope::scan(request.body);
  }
  ~AnswerRows() override {
    engine.reset();
    loop.settle();
  }
  Answered answer(AnswerOptions options = {}) {
    auto running = loop.start(engine->answer(request, "up/m", std::move(options)));
    loop.advance_until([&] { return running.done(); });
    return std::move(running.value());
  }
  store::CallRow row(const Id& id) {
    auto found = rows->call(id);
    EXPECT_TRUE(found && *found);
    return found && *found ? **found : store::CallRow{};
  }

  TestFolder folder;
  sighter::testing::Loop loop;
  sighter::testing::ScriptedUpstream upstream;
  Log log{Level::kOff};
  std::unique_ptr<store::Inflight> inflight;  // outlives the rows, whose commits free its slots
  std::unique_ptr<store::Store> rows;
  std::unique_ptr<models::Hub> hub;
  std::unique_ptr<Shared> shared;
  std::unique_ptr<Engine> engine;
  models::ClientRequest request;
};

TEST_F(AnswerRows, ACallIsFoundByItsIdWhileTheWriterWaits) {
  upstream.add(reply_json(kReply));
  AnswerOptions options;
  options.key = "k1";
  const Answered answered = answer(options);
  ASSERT_FALSE(answered.result.error) << answered.result.error->message();
  EXPECT_EQ(rows->writer().committed_rows, 0);
  EXPECT_EQ(inflight->in_use(), 1u);
  const store::CallRow kept = row(answered.call);
  EXPECT_EQ(kept.status, store::CallStatus::kOk);
  EXPECT_EQ(kept.input, kAsk);
  EXPECT_EQ(kept.output, "\"hi\"");
  EXPECT_EQ(kept.route, "up/m");
  EXPECT_EQ(kept.key, "k1");
  EXPECT_EQ(kept.tokens->input, 10);
  EXPECT_EQ(kept.finish_reason, "stop");
  ASSERT_TRUE(rows->flush());
  EXPECT_EQ(inflight->in_use(), 0u);
}

// The bytes of a relayed reply are looked at only as far as its text is all that it says.
TEST_F(AnswerRows, ARefusalIsKept) {
  upstream.add(reply_json(
      R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"no"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}})"));
  const Answered answered = answer();
  ASSERT_FALSE(answered.result.error) << answered.result.error->message();
  EXPECT_TRUE(answered.result.relayed);
  EXPECT_EQ(row(answered.call).output, R"({"content":"","refusal":"no"})");
}

TEST_F(AnswerRows, TheThoughtsOfARelayedStreamAreKept) {
  Nobody sink;
  request.stream = true;
  upstream.add(reply_stream(
      {R"(data: {"id":"r","choices":[{"index":0,"delta":{"reasoning_content":"so"},"finish_reason":null}]})"
       "\n\n",
       R"(data: {"id":"r","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]})"
       "\n\ndata: [DONE]\n\n"}));
  AnswerOptions options;
  options.sink = &sink;
  const Answered answered = answer(options);
  ASSERT_FALSE(answered.result.error) << answered.result.error->message();
  EXPECT_EQ(row(answered.call).output, R"({"content":"hi","thinking":[{"text":"so"}]})");
}

TEST_F(AnswerRows, TheSlotIsOpenBeforeTheUpstreamAnswers) {
  upstream.add({step::Stall{}});
  io::CancelSource gone;
  AnswerOptions options;
  options.cancel = gone.token();
  auto running = loop.start(engine->answer(request, "up/m", std::move(options)));
  ASSERT_TRUE(loop.wait_until([&] { return upstream.requests().size() == 1; }));
  EXPECT_EQ(inflight->in_use(), 1u);
  gone.cancel("the client went away");
  ASSERT_TRUE(loop.wait_until([&] { return running.done(); }));
  EXPECT_EQ(row(running.value().call).status, store::CallStatus::kCancelled);
}

TEST_F(AnswerRows, ABrokenStreamIsBrokenInItsRow) {
  Nobody sink;
  request.stream = true;
  upstream.add({step::Start{},
                step::Chunk{"data: {\"id\":\"r\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                            "\"par\"},\"finish_reason\":null}]}\n\n"},
                step::Close{}});
  AnswerOptions options;
  options.sink = &sink;
  const Answered answered = answer(options);
  const store::CallRow kept = row(answered.call);
  EXPECT_EQ(kept.status, store::CallStatus::kBroken);
  EXPECT_EQ(kept.output, "\"par\"");
  EXPECT_EQ(kept.error_kind, "upstream");
}

// Whoever has seen the end of a stream finds its call ended, however this process ends.
TEST_F(AnswerRows, TheSlotIsSettledBeforeTheEndOfAStreamIsGiven) {
  Looking sink(folder.path());
  request.stream = true;
  upstream.add(reply_stream(
      {"data: {\"id\":\"r\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},"
       "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2}}"
       "\n\ndata: [DONE]\n\n"}));
  AnswerOptions options;
  options.sink = &sink;
  const Answered answered = answer(options);
  ASSERT_FALSE(answered.result.error) << answered.result.error->message();
  ASSERT_TRUE(sink.seen);
  EXPECT_EQ(sink.seen->id, answered.call);
  EXPECT_EQ(sink.seen->status, store::CallStatus::kOk);
  EXPECT_EQ(sink.seen->tokens->input, 10);
  EXPECT_EQ(sink.seen->error, "");
}

TEST_F(AnswerRows, ACallThatIsEndedWithTheServerIsNotItsClientsDoing) {
  Nobody sink;
  request.stream = true;
  upstream.add({step::Start{},
                step::Chunk{"data: {\"id\":\"r\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                            "\"par\"},\"finish_reason\":null}]}\n\n"},
                step::Stall{}});
  io::CancelSource stop;
  AnswerOptions options;
  options.sink = &sink;
  options.cancel = stop.token();
  auto running = loop.start(engine->answer(request, "up/m", std::move(options)));
  ASSERT_TRUE(loop.wait_until([&] { return upstream.requests().size() == 1; }));
  loop.settle();
  stop.cancel(io::HttpServer::kServerStopping);
  ASSERT_TRUE(loop.wait_until([&] { return running.done(); }));
  const Answered& answered = running.value();
  EXPECT_EQ(answered.result.error->kind, Kind::kUnavailable);
  const store::CallRow kept = row(answered.call);
  EXPECT_EQ(kept.status, store::CallStatus::kInterrupted);
  EXPECT_EQ(kept.error, "the server is stopping\n  ask again in a moment");
  EXPECT_EQ(kept.route, "up/m");
  EXPECT_GT(kept.tokens->input, 0);
  EXPECT_NE(kept.tried.find(R"("estimated":["usage"])"), std::string::npos) << kept.tried;
}

TEST_F(AnswerRows, LessIsKeptWhereLessIsAskedFor) {
  upstream.add(reply_json(kReply));
  upstream.add(reply_json(kReply));
  AnswerOptions options;
  options.record = RecordLevel::kMetadata;
  const Answered metadata = answer(options);
  const store::CallRow kept = row(metadata.call);
  EXPECT_EQ(kept.input + kept.output, "");
  EXPECT_EQ(kept.tokens->output, 2);
  options.record = RecordLevel::kNone;
  const Answered none = answer(options);
  EXPECT_FALSE(none.result.error);
  const auto nothing = rows->call(none.call);
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  EXPECT_EQ(inflight->in_use(), 1u);
}

TEST_F(AnswerRows, AFailureIsARowToo) {
  upstream.add({step::Reply{400, R"({"error":{"message":"no such thing"}})"}});
  const Answered answered = answer();
  const store::CallRow kept = row(answered.call);
  EXPECT_EQ(kept.status, store::CallStatus::kError);
  EXPECT_EQ(kept.error_kind, "invalid");
  EXPECT_EQ(kept.route, "up/m");
  EXPECT_NE(kept.tried.find("no such thing"), std::string::npos);
}

}  // namespace
}  // namespace sighter::functions
