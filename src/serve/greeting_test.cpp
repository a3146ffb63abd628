#include "serve/greeting.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.hpp"
#include "functions/test_folder.hpp"
#include "testing/loop.hpp"

namespace sighter::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Greeting, SaysWhoCanReachTheDoor) {
  Settings settings;
  const std::string here = greeting(settings, 7777, 7778);
  EXPECT_THAT(here, HasSubstr("listening on http://127.0.0.1:7777\n"));
  EXPECT_THAT(here, HasSubstr("health and metrics on http://127.0.0.1:7778\n"));
  EXPECT_THAT(here, HasSubstr("base_url=http://127.0.0.1:7777/v1\n"));
  EXPECT_THAT(here, HasSubstr("open to this machine alone"));

  settings.listen.host = "0.0.0.0";
  const std::string open = greeting(settings, 7777, std::nullopt);
  EXPECT_THAT(open, HasSubstr("listening on http://0.0.0.0:7777, which is every address"));
  EXPECT_THAT(open, HasSubstr("base_url=http://127.0.0.1:7777/v1\n"));
  EXPECT_THAT(open, HasSubstr("whoever reaches this port"));
  EXPECT_THAT(open, Not(HasSubstr("this machine alone")));

  settings.key = "env:DOOR";
  settings.certificate = "chain.pem";
  settings.ops_listen = Address{"10.0.0.1", 0};
  const std::string keyed = greeting(settings, 443, 9000);
  EXPECT_THAT(keyed, HasSubstr("https://0.0.0.0:443"));
  EXPECT_THAT(keyed, HasSubstr("health and metrics on https://10.0.0.1:9000\n"));
  EXPECT_THAT(keyed, HasSubstr("the one in env:DOOR"));
}

TEST(Warnings, NameWhatIsMissingWhoWantsItAndWhatToDo) {
  ::unsetenv("SIGHTER_GREETING_TEST_KEY");
  functions::TestFolder folder;
  folder.write("functions/talk/function.toml",
               "input = { text = \"string\" }\noutput = \"text\"\n[variants.p]\nkind = \"prompt\"\n"
               "model = \"bare/m\"\nuser = \"{{ input.text }}\"\n");
  folder.write("sighter.toml",
               "[providers.bare]\nbase_url = \"http://127.0.0.1:9\"\nkey = "
               "\"env:SIGHTER_GREETING_TEST_KEY\"\n[providers.free]\nbase_url = "
               "\"http://127.0.0.1:9\"\n[models.a]\nroutes = [\"bare/x\"]\n[models.b]\nroutes = "
               "[\"free/x\", \"bare/y\"]\n[models.c]\nroutes = [\"free/x\"]\n");
  Result<functions::Project> project = functions::read_project(folder.path());
  ASSERT_TRUE(project);
  testing::Loop loop;
  Log log{Level::kOff};
  models::Hub hub(project->models, loop.clock(), log, 1);
  functions::Shared shared(std::move(*project), hub, nullptr, loop.clock(), log);
  functions::Engine engine(loop.core(), shared);
  const std::vector<std::string> lines = warnings(hub.config(), engine);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with("[models.a], [models.b], functions/talk variant p: bare: "))
      << lines[0];
  EXPECT_THAT(lines[0], HasSubstr("SIGHTER_GREETING_TEST_KEY is not set"));
  EXPECT_THAT(lines[0], HasSubstr("export SIGHTER_GREETING_TEST_KEY="));
  ::setenv("SIGHTER_GREETING_TEST_KEY", "k", 1);
  EXPECT_THAT(warnings(hub.config(), engine), ElementsAre());
  ::unsetenv("SIGHTER_GREETING_TEST_KEY");
}

TEST(Warnings, AModelWithoutItsFileIsTold) {
  functions::TestFolder folder;
  folder.write("sighter.toml", "[models.tiny]\nfile = \"gone.gguf\"\n");
  Result<functions::Project> project = functions::read_project(folder.path());
  ASSERT_TRUE(project);
  testing::Loop loop;
  Log log{Level::kOff};
  models::Hub hub(project->models, loop.clock(), log, 1);
  functions::Shared shared(std::move(*project), hub, nullptr, loop.clock(), log);
  functions::Engine engine(loop.core(), shared);
  const std::vector<std::string> lines = warnings(hub.config(), engine);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("[models.tiny]: tiny: "));
}

}  // namespace
}  // namespace sighter::serve
