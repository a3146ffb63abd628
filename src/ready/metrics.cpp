#include <algorithm>
#include <array>
#include <optional>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/similar.hpp"
#include "io/worker_pool.hpp"
#include "ready/metric.hpp"
#include "text/regex.hpp"
#include "text/schema.hpp"

namespace sighter::ready {
namespace {

struct Making {
  const Json& spec;
  std::string where;
  std::string folder;
  io::Core& core;
  Log& log;
  Digest digest;
  // The parameter `value`, or nullptr: then the case's expectation is used.
  const Json* value() const { return spec.find("value"); }
};

std::string as_text(const Json& value) {
  return value.is_string() ? value.as_string() : json_write(value);
}

// Metrics that only compute.
class PlainMetric : public Metric {
 public:
  using Metric::Metric;
  io::Task<Result<Score>> score(Scored scored, io::CancelToken) override {
    co_return judge(scored);
  }
  bool whole_scores() const override { return true; }

 protected:
  virtual Result<Score> judge(const Scored& scored) const = 0;
};

// A metric that compares the output with `value` or with the expectation.
class AgainstExpected : public PlainMetric {
 public:
  AgainstExpected(std::string name, const Making& making)
      : PlainMetric(std::move(name), making.digest) {
    if (making.value() != nullptr) fixed_ = *making.value();
  }
  bool needs_expectation() const override { return !fixed_; }

 protected:
  const Json* wanted(const Scored& scored) const { return fixed_ ? &*fixed_ : scored.expect; }

 private:
  std::optional<Json> fixed_;
};

class Exact final : public AgainstExpected {
 public:
  explicit Exact(const Making& making) : AgainstExpected("exact", making) {}

 protected:
  Result<Score> judge(const Scored& scored) const override {
    const Json* wanted_value = wanted(scored);
    if (wanted_value == nullptr) return Score{0, "no expectation"};
    if (*wanted_value == scored.output) return Score{1, ""};
    // CSV files know only strings: "3" expects 3.
    if (as_text(*wanted_value) == as_text(scored.output)) return Score{1, ""};
    return Score{0, fmt::format("expected {}", json_write(*wanted_value))};
  }
};

class Contains final : public AgainstExpected {
 public:
  explicit Contains(const Making& making) : AgainstExpected("contains", making) {
    const Json* ignore = making.spec.find("ignore_case");
    ignore_case_ = ignore != nullptr && ignore->is_bool() && ignore->as_bool();
  }

 protected:
  Result<Score> judge(const Scored& scored) const override {
    const Json* wanted_value = wanted(scored);
    if (wanted_value == nullptr) return Score{0, "no expectation"};
    const std::string text = folded(as_text(scored.output));
    JsonArray one{*wanted_value};
    for (const Json& needle : wanted_value->is_array() ? wanted_value->as_array() : one) {
      if (text.find(folded(as_text(needle))) == text.npos) {
        return Score{0, fmt::format("does not contain {}", json_write(needle))};
      }
    }
    return Score{1, ""};
  }

 private:
  std::string folded(std::string text) const {
    if (!ignore_case_) return text;
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
  }
  bool ignore_case_ = false;
};

class RegexMetric final : public AgainstExpected {
 public:
  RegexMetric(const Making& making, std::optional<text::Regex> fixed)
      : AgainstExpected("regex", making), fixed_(std::move(fixed)) {}

 protected:
  Result<Score> judge(const Scored& scored) const override {
    std::optional<text::Regex> regex = fixed_;
    if (!regex) {
      if (scored.expect == nullptr || !scored.expect->is_string())
        return Score{0, "the expectation is no pattern"};
      Result<text::Regex> compiled =
          text::Regex::compile(scored.expect->as_string(), {.leading_flags = true});
      if (!compiled) return std::unexpected(compiled.error());
      regex = std::move(*compiled);
    }
    const Result<bool> found = regex->search(as_text(scored.output));
    if (!found) return std::unexpected(found.error());
    return *found ? Score{1, ""} : Score{0, fmt::format("does not match /{}/", regex->pattern())};
  }

