// The ports of the door: what each of them answers, under overload and while it stops.

#include "serve/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "serve/door_test.hpp"
#include "serve/routes.hpp"
#include "testing/certificate.hpp"

namespace sighter::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class ServerTest : public DoorTest {
 protected:
  static Settings with_ops() {
    Settings with = settings();
    with.ops_listen = Address{"127.0.0.1", 0};
    return with;
  }
  // A request whose upstream says nothing more; it lasts until it is dropped.
  std::unique_ptr<io::HttpStream> hold() {
    upstream.add({step::Start{}, step::Chunk{kPiece}, step::Stall{}});
    io::HttpRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}/v1/chat/completions", server->port());
    request.headers.add("content-type", "application/json");
    request.body = R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})";
    auto opened = loop.run(client.open(std::move(request)));
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message());
    return opened ? std::move(*opened) : nullptr;
  }
};

TEST_F(ServerTest, ThePortOfTheOperatorsHasHealthAndMetricsAndNothingElse) {
  open(with_ops());
  const std::string chat = R"({"model":"m","messages":[{"role":"user","content":"x"}]})";
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (const auto open = path.find('{'); open != path.npos) path.replace(open, path.npos, "m");
    const io::HttpReply reply = ask_at(*server->ops_port(), std::string(route.method), path,
                                       route.method == "POST" ? chat : "", {});
    EXPECT_EQ(reply.status, route.ops ? 200 : 404) << route.method << " " << path << reply.body;
  }
  EXPECT_TRUE(upstream.requests().empty());
}

TEST_F(ServerTest, NoPortCanBeReachedFromElsewhereWithoutAKey) {
  for (const bool ops : {false, true}) {
    Settings wide = with_ops();
    (ops ? *wide.ops_listen : wide.listen) = Address{"0.0.0.0", 0};
    const auto refused = Server::start(wide, false, *shared, *hub, clock, log);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, Kind::kForbidden);
    EXPECT_THAT(refused.error().what, HasSubstr("0.0.0.0:0"));
    const auto told = Server::start(wide, true, *shared, *hub, clock, log);
    ASSERT_TRUE(told) << told.error().message();
    (*told)->stop();
    wide.key = "env:SIGHTER_DOOR_TEST_KEY";
    const auto keyed = Server::start(wide, false, *shared, *hub, clock, log);
    ASSERT_TRUE(keyed) << keyed.error().message();
    (*keyed)->stop();
  }
}

TEST_F(ServerTest, TheKeyIsAskedForWhereSomethingIsGivenAway) {
  Settings keyed = with_ops();
  keyed.key = "env:SIGHTER_DOOR_TEST_KEY";
  open(keyed);
  for (const std::uint16_t port : {server->port(), *server->ops_port()}) {
    for (const char* path : {"/healthz", "/readyz"})
      EXPECT_EQ(ask_at(port, "GET", path, {}, {}).status, 200) << path;
    EXPECT_EQ(ask_at(port, "GET", "/metrics", {}, {}).status, 401);
    EXPECT_EQ(ask_at(port, "GET", "/metrics", {}, {{"x-api-key", "sk-of-the-provider"}}).status,
              200);
  }
}

TEST_F(ServerTest, HealthAndMetricsAnswerWhileTheDoorIsFull) {
  Settings narrow = with_ops();
  narrow.in_flight_max = 1;
  open(narrow);
  const auto held = hold();
  EXPECT_EQ(ask("GET", "/healthz").status, 503);
  for (const char* path : {"/healthz", "/readyz", "/metrics"})
    EXPECT_EQ(ask_ops(path).status, 200) << path;
  EXPECT_THAT(ask_ops("/metrics").body, HasSubstr("sighter_requests_in_flight 1\n"));
}

TEST_F(ServerTest, WhileItStopsTheOperatorsAreToldSo) {
  Settings slow = with_ops();
  slow.grace = std::chrono::seconds(20);
  open(slow);
  auto held = hold();
  EXPECT_EQ(ask_ops("/readyz").status, 200);
  std::jthread stopping([&] { server->stop(); });
  io::HttpReply ready;
  EXPECT_TRUE(loop.wait_until([&] {
    ready = ask_ops("/readyz");
    return ready.status != 200;
  }));
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("stopping"));
  EXPECT_EQ(ask_ops("/healthz").status, 200);
  // The door itself takes nobody any more: who comes now goes elsewhere at once.
  EXPECT_TRUE(loop.wait_until([&] {
    io::HttpRequest late;
    late.url = fmt::format("http://127.0.0.1:{}/healthz", server->port());
    late.may_resend = false;
    const auto opened = loop.run(client.open(std::move(late)));
    return !opened && opened.error().message().find("refused") != std::string::npos;
  }));
  held.reset();  // the last request ends
  loop.settle();
  stopping.join();
  stopped = true;
}

