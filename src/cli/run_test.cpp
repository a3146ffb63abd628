#include "cli/run.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <sstream>

#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"

namespace sighter::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int code = 0;
  std::string out, err;
};

std::string all_of(std::FILE* file) {
  std::rewind(file);
  std::string text;
  std::array<char, 4096> bytes;
  while (const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), file)) {
    text.append(bytes.data(), count);
  }
  std::fclose(file);
  return text;
}

Outcome run_words(std::initializer_list<const char*> words) {
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  TerminalSetup setup;
  setup.out = ::fileno(out);
  setup.err = ::fileno(err);
  setup.environment = [](const char*) -> const char* { return nullptr; };
  Outcome outcome;
  outcome.code = run({words.begin(), words.size()}, setup);
  outcome.out = all_of(out);
  outcome.err = all_of(err);
  return outcome;
}

TEST(Run, Version) {
  const Outcome outcome = run_words({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "sighter " SIGHTER_VERSION "\n");
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(run_words({"version"}).out, outcome.out);
  EXPECT_EQ(run_words({"version", "--json"}).out, "{\"version\":\"" SIGHTER_VERSION "\"}\n");
}

TEST(Run, WithoutWordsShowsHelp) {
  const Outcome outcome = run_words({});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("Verbs\n"));
  EXPECT_EQ(outcome.out, run_words({"help"}).out);
}

TEST(Run, HelpOfAVerbTwoWays) {
  const Outcome outcome = run_words({"help", "completions"});
  EXPECT_THAT(outcome.out, StartsWith("sighter completions - "));
  EXPECT_EQ(outcome.out, run_words({"completions", "--help"}).out);
}

TEST(Run, HelpOfNoVerbSaysWhatWasMeant) {
  const Outcome outcome = run_words({"help", "completion"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "error: unknown verb 'completion'\n  did you mean 'sighter completions'?\n");
}

TEST(Run, WrongUsageIsCodeTwoOnStandardError) {
  const Outcome outcome = run_words({"versoin"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "error: unknown verb 'versoin'\n  did you mean 'sighter version'?\n");
}

TEST(Run, AFullDiskIsAnError) {
  const int full = ::open("/dev/full", O_WRONLY);
  if (full < 0) GTEST_SKIP() << "this system has no /dev/full";
  TerminalSetup setup;
  setup.out = full;
  setup.err = ::open("/dev/null", O_WRONLY);
  const char* const words[] = {"--version"};
  EXPECT_EQ(run(words, setup), 1);
  ::close(full);
  ::close(setup.err);
}

TEST(Run, EveryLinkedVerbHasHelpWithExamples) {
  for (const text::Verb* verb : linked_verbs()) {
    const std::string name(verb->name);
    const Outcome outcome = run_words({name.c_str(), "--help"});
    EXPECT_EQ(outcome.code, 0) << name;
    EXPECT_THAT(outcome.out, HasSubstr(std::string(verb->summary)));
    if (!verb->children.empty() || verb->hidden) continue;
    EXPECT_THAT(outcome.out, HasSubstr("Examples\n"));
  }
}

TEST(Run, TheReferenceInDocsIsUpToDate) {
  std::ifstream file(SIGHTER_SOURCE_DIR "/docs/command_line.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == run_words({"help", "--markdown"}).out)
      << "make it again: sighter help --markdown > docs/command_line.md";
}

}  // namespace
}  // namespace sighter::cli