 private:
  std::optional<text::Regex> fixed_;
};

// number: the output is one number. final_number: the last number of a text.
class NumberMetric final : public AgainstExpected {
 public:
  NumberMetric(const Making& making, bool last)
      : AgainstExpected(last ? "final_number" : "number", making), last_(last) {
    if (const Json* tolerance = making.spec.find("tolerance"))
      tolerance_ = tolerance->to_double().value_or(0);
  }

 protected:
  Result<Score> judge(const Scored& scored) const override {
    const Json* wanted_value = wanted(scored);
    const std::optional<Json> expected =
        wanted_value == nullptr ? std::nullopt : number_of(*wanted_value);
    const std::optional<Json> given = number_of(scored.output);
    if (!expected) return Score{0, "the expectation holds no number"};
    if (!given) return Score{0, "no number"};
    if (*expected == *given) return Score{1, ""};
    const std::optional<double> a = expected->to_double(), b = given->to_double();
    if (tolerance_ > 0 && a && b && std::abs(*a - *b) <= tolerance_) return Score{1, ""};
    return Score{0, fmt::format("{} instead of {}", given->number_text(), expected->number_text())};
  }

 private:
  std::optional<Json> number_of(const Json& value) const {
    if (value.is_number()) return value;
    if (!value.is_string()) return std::nullopt;
    std::string text = value.as_string();
    if (!last_) {
      const std::size_t begin = text.find_first_not_of(" \t\r\n$");
      const std::size_t end = text.find_last_not_of(" \t\r\n.");
      if (begin == text.npos || begin > end) return std::nullopt;
      const std::string whole = text.substr(begin, end - begin + 1);
      std::string plain;
      std::copy_if(whole.begin(), whole.end(), std::back_inserter(plain),
                   [](char c) { return c != ','; });
      if (plain.find_first_not_of("0123456789.-+eE") != plain.npos) return std::nullopt;
    }
    const std::string number = final_number(text);
    if (number.empty()) return std::nullopt;
    std::string cleaned = number;
    const bool minus = cleaned.starts_with('-');
    if (minus) cleaned.erase(0, 1);
    cleaned.erase(0, std::min(cleaned.find_first_not_of('0'), cleaned.size() - 1));
    if (cleaned.starts_with('.')) cleaned.insert(0, "0");
    return Json(JsonNumber{(minus ? "-" : "") + cleaned});
  }
  bool last_;
  double tolerance_ = 0;
};

class SchemaMetric final : public PlainMetric {
 public:
  SchemaMetric(const Making& making, text::Schema schema)
      : PlainMetric("json_schema", making.digest), schema_(std::move(schema)) {}
  bool needs_expectation() const override { return false; }

 protected:
  Result<Score> judge(const Scored& scored) const override {
    Json value = scored.output;
    if (value.is_string()) {
      Result<Json> parsed = json_parse(value.as_string(), "the output");
      if (parsed) value = std::move(*parsed);
    }
    const std::vector<text::Violation> violations = schema_.validate(value, 3);
    return violations.empty() ? Score{1, ""} : Score{0, text::describe(violations)};
  }

 private:
  text::Schema schema_;
};

// A program that reads {"input", "expect", "output"} and answers {"score": 0..1, "reason": "..."}.
class ProgramMetric final : public Metric {
 public:
  ProgramMetric(const Making& making, io::ProcessSpec spec)
      : Metric("program", making.digest), pool_(making.core, std::move(spec), options(making)) {}
  bool needs_expectation() const override { return false; }
  bool whole_scores() const override { return false; }

  io::Task<Result<Score>> score(Scored scored, io::CancelToken cancel) override {
    JsonObject question;
    question.append("input", scored.input);
    question.append("expect", scored.expect != nullptr ? *scored.expect : Json());
    question.append("output", scored.output);
    std::string line = json_write(Json(std::move(question)));
    Result<std::string> answer = co_await pool_.ask(std::move(line), std::move(cancel));
    if (!answer) co_return std::unexpected(answer.error().in("the metric's program"));
    co_return read(*answer);
  }

