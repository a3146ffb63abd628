#include "text/verbs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/utf8.hpp"

namespace sighter::text {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

Verbs every_verb() {
  Verbs verbs;
  for (const Verb& verb : all_verbs()) verbs.push_back(&verb);
  return verbs;
}

// Calls each(verb, sub-command or null) for all that can be called.
template <class Each>
void for_each_leaf(Each each) {
  for (const Verb& verb : all_verbs()) {
    if (verb.children.empty()) each(verb, nullptr);
    for (const Verb& child : verb.children) each(verb, &child);
  }
}

TEST(VerbTable, NamesAndLettersAreUnique) {
  for_each_leaf([](const Verb& verb, const Verb* child) {
    std::set<std::string_view> names;
    std::set<char> letters;
    const auto add = [&](std::span<const Option> options) {
      for (const Option& option : options) {
        EXPECT_TRUE(names.insert(option.name).second) << verb.name << " --" << option.name;
        if (option.letter == 0) continue;
        EXPECT_TRUE(letters.insert(option.letter).second) << verb.name << " -" << option.letter;
      }
    };
    add((child ? *child : verb).options);
    add(global_options());
  });
}

TEST(VerbTable, EveryOptionIsComplete) {
  for_each_leaf([](const Verb& verb, const Verb* child) {
    for (const Option& option : (child ? *child : verb).options) {
      const std::string who = std::string(verb.name) + " --" + std::string(option.name);
      EXPECT_FALSE(option.help.empty()) << who;
      EXPECT_FALSE(option.help.ends_with('.')) << who;
      EXPECT_EQ(option.type == ValueType::kFlag, option.value.empty()) << who;
      EXPECT_EQ(option.type == ValueType::kWord, !option.words.empty()) << who;
      const bool ranged = option.type == ValueType::kInteger || option.type == ValueType::kNumber;
      EXPECT_EQ(ranged, option.least < option.most) << who;
    }
  });
}

TEST(VerbTable, EveryVerbHasExamplesThatCallIt) {
  for_each_leaf([](const Verb& verb, const Verb* child) {
    const Verb& leaf = child ? *child : verb;
    if (verb.hidden) return;
    EXPECT_FALSE(leaf.examples.empty()) << leaf.name;
    std::string call = "sighter " + std::string(verb.name);
    if (child) call += " " + std::string(child->name);
    for (const Example& example : leaf.examples)
      EXPECT_THAT(std::string(example.command), HasSubstr(call));
  });
}

TEST(VerbTable, LaterVerbsAreNotThereNow) {
  for (const LaterVerb& later : later_verbs())
    EXPECT_EQ(find_verb(every_verb(), later.name), nullptr);
}

TEST(VerbTable, SubCommandsAreReservedNames) {
  EXPECT_TRUE(is_reserved_name("prune"));
  EXPECT_FALSE(is_reserved_name("triage"));
}

TEST(VerbHelp, NoLineIsWiderThanTheRoom) {
  for (const std::size_t width : {40u, 60u, 80u, 100u}) {
    for_each_leaf([&](const Verb& verb, const Verb* child) {
      const Verb& leaf = child ? *child : verb;
      std::istringstream lines(
          help_verb(verb, child, {.width = width, .bold = {}, .dim = {}, .off = {}}));
      for (std::string line; std::getline(lines, line);) {
        bool example = false;  // stays on one line, for copying
        for (const Example& each : leaf.examples)
          example |= line == "  " + std::string(each.command);
        if (example) continue;
        EXPECT_LE(display_width(line), width) << line;
      }
    });
  }
}

TEST(VerbHelp, ListsOptionsWithDefaults) {
  const Verbs verbs = every_verb();
  const std::string help = help_verb(*find_verb(verbs, "ready"), nullptr,
                                     {.width = 100, .bold = {}, .dim = {}, .off = {}});
  EXPECT_THAT(help, HasSubstr("sighter ready FUNCTION|FILE [options]"));
  EXPECT_THAT(help, HasSubstr("-m, --model MODEL"));
  EXPECT_THAT(help, HasSubstr("--wrong [COUNT]"));
  EXPECT_THAT(help, HasSubstr("(default: traffic)"));
  EXPECT_THAT(help, HasSubstr("Also called 'sighter eval'."));
}

TEST(VerbHelp, HiddenVerbsAreNotListed) {
  EXPECT_THAT(help_overview(every_verb(), {}), Not(HasSubstr("demo")));
  EXPECT_THAT(reference_markdown(every_verb()), Not(HasSubstr("demo")));
  EXPECT_THAT(unknown_verb(every_verb(), "dmo", "1").hint, Not(HasSubstr("demo")));
}

TEST(VerbReference, BarsInCellsAreEscaped) {
  const std::string text = reference_markdown(every_verb());
  EXPECT_THAT(text, HasSubstr("| `FUNCTION\\|FILE` |"));
  EXPECT_FALSE(text.ends_with("\n\n"));
}

TEST(ManPage, DashesAndLeadingDotsAreText) {
  const std::string page = man_page(every_verb(), "0.1.0");
  EXPECT_THAT(page, HasSubstr("\\fB\\-\\-model\\fR"));
  EXPECT_THAT(page, HasSubstr(".SH EXIT STATUS"));
  // A line that starts with a dot is a macro: of two capitals or more, or a switch of filling.
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('.')) continue;
    const std::string macro = line.substr(1, line.find(' ') - 1);
    EXPECT_THAT(macro, AnyOf("TH", "SH", "SS", "TP", "PP", "RS", "RE", "nf", "fi")) << line;
  }
}

