#pragma once
// The whole door in one process: its own cores and a store whose writer waits, an upstream that
// follows a script. Tests only.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "functions/test_folder.hpp"
#include "io/blocking_pool.hpp"
#include "io/http_client.hpp"
#include "serve/server.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::serve {

namespace step = sighter::testing::step;

inline const std::string kReply =
    R"({"id":"r","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"good"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}})";
inline const std::string kPiece =
    "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"go\"},\"finish_reason\":null}]}\n\n";
inline const std::string kLast =
    "data: {\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
inline constexpr std::string_view kFunction =
    "input = { text = \"string\" }\noutput = \"text\"\n[variants.p]\nkind = \"prompt\"\n"
    "model = \"m\"\nuser = \"About {{ input.text }}\"\n";

// Upstream requests run on the test's loop, which the client's requests turn.
class DoorTest : public ::testing::Test {
 protected:
  DoorTest() : upstream(loop.core()), dns("dns", 1, 16), client(loop.core(), dns, no_proxy()) {
    ::setenv("SIGHTER_DOOR_TEST_KEY", "sk-of-the-provider", 1);
    upstream.otherwise([](const sighter::testing::SeenRequest& seen) {
      const bool stream = seen.body.find("\"stream\":true") != std::string::npos;
      return stream ? sighter::testing::reply_stream({kPiece, kPiece, kLast})
                    : sighter::testing::reply_json(kReply);
    });
    folder.write("functions/talk/function.toml", kFunction);
    folder.write("sighter.toml",
                 fmt::format("[providers.groq]\nbase_url = \"{0}\"\nkey = "
                             "\"env:SIGHTER_DOOR_TEST_KEY\"\nretries = 2\n[providers.up]\nbase_url "
                             "= \"{0}\"\nkey = \"env:SIGHTER_DOOR_TEST_KEY\"\n[providers.ant]\n"
                             "dialect = \"anthropic\"\nbase_url = \"{0}\"\nkey = "
                             "\"env:SIGHTER_DOOR_TEST_KEY\"\n[providers.mistral]\nbase_url = "
                             "\"{0}\"\nkey = \"env:SIGHTER_DOOR_TEST_KEY\"\n"
                             "completions = true\n[providers.without]\nbase_url = \"{0}\"\n"
                             "completions = false\n[models.m]\nroutes = [\"groq/m\"]\n"
                             "[models.two]\nroutes = [\"up/first\", \"groq/second\"]\n",
                             upstream.url("/v1")));
    Result<functions::Project> project = functions::read_project(folder.path());
    CHECK(project.has_value());
    store::Options options;
    options.commit_interval = std::chrono::hours(1);
    rows = std::move(*store::Store::open(folder.path() / "store.db", clock, options));
    hub = std::make_unique<models::Hub>(project->models, clock, log, 1);
    shared = std::make_unique<functions::Shared>(std::move(*project), *hub, rows.get(), clock, log);
    open(settings());
  }
  ~DoorTest() override {
    if (!stopped) server->stop();
  }

  static io::HttpClientOptions no_proxy() { return {}; }

  static Settings settings() {
    Settings settings;
    settings.listen = Address{"127.0.0.1", 0};
    settings.ops_listen.reset();
    settings.cores = 1;
    settings.grace = std::chrono::seconds(0);
    settings.keep_alive = std::chrono::milliseconds(100);
    return settings;
  }
  // Another door in the place of the first.
  void open(const Settings& settings) {
    if (server && !stopped) server->stop();
    stopped = false;
    server = std::move(*Server::start(settings, false, *shared, *hub, clock, log));
  }

  io::HttpReply ask(std::string method, const std::string& path, std::string body = {},
                    io::Headers headers = {}) {
    return ask_at(server->port(), std::move(method), path, std::move(body), std::move(headers));
  }
  io::HttpReply ask_ops(const std::string& path, io::Headers headers = {}) {
    return ask_at(*server->ops_port(), "GET", path, {}, std::move(headers));
  }
  io::HttpReply ask_at(std::uint16_t port, std::string method, const std::string& path,
                       std::string body, io::Headers headers) {
    io::HttpRequest request;
    request.method = std::move(method);
    request.url = fmt::format("http://127.0.0.1:{}{}", port, path);
    if (!body.empty() && !headers.has("content-type"))
      headers.add("content-type", "application/json");
    request.headers = std::move(headers);
    request.body = std::move(body);
    Result<io::HttpReply> reply = loop.run(client.fetch(std::move(request)));
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().message());
    return reply ? std::move(*reply) : io::HttpReply{};
  }
  static Json json(const io::HttpReply& reply) {
    Result<Json> value = json_parse(reply.body);
    EXPECT_TRUE(value) << reply.body;
    return value ? std::move(*value) : Json();
  }

  functions::TestFolder folder;
  RealClock clock;
  sighter::testing::Loop loop;
  sighter::testing::ScriptedUpstream upstream;
  io::BlockingPool dns;
  io::HttpClient client;
  Log log{Level::kOff};
  std::unique_ptr<store::Store> rows;
  std::unique_ptr<models::Hub> hub;
  std::unique_ptr<functions::Shared> shared;
  std::unique_ptr<Server> server;
  bool stopped = false;  // by the test itself
};

}  // namespace sighter::serve