 private:
  static io::WorkerPoolOptions options(const Making& making) {
    io::WorkerPoolOptions options;
    options.name = "metric";
    options.workers_max = 2;
    options.log = &making.log;
    return options;
  }
  static Result<Score> read(const std::string& answer) {
    Result<Json> json = json_parse(answer, "the metric's program");
    if (!json) return std::unexpected(json.error());
    if (const std::string* error = json->find_string("error"))
      return fail(Kind::kUpstream, "the metric's program: " + *error);
    const Json* value = json->is_object() ? json->find("score") : &*json;
    std::optional<double> score;
    if (value != nullptr && value->is_bool()) score = value->as_bool() ? 1.0 : 0.0;
    if (value != nullptr && value->is_number()) score = value->to_double();
    if (!score || *score < 0 || *score > 1)
      return fail(Kind::kUpstream,
                  fmt::format("the metric's program answered {}", answer.substr(0, 200)),
                  "it must answer {\"score\": 0..1, \"reason\": \"...\"}");
    const std::string* reason = json->find_string("reason");
    return Score{*score, reason != nullptr ? *reason : ""};
  }
  io::WorkerPool pool_;
};

using Made = Result<std::unique_ptr<Metric>>;

Made make_regex(const Making& making) {
  std::optional<text::Regex> fixed;
  if (const Json* value = making.value()) {
    if (!value->is_string())
      return fail(Kind::kInvalid, making.where + ": the regex metric's value must be a string");
    Result<text::Regex> compiled =
        text::Regex::compile(value->as_string(), {.leading_flags = true});
    if (!compiled) return std::unexpected(compiled.error().in(making.where));
    fixed = std::move(*compiled);
  }
  return std::make_unique<RegexMetric>(making, std::move(fixed));
}

Made make_schema(const Making& making) {
  const Json* schema = making.spec.find("schema");
  if (schema == nullptr) schema = making.value();
  if (schema == nullptr)
    return fail(Kind::kInvalid, making.where + ": the json_schema metric needs a schema",
                "{ kind = \"json_schema\", schema = \"output.schema.json\" }");
  Json document = *schema;
  std::string origin = making.where;
  if (schema->is_string()) {
    origin = making.folder + "/" + schema->as_string();
    Result<std::string> content = read_file(origin, limits::kConfigBytesMax);
    if (!content) return std::unexpected(content.error().in(making.where));
    Result<Json> parsed = json_parse(*content, origin);
    if (!parsed) return std::unexpected(parsed.error());
    document = std::move(*parsed);
  }
  Result<text::Schema> compiled = text::Schema::compile(document, origin);
  if (!compiled) return std::unexpected(compiled.error());
  return std::make_unique<SchemaMetric>(making, std::move(*compiled));
}

Made make_program(const Making& making) {
  const Json* command = making.spec.find("command");
  io::ProcessSpec spec;
  if (command != nullptr && command->is_array()) {
    for (const Json& word : command->as_array()) {
      if (word.is_string()) spec.command.push_back(word.as_string());
    }
  }
  if (spec.command.empty())
    return fail(Kind::kInvalid, making.where + ": the program metric needs a command",
                "{ kind = \"program\", command = [\"python3\", \"check.py\"] }");
  spec.folder = making.folder;
  std::vector<std::string> names;
  if (const Json* env = making.spec.find("env"); env != nullptr && env->is_array()) {
    for (const Json& name : env->as_array()) {
      if (name.is_string()) names.push_back(name.as_string());
    }
  }
  spec.environment = io::child_environment(names);
  const Json* network = making.spec.find("network");
  spec.network = network != nullptr && network->is_bool() && network->as_bool();
  return std::make_unique<ProgramMetric>(making, std::move(spec));
}

struct Parameter {
  std::string name;
  std::string_view must_be;
  bool (*fits)(const Json&);
};

bool anything(const Json&) {
  return true;
}
bool is_switch(const Json& value) {
  return value.is_bool();
}
bool is_tolerance(const Json& value) {
  return value.is_number() && value.to_double().value_or(-1) >= 0;
}
bool is_schema(const Json& value) {
  return value.is_string() || value.is_object() || value.is_bool();
}
bool is_words(const Json& value) {
  return value.is_array() && std::all_of(value.as_array().begin(), value.as_array().end(),
                                         [](const Json& word) { return word.is_string(); });
}

struct MetricKind {
  std::string_view name;
  Made (*make)(const Making&);
  std::vector<Parameter> parameters;