// The new chain comes first, then its key, with an older time: as `cp -p` leaves them.
TEST_F(ServerTest, ANewCertificateIsTakenAsSoonAsItsKeyIsThere) {
  const auto old = sighter::testing::make_certificate("DNS:localhost");
  const auto fresh = sighter::testing::make_certificate("DNS:localhost");
  folder.write("chain.pem", old.pem);
  folder.write("key.pem", old.key);
  Settings tls = settings();
  tls.certificate = folder.path() / "chain.pem";
  tls.certificate_key = folder.path() / "key.pem";
  open(tls);
  const auto serves = [&](const sighter::testing::Certificate& certificate) {
    io::HttpClientOptions options;
    options.ca_pem = certificate.pem;
    io::HttpClient trusting(loop.core(), dns, options);
    io::HttpRequest request;
    request.method = "GET";
    request.url = fmt::format("https://localhost:{}/healthz", server->port());
    return loop.run(trusting.fetch(std::move(request))).has_value();
  };
  EXPECT_TRUE(serves(old));
  folder.write("chain.pem", fresh.pem);
  server->refresh_certificate();
  EXPECT_TRUE(serves(old)) << "a chain without its key is in use";
  const auto chain_time = std::filesystem::last_write_time(tls.certificate);
  folder.write("key.pem", fresh.key);
  std::filesystem::last_write_time(tls.certificate_key, chain_time - std::chrono::hours(1));
  server->refresh_certificate();
  EXPECT_TRUE(serves(fresh));
  EXPECT_FALSE(serves(old));
}

// A limit on the size of files stands for a full disk.
TEST_F(ServerTest, TheLogSaysOnceThatCallsCannotBeStoredAndOnceThatTheyCan) {
  std::vector<std::string> lines;
  Log telling(Level::kWarning, [&](Level, std::string_view, std::string_view message) {
    lines.emplace_back(message);
  });
  auto own = std::move(*Server::start(settings(), false, *shared, *hub, clock, telling));
  own->look();
  EXPECT_THAT(lines, SizeIs(0));
  store::CallRow row;
  row.id = shared->next_id();
  row.input = json_quote(std::string(1 << 20, 'x'));
  store::Batch batch;
  batch.calls.push_back(row);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit full = before;
  full.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  EXPECT_FALSE(rows->commit(batch));
  for (int i = 0; i < 2; ++i) own->look();
  const io::HttpReply ready = ask("GET", "/readyz");
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0], HasSubstr("calls cannot be stored"));
  EXPECT_THAT(lines[0], HasSubstr("store.db"));
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("calls cannot be stored (io)"));
  EXPECT_THAT(ready.body, Not(HasSubstr("store.db"))) << "it asks for no key";
  EXPECT_TRUE(rows->commit(batch));
  for (int i = 0; i < 2; ++i) own->look();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[1], "calls are stored again");
  own->stop();
}

TEST_F(ServerTest, WhatIsNotThereIsNoModelThatIsMissing) {
  for (const char* path : {"/v1/nothing", "/v2/chat/completions", "/"}) {
    const Json said = json(ask("GET", path));
    EXPECT_EQ(*said.pointer("/error/code"), Json("unknown_url")) << path;
    EXPECT_EQ(*said.pointer("/error/type"), Json("invalid_request_error")) << path;
    const Json anthropic = json(ask("GET", path, {}, {{"anthropic-version", "2023-06-01"}}));
    EXPECT_EQ(*anthropic.pointer("/error/type"), Json("not_found_error")) << path;
  }
  const io::HttpReply wrong = ask("GET", "/v1/chat/completions");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("allow"), "POST");
  const Json model = json(ask("GET", "/v1/models/nobody"));
  EXPECT_EQ(*model.pointer("/error/code"), Json("model_not_found"));
}

TEST_F(ServerTest, APackedBodyIsRefusedInWords) {
  const std::string chat = R"({"model":"m","messages":[{"role":"user","content":"x"}]})";
  for (const char* path : {"/v1/chat/completions", "/v1/messages", "/v1/functions/talk"}) {
    const io::HttpReply reply = ask("POST", path, chat, {{"content-encoding", "gzip"}});
    EXPECT_EQ(reply.status, 415) << path;
    EXPECT_THAT(reply.body, HasSubstr("gzip")) << path;
  }
  EXPECT_EQ(ask("POST", "/v1/chat/completions", chat, {{"content-encoding", "identity"}}).status,
            200);
}

}  // namespace
}  // namespace sighter::serve
