#include "ready/first_touch.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/check.hpp"
#include "ready/metric.hpp"

namespace sighter::ready {
namespace {

constexpr std::size_t kLabelsMax = 200;
constexpr std::size_t kLookMax = 20'000;  // rows that are looked at

bool is_expect_name(const std::string& name) {
  for (const char* known : {"expect", "expected", "target", "ideal", "label", "answer"}) {
    if (name == known) return true;
  }
  return false;
}

bool is_side_name(const std::string& name) {
  return name == "id" || name == "cluster" || name == "tags";
}

struct Answers {
  std::map<std::string, std::size_t> counts;
  std::size_t rows = 0, numbers = 0, looked = 0;
  std::size_t missing = 0;         // rows without an answer
  std::int64_t first_missing = 0;  // the line of the first of them
  bool all_strings = true;
};

bool is_empty(const Json& value) {
  return value.is_null() ||
         (value.is_string() && value.as_string().find_first_not_of(" \t\r\n") == std::string::npos);
}

Result<Answers> look(const functions::CaseFile& cases) {
  Answers answers;
  const std::size_t step = std::max<std::size_t>(1, cases.size() / kLookMax);
  for (std::size_t i = 0; i < cases.size(); i += step) {
    Result<functions::Case> row = cases.at(i);
    if (!row) return std::unexpected(row.error());
    ++answers.looked;
    if (!row->expect || is_empty(*row->expect)) {
      if (answers.missing++ == 0) answers.first_missing = row->line;
    }
    if (!row->expect) continue;
    ++answers.rows;
    const bool text = row->expect->is_string();
    answers.all_strings =
        answers.all_strings && (text || row->expect->is_number() || row->expect->is_bool());
    const std::string value = text ? row->expect->as_string() : json_write(*row->expect);
    if (row->expect->is_number() ||
        (!value.empty() && value.find_first_not_of("0123456789.,$-+ ") == value.npos))
      ++answers.numbers;
    if (answers.counts.size() <= kLabelsMax * 4) ++answers.counts[value];
  }
  return answers;
}

// Few values that repeat are labels.
bool look_like_labels(const Answers& answers) {
  const std::size_t kinds = answers.counts.size();
  if (!answers.all_strings || kinds < 2 || kinds > kLabelsMax) return false;
  const bool short_enough = std::all_of(
      answers.counts.begin(), answers.counts.end(),
      [](const auto& count) { return count.first.size() <= 64 && !count.first.empty(); });
  return short_enough && kinds * 3 <= answers.rows;
}

// Rows whose answer nobody has written yet judge nothing.
Status check_missing(const std::filesystem::path& file, const functions::CaseColumns& columns,
                     const Answers& answers, bool text) {
  const bool all_there = answers.rows == answers.looked;
  if (answers.missing == 0 || (text && all_there)) return {};
  return fail(Kind::kInvalid,
              fmt::format("{}:{}: no expected answer in '{}'{}", file.string(),
                          answers.first_missing, columns.expect,
                          answers.missing == 1 ? std::string()
                                               : fmt::format(", and so in {} of {} rows",
                                                             answers.missing, answers.looked)),
              "fill it in, or take the row out; another column has the answers: --expect COLUMN");
}

bool is_table(const std::filesystem::path& file) {
  return file.extension() == ".csv" || file.extension() == ".tsv";
}

// The names of the columns that look like a row: the file has no header, and a row would be lost.
Status check_header(const std::filesystem::path& file, const std::vector<std::string>& names,
                    const functions::CaseColumns& columns, const Answers& answers, bool labels) {
  constexpr std::size_t kNameMax = 80;
  std::string strange;
  if (labels && answers.counts.contains(columns.expect))
    strange = fmt::format("'{}' is an answer below, too", columns.expect);
  for (const std::string& name : names) {
    if (!strange.empty()) break;
    const bool number = !name.empty() && name.find_first_not_of("0123456789.,$+- ") == name.npos;
    if (number) strange = fmt::format("'{}' is a number", name);
    if (name.size() > kNameMax) strange = "one is a long text";
  }
  if (strange.empty()) return {};
  return fail(Kind::kInvalid,
              fmt::format("{}:1: the first line should name the columns, and looks like a row: {}",
                          file.string(), strange),
              "write a line of names above it, such as text,label; if these are names, say which "
              "holds the answers: --expect COLUMN");
}

Result<functions::CaseColumns> columns_of(const std::filesystem::path& file,
                                          const FirstTouchOptions& options,
                                          std::vector<std::string>& taken) {
  // Read as it is first: a column that is not there is told with those that are.
  Result<functions::CaseFile> plain = functions::CaseFile::open(file);
  if (!plain && (!options.expect.empty() || !options.input.empty()))
    plain = functions::CaseFile::open(file, {options.input, options.expect});
  if (!plain) return std::unexpected(plain.error());
  functions::CaseColumns columns{options.input, options.expect};
  const std::vector<std::string>& names = plain->columns();
  for (const std::string& wanted : options.input) {
    if (std::find(names.begin(), names.end(), wanted) == names.end())
      return fail(Kind::kInvalid, fmt::format("{} has no column '{}'", file.string(), wanted),
                  fmt::format("its columns: {}", fmt::join(names, ", ")));
  }
  if (!columns.expect.empty() &&
      std::find(names.begin(), names.end(), columns.expect) == names.end())
    return fail(Kind::kInvalid, fmt::format("{} has no column '{}'", file.string(), columns.expect),
                fmt::format("its columns: {}", fmt::join(names, ", ")));
  const bool shaped =
      std::find(names.begin(), names.end(), "input") != names.end() && columns.input.empty();
  std::string why = "as --expect says";
  if (columns.expect.empty()) {
    const auto named = std::find_if(names.begin(), names.end(), is_expect_name);
    if (named != names.end()) {
      columns.expect = *named;
      why = "by its name; --expect COLUMN to change it";
    } else if (!shaped && names.size() >= 2 && !is_side_name(names.back())) {
      columns.expect = names.back();
      why = "the last column; --expect COLUMN to change it";
    }
  }
  if (columns.input.empty() && !shaped) {
    for (const std::string& name : names) {
      if (name != columns.expect && !is_side_name(name)) columns.input.push_back(name);
    }
  }
  if (columns.expect.empty())
    return fail(Kind::kInvalid,
                fmt::format("{}: no column holds the expected answers", file.string()),
                "name it with --expect COLUMN");
  taken.push_back(fmt::format("input: {}", shaped ? std::string("the member 'input'")
                                                  : fmt::format("{}; --input COLUMNS to change it",
                                                                fmt::join(columns.input, ", "))));
  taken.push_back(fmt::format("expected answer: {}, {}", columns.expect, why));
  return columns;
}

functions::InputContract input_of(const functions::Case& row) {
  std::vector<functions::Field> fields;
  if (!row.input.is_object())
    return functions::InputContract::of_fields({{"text", "string", true}});
  for (const auto& [name, value] : row.input.as_object())
    fields.push_back({name, value.is_string() ? "string" : "any", false});
  if (fields.size() == 1) fields.front().required = true;
  return functions::InputContract::of_fields(std::move(fields));
}

functions::Variant learned(std::string name, learn::LearnerKind kind) {
  functions::LearnedBody body;
  body.options.learner = kind;
  functions::Variant variant{std::move(name), "built in", body, {}};
  variant.digest = Sha256().field("first touch").field(variant.name).finish();
  return variant;
}

}  // namespace

std::string plain_instructions(const functions::Function& function) {
  std::string system = "Answer with the expected value only, without any other words.";
  if (function.output.form() == functions::OutputContract::Form::kLabels) {
    system = fmt::format(
        "Classify the input. Answer with exactly one of these labels and nothing else: {}",
        fmt::join(function.output.labels(), ", "));
  } else if (function.bar && function.bar->metric == Json("final_number")) {
    system = "Solve the task. End your answer with the final number.";
  }
  if (!function.description.empty()) system = function.description + "\n\n" + system;
  // They are data: braces in a label stay text.
  std::string escaped;
  for (char c : system) escaped += c == '{' ? std::string("{{ '{' }}") : std::string(1, c);
  return escaped;
}

Result<functions::Variant> plain_prompt(std::string name, const std::string& model,
                                        const functions::Function& function, int examples) {
  functions::PromptBody body;
  body.model = model;
  const std::string escaped = plain_instructions(function);
  Result<text::Template> parsed = text::Template::parse(escaped, "built in");
  if (!parsed) return std::unexpected(parsed.error());
  body.system = std::make_shared<const text::Template>(std::move(*parsed));
  body.examples = examples;
  body.parameters = Json::object();
  functions::Variant variant{std::move(name), "built in", body, {}};
  variant.digest =
      Sha256().field("first touch").field(variant.name).field(model).field(escaped).finish();
  return variant;
}

namespace {

// The free learned bodies where the answers are labels, and two prompts where there is a model.
Status add_bodies(functions::Function& function, const std::string& model) {
  if (function.output.form() == functions::OutputContract::Form::kLabels) {
    function.variants.push_back(learned("majority", learn::LearnerKind::kMajority));
    function.variants.push_back(learned("nearest", learn::LearnerKind::kNearest));
    function.variants.push_back(learned("linear", learn::LearnerKind::kLinear));
  }
  if (model.empty()) return {};
  for (const int examples : {0, 8}) {
    Result<functions::Variant> variant =
        plain_prompt(examples == 0 ? "prompt" : "prompt_with_examples", model, function, examples);
    if (!variant) return std::unexpected(variant.error());
    function.variants.push_back(std::move(*variant));
  }
  return {};
}

functions::Bar bar_of(const FirstTouchOptions& options) {
  functions::Bar bar;
  bar.metric = Json(options.metric);
  bar.where = "--metric";
  bar.at_least = options.at_least;
  bar.confidence = options.confidence;
  return bar;
}

}  // namespace

Result<FirstTouch> first_touch(const std::filesystem::path& file, const FirstTouchOptions& given) {
  FirstTouchOptions options = given;
  FirstTouch result;
  Result<functions::CaseColumns> columns = columns_of(file, options, result.taken);
  if (!columns) return std::unexpected(columns.error());
  Result<functions::CaseFile> cases = functions::CaseFile::open(file, *columns);
  if (!cases) return std::unexpected(cases.error());
  Result<functions::Case> first = cases->at(0);
  if (!first) return std::unexpected(first.error());
  Result<Answers> answers = look(*cases);
  if (!answers) return std::unexpected(answers.error());
  if (Status all = check_missing(file, *columns, *answers, options.text); !all)
    return std::unexpected(all.error());
  if (options.expect.empty() && options.input.empty() && is_table(file)) {
    Status header =
        check_header(file, cases->columns(), *columns, *answers, look_like_labels(*answers));
    if (!header) return std::unexpected(header.error());
  }
  functions::Function& function = result.function;
  function.name = file.stem().string();
  function.folder = std::filesystem::absolute(file).parent_path();
  function.cases = file;
  function.case_columns = *columns;
  function.input = input_of(*first);
  const bool labels = !options.labels.empty() || (!options.text && look_like_labels(*answers));
  if (labels && options.labels.empty()) {
    for (const auto& [label, count] : answers->counts) options.labels.push_back(label);
  }
  const bool numbers = !labels && answers->rows > 0 && answers->numbers == answers->rows;
  if (labels) {
    function.output = functions::OutputContract::of_labels(options.labels);
    const std::size_t shown = std::min<std::size_t>(8, options.labels.size());
    result.taken.push_back(fmt::format(
        "answers: one of {} labels ({}{}); --text if they are free text", options.labels.size(),
        fmt::join(options.labels.begin(),
                  options.labels.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
        shown < options.labels.size() ? ", ..." : ""));
  } else {
    result.taken.push_back(fmt::format("answers: {}; --labels A,B,C if they are one of a few",
                                       numbers ? "numbers" : "free text"));
  }
  if (options.metric.empty())
    options.metric = labels ? "exact" : numbers ? "final_number" : "contains";
  result.taken.push_back(
      fmt::format("metric: {}, to reach {:.2f}; --metric, --at-least to change it", options.metric,
                  options.at_least));
  function.bar = bar_of(options);
  if (Status added = add_bodies(function, options.model); !added)
    return std::unexpected(added.error());
  if (function.variants.empty())
    return fail(Kind::kInvalid,
                fmt::format("the {} answers in {} were taken for {}, and without a model nothing "
                            "can give those",
                            answers->rows, file.string(), numbers ? "numbers" : "free text"),
                "name a model with -m, for example -m openai/gpt-5-mini; or, where they are one of "
                "a few, say so: --labels A,B,C");
  return result;
}

}  // namespace sighter::ready