class CompletionScript : public ::testing::TestWithParam<std::string_view> {};

TEST_P(CompletionScript, OffersEveryVerbAndOption) {
  const std::string script = completion_script(every_verb(), GetParam());
  for_each_leaf([&](const Verb& verb, const Verb* child) {
    if (verb.hidden) return;
    EXPECT_THAT(script, HasSubstr(std::string(verb.name)));
    for (const Option& option : (child ? *child : verb).options) {
      const std::string dashes = GetParam() == "fish" ? "-l " : "--";
      EXPECT_THAT(script, HasSubstr(dashes + std::string(option.name)));
    }
  });
  EXPECT_THAT(script, Not(HasSubstr("demo")));
}

INSTANTIATE_TEST_SUITE_P(Shells, CompletionScript, ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& shell) { return std::string(shell.param); });

// What bash would offer for a line, by running the script in it.
std::string offered_by_bash(const std::string& words, int current) {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::temp_directory_path() / ("sighter_verbs_" + std::to_string(::getpid()));
  fs::create_directories(folder / "functions/triage");
  std::ofstream(folder / "sighter.toml") << "";
  std::ofstream(folder / "functions/triage/function.toml") << "";
  std::ofstream(folder / "complete.bash")
      << completion_script(every_verb(), "bash") << "compopt() { :; }\nCOMP_WORDS=(" << words
      << ")\nCOMP_CWORD=" << current << "\n_sighter\necho \"${COMPREPLY[*]}\"\n";
  const std::string command = "cd '" + folder.string() + "' && bash complete.bash 2>&1";
  std::string out;
  if (std::FILE* pipe = ::popen(command.c_str(), "r")) {
    char bytes[4096];
    while (const std::size_t count = std::fread(bytes, 1, sizeof bytes, pipe))
      out.append(bytes, count);
    ::pclose(pipe);
  }
  fs::remove_all(folder);
  return out;
}

TEST(BashCompletion, OffersWhatFits) {
  EXPECT_EQ(offered_by_bash("sighter rea", 1), "ready\n");
  EXPECT_EQ(offered_by_bash("sighter fire tri", 2), "triage\n");
  EXPECT_EQ(offered_by_bash("sighter ready triage --cl", 3), "--claim\n");
  EXPECT_EQ(offered_by_bash("sighter eval triage --claim ''", 4), "traffic cases\n");
  EXPECT_EQ(offered_by_bash("sighter --color never store ''", 4),
            "prune backup check size erase\n");
  EXPECT_EQ(offered_by_bash("sighter store prune --ke", 3), "--keep\n");
  EXPECT_EQ(offered_by_bash("sighter completions f", 2), "fish\n");
  EXPECT_EQ(offered_by_bash("sighter log --project ''", 3), "functions\n");
}

}  // namespace
}  // namespace sighter::text