  Status check(const Making& making) const {
    for (const auto& [key, value] : making.spec.as_object()) {
      if (key == "kind") continue;
      const std::string& wanted = key;
      const auto known = std::find_if(parameters.begin(), parameters.end(),
                                      [&](const Parameter& p) { return p.name == wanted; });
      if (known == parameters.end()) {
        std::vector<std::string> names;
        for (const Parameter& parameter : parameters) names.push_back(parameter.name);
        return fail(Kind::kInvalid,
                    fmt::format("{}: the metric '{}' has no '{}'", making.where, name, key),
                    did_you_mean(key, names));
      }
      if (!known->fits(value)) {
        return fail(Kind::kInvalid, fmt::format("{}: '{}' of the metric '{}' must be {}",
                                                making.where, key, name, known->must_be));
      }
    }
    return {};
  }
};

const std::vector<MetricKind>& kinds() {
  const Parameter value{"value", "", anything};
  const Parameter tolerance{"tolerance", "a number, 0 or more", is_tolerance};
  static const std::vector<MetricKind> table{
      {"exact", [](const Making& m) -> Made { return std::make_unique<Exact>(m); }, {value}},
      {"contains",
       [](const Making& m) -> Made { return std::make_unique<Contains>(m); },
       {value, {"ignore_case", "true or false", is_switch}}},
      {"regex", make_regex, {value}},
      {"number",
       [](const Making& m) -> Made { return std::make_unique<NumberMetric>(m, false); },
       {value, tolerance}},
      {"final_number",
       [](const Making& m) -> Made { return std::make_unique<NumberMetric>(m, true); },
       {value, tolerance}},
      {"json_schema",
       make_schema,
       {value, {"schema", "the name of a file or a schema itself", is_schema}}},
      {"program",
       make_program,
       {{"command", "a list of strings, the program first", is_words},
        {"env", "a list of names of variables", is_words},
        {"network", "true or false", is_switch}}},
  };
  return table;
}

// A metric is the files that it names too: another check.py is another metric.
Digest digest_of(const Json& spec, const std::string& folder) {
  Sha256 sum;
  sum.field(json_canonical(spec));
  const auto add_file = [&](const Json& name) {
    if (!name.is_string()) return;
    const Result<std::string> file =
        read_file(folder + "/" + name.as_string(), limits::kConfigBytesMax);
    if (file) sum.field(*file);
  };
  if (const Json* schema = spec.find("schema")) add_file(*schema);
  if (const Json* command = spec.find("command"); command != nullptr && command->is_array()) {
    for (const Json& word : command->as_array()) add_file(word);
  }
  return sum.finish();
}

}  // namespace

const std::vector<std::string>& metric_kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const MetricKind& kind : kinds()) list.emplace_back(kind.name);
    return list;
  }();
  return names;
}

Result<std::unique_ptr<Metric>> make_metric(const Json& given, const std::string& where,
                                            const std::string& folder, io::Core& core, Log& log) {
  const Json spec = given.is_string() ? Json::object({{"kind", given}}) : given;
  const std::string* name = spec.find_string("kind");
  if (name == nullptr)
    return fail(Kind::kInvalid, where + ": the metric has no kind",
                "metric = \"exact\" or { kind = \"contains\", value = \"...\" }");
  for (const MetricKind& kind : kinds()) {
    if (kind.name != *name) continue;
    const Making making{spec, where, folder, core, log, digest_of(spec, folder)};
    if (Status fits = kind.check(making); !fits) return std::unexpected(fits.error());
    return kind.make(making);
  }
  return fail(Kind::kInvalid, fmt::format("{}: there is no metric '{}'", where, *name),
              did_you_mean(*name, metric_kinds()));
}

}  // namespace sighter::ready
