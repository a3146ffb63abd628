#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/similar.hpp"
#include "base/toml.hpp"
#include "functions/cases.hpp"
#include "functions/function.hpp"
#include "functions/function_templates.hpp"
#include "functions/requests.hpp"
#include "text/verbs.hpp"

namespace sighter::functions {
namespace {

// One function.toml on its way to a Function.
struct Reader {
  Function function;
  std::optional<Error> error;  // of a template, with its own place

  void meanings(const TomlTable& table);
  void bar(const TomlTable& table);
  void run(const TomlTable& table);
  CodeBody code(const TomlTable& table, Sha256& digest);
  LearnedBody learned(const TomlTable& table, const std::string& name, Sha256& digest);
  PromptBody prompt(const TomlTable& table, Sha256& digest);
  CascadeBody cascade(const TomlTable& table, Sha256& digest);
  void variant(const TomlTable& table, const std::string& name);
  void check_cascades(const TomlTable& variants);
};

void field(Sha256& digest, std::string_view name, std::string_view value) {
  digest.field(name).field(value);
}

// A key that must be there and is not; perhaps under a name that is nearly its own.
void missing(const TomlTable& table, const std::string& key, std::string what, std::string hint) {
  const std::string near = closest(key, table.keys());
  static_cast<void>(table.json(near));  // so that it is not told as an unknown key, too
  if (!near.empty()) hint = fmt::format("did you mean '{}' by '{}'?", key, near);
  table.mistake(near, std::move(what), std::move(hint));
}

// What each label stands for: all of them, or none.
void Reader::meanings(const TomlTable& table) {
  if (!table.present()) return;
  const std::vector<std::string>& labels = function.output.labels();
  for (const std::string& key : table.keys()) {
    if (std::find(labels.begin(), labels.end(), key) == labels.end())
      table.mistake(key, fmt::format("'{}' is not one of the labels", key),
                    did_you_mean(key, labels));
  }
  for (const std::string& label : labels) {
    if (!table.has(label))
      table.mistake("", fmt::format("the label '{}' has no meaning", label),
                    "give each label a few words, or none of them");
    function.meanings.push_back(table.string(label, ""));
  }
}

void Reader::bar(const TomlTable& table) {
  if (!table.present()) return;
  Bar bar;
  bar.metric = table.json("metric").value_or(Json("exact"));
  bar.where = table.where("metric");
  if (!bar.metric.is_string() && !bar.metric.is_object()) {
    table.mistake("metric", "'metric' must be a word or a table", "metric = \"exact\"");
  }
  bar.at_least = table.number("at_least", 0.0, 1.0).value_or(bar.at_least);
  bar.confidence = table.number("confidence", 0.5, 0.999999).value_or(bar.confidence);
  bar.max_usd_per_1k = table.number("max_usd_per_1k", 0.0, 1e9);
  bar.max_p95_ms = table.number("max_p95_ms", 0.0, 1e9);
  function.bar = std::move(bar);
}

void Reader::run(const TomlTable& table) {
  if (const auto usd = table.number("budget_usd", 0.0, 1e9))
    function.budget = NanoUsd::from_usd(*usd);
  if (const auto parallel = table.integer("parallel", 1, 100'000))
    function.parallel = static_cast<int>(*parallel);
}

CodeBody Reader::code(const TomlTable& table, Sha256& digest) {
  CodeBody body;
  body.command = table.strings("command");
  if (!table.has("command"))
    missing(table, "command", "a code body needs 'command'",
            "command = [\"python3\", \"rules.py\"]");
  else if (body.command.empty() || body.command.front().empty())
    table.mistake("command", "'command' names no program");
  if (const auto seconds = table.number("timeout_s", 0.001, 86'400.0)) {
    body.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000.0));
  }
  body.network = table.boolean("network").value_or(false);
  body.environment = table.strings("env");
  body.workers = static_cast<int>(table.integer("workers", 0, 1024).value_or(0));
  const auto limit = [&](const char* name, std::uint64_t unit, std::uint64_t& value) {
    if (const auto most = table.integer(name, 1, 1 << 20))
      value = static_cast<std::uint64_t>(*most) * unit;
  };
  limit("memory_mb", 1 << 20, body.limits.memory_bytes);
  limit("file_mb", 1 << 20, body.limits.file_bytes);
  limit("open_files", 1, body.limits.open_files);
  for (const std::string& word : body.command) digest.field(word);
  for (const std::string& name : body.environment) field(digest, "env", name);
  field(digest, "network", body.network ? "yes" : "no");
  return body;
}

LearnedBody Reader::learned(const TomlTable& table, const std::string& name, Sha256& digest) {
  LearnedBody body;
  const auto learner = table.word("learner", {"majority", "nearest", "linear"});
  if (!table.has("learner"))
    missing(table, "learner", "a learned body needs 'learner'",
            "learner = \"linear\", \"nearest\" or \"majority\"");
  if (const auto kind = learn::learner_from(learner.value_or("linear")))
    body.options.learner = *kind;
  const auto features = table.word("features", {"lexical", "embedding"});
  if (const auto kind = learn::features_from(features.value_or("lexical")))
    body.options.features = *kind;
  body.embedding_model = table.string("embedding_model", "");
  const bool embeds = body.options.features == learn::FeatureKind::kEmbedding &&
                      body.options.learner != learn::LearnerKind::kMajority;
  if (embeds && body.embedding_model.empty()) {
    table.mistake("features", "embedding features need 'embedding_model'",
                  "name one of [models] in sighter.toml");
  }
  body.folds = static_cast<int>(table.integer("folds", 2, 1000).value_or(body.folds));
  body.options.neighbours = static_cast<int>(table.integer("neighbours", 1, 1000).value_or(0));
  body.options.epochs = static_cast<int>(table.integer("epochs", 1, 1000).value_or(0));
  body.options.seed = static_cast<std::uint64_t>(table.integer("seed", 0, INT64_MAX).value_or(1));
  if (const auto artifact = table.string("artifact")) {
    body.artifact = function.folder / *artifact;
    std::error_code code;
    if (!std::filesystem::exists(body.artifact, code))
      table.mistake("artifact", fmt::format("there is no file {}", body.artifact.string()));
  } else {
    std::error_code code;
    const std::filesystem::path beside = function.folder / (name + ".model");
    if (std::filesystem::exists(beside, code)) body.artifact = beside;
  }
  if (function.output.form() != OutputContract::Form::kLabels) {
    table.mistake(
        "kind",
        "a learned body answers with labels, but the function's output is not a list of labels",
        "output = { labels = [...] }");
  }
  field(digest, learn::to_string(body.options.learner), learn::to_string(body.options.features));
  field(digest, body.embedding_model,
        fmt::format("{} {} {} {}", body.folds, body.options.neighbours, body.options.epochs,
                    body.options.seed));
  if (!body.artifact.empty()) {
    if (Result<std::string> bytes = read_file(body.artifact, limits::kRequestBytesMax * 16))
      digest.field(*bytes);
  }
  return body;
}

// The parameters of a request, checked for type and range, kept with the numbers as written.
Json read_parameters(const TomlTable& table) {
  Json parameters = Json::object();
  const auto keep = [&](const char* name) {
    if (table.has(name)) parameters.as_object().set(name, table.json(name).value_or(Json()));
  };
  table.number("temperature", 0.0, 2.0);
  table.number("top_p", 0.0, 1.0);
  table.number("min_p", 0.0, 1.0);
  table.integer("top_k", 0, 1'000'000);
  table.integer("max_tokens", 1, 10'000'000);
  table.integer("seed", INT64_MIN, INT64_MAX);
  table.number("presence_penalty", -2.0, 2.0);
  table.number("frequency_penalty", -2.0, 2.0);
  table.word("reasoning_effort", {"none", "minimal", "low", "medium", "high", "xhigh", "max"});
  for (const char* name : {"temperature", "top_p", "min_p", "top_k", "max_tokens", "seed",
                           "presence_penalty", "frequency_penalty", "reasoning_effort"})
    keep(name);
  if (table.is_string("stop")) {
    parameters.as_object().set("stop", Json::array({table.string("stop", "")}));
  } else if (table.has("stop")) {
    Json words = Json::array();
    for (std::string& word : table.strings("stop")) words.as_array().push_back(std::move(word));
    parameters.as_object().set("stop", std::move(words));
  }
  return parameters;
}

PromptBody Reader::prompt(const TomlTable& table, Sha256& digest) {
  PromptBody body;
  body.model = table.string("model", "");
  if (body.model.empty())
    table.mistake(table.has("model") ? "model" : "", "a prompt body needs 'model'",
                  "name one of [models] in sighter.toml, or \"provider/model\"");
  TemplateReading reading{function.folder, &function.input, &digest, std::nullopt};
  body.system = read_template(table, "system", reading);
  body.user = read_template(table, "user", reading);
  if (reading.error && !error) error = reading.error;
  if (table.is_array("examples")) {
    body.example_ids = table.strings("examples");
    body.examples = static_cast<int>(body.example_ids.size());
    body.choice = ExampleChoice::kFixed;
  } else {
    body.examples = static_cast<int>(table.integer("examples", 0, 10'000).value_or(0));
  }
  const auto choice = table.word("example_choice", {"similar", "random", "fixed"});
  if (choice == "random") body.choice = ExampleChoice::kRandom;
  if (choice == "similar") body.choice = ExampleChoice::kSimilar;
  if (choice == "fixed") body.choice = ExampleChoice::kFixed;
  if (!body.example_ids.empty()) body.choice = ExampleChoice::kFixed;
  if (body.examples > 0 && function.cases.empty())
    table.mistake("examples", "the function has no cases to take examples from",
                  "add cases.jsonl to its folder");
  if (const auto word = table.word("scoring", local::label_scoring_words())) {
    body.scoring = local::label_scoring_from(*word);
    if (function.output.form() != OutputContract::Form::kLabels)
      table.mistake("scoring", "'scoring' is for functions whose output is a list of labels");
  }
  const std::vector<std::string> words{"auto", "strict", "tool", "json", "none"};
  if (const auto word = table.word("structured", words)) {
    const auto found = std::find(words.begin(), words.end(), *word);
    if (found != words.end()) body.structured = static_cast<Structured>(found - words.begin());
  }
  body.repair = table.boolean("repair").value_or(true);
  body.tools = table.strings("tools");
  body.tool_turns = static_cast<int>(
      table.integer("tool_turns", 1, limits::kToolTurnsMax).value_or(body.tool_turns));
  body.parameters = read_parameters(table);
  field(digest, "model", body.model);
  field(digest, "examples",
        fmt::format("{} {} {}", body.examples, static_cast<int>(body.choice),
                    fmt::join(body.example_ids, "\n")));
  field(digest, "answer",
        fmt::format("{} {} {}", body.scoring ? local::to_string(*body.scoring) : "",
                    static_cast<int>(body.structured), body.repair));
  field(digest, "tools", fmt::format("{} {}", body.tool_turns, fmt::join(body.tools, "\n")));
  field(digest, "parameters", json_canonical(body.parameters));
  body.extras = models::read_extras(table);
  add_extras(digest, body.extras);
  return body;
}

CascadeBody Reader::cascade(const TomlTable& table, Sha256& digest) {
  CascadeBody body;
  body.steps = table.strings("steps");
  if (body.steps.empty())
    table.mistake(table.has("steps") ? "steps" : "", "a cascade needs 'steps'",
                  "steps = [\"cheap\", \"dear\"]");
  body.threshold = table.number("threshold", 0.0, 1.0);
  body.max_disagreement =
      table.number("max_disagreement", 0.000001, 0.999999).value_or(body.max_disagreement);
  if (body.threshold && table.has("max_disagreement"))
    table.mistake("threshold", "'threshold' and 'max_disagreement' say the same thing twice",
                  "keep one of them");
  digest.field(fmt::format("{} {} {}", fmt::join(body.steps, "\n"), body.threshold.value_or(-1),
                           body.max_disagreement));
  return body;
}

void Reader::variant(const TomlTable& table, const std::string& name) {
  const std::vector<std::string> kinds{"code", "learned", "prompt", "cascade"};
  if (!table.has("kind")) {
    missing(table, "kind", fmt::format("the variant '{}' has no 'kind'", name),
            fmt::format("kind = one of: {}", fmt::join(kinds, ", ")));
    return;
  }
  const std::optional<std::string> kind = table.word("kind", kinds);
  Variant variant;
  variant.name = name;
  variant.where = table.where();
  Sha256 digest;
  digest.field(kind.value_or(""));
  for (const std::string& label : function.output.labels()) digest.field(label);
  if (kind == "prompt")
    for (const std::string& meaning : function.meanings) digest.field(meaning);
  if (const text::Schema* schema = function.output.schema())
    digest.field(json_canonical(schema->json()));
  if (kind == "code")
    variant.body = code(table, digest);
  else if (kind == "learned")
    variant.body = learned(table, name, digest);
  else if (kind == "prompt")
    variant.body = prompt(table, digest);
  else if (kind == "cascade")
    variant.body = cascade(table, digest);
  else
    return;
  variant.digest = digest.finish();
  function.variants.push_back(std::move(variant));
}

// Steps exist, lead to no cycle, and each but the last says how sure it must be. The digest of a
// cascade covers its steps'.
void Reader::check_cascades(const TomlTable& variants) {
  std::set<std::string> open;
  std::set<std::string> done;
  std::vector<std::string> names;
  for (const Variant& variant : function.variants) names.push_back(variant.name);
  const auto visit = [&](const auto& self, Variant& variant) -> void {
    auto* cascade = std::get_if<CascadeBody>(&variant.body);
    if (cascade == nullptr || done.contains(variant.name)) return;
    const TomlTable table = variants.table(variant.name);
    if (!open.insert(variant.name).second) {
      table.mistake("steps", fmt::format("the cascade '{}' leads back to itself", variant.name));
      return;
    }
    Sha256 digest;
    digest.field(hex(variant.digest));
    for (std::size_t i = 0; i < cascade->steps.size(); ++i) {
      const std::string& step = cascade->steps[i];
      const auto found = std::find_if(function.variants.begin(), function.variants.end(),
                                      [&](const Variant& v) { return v.name == step; });
      if (found == function.variants.end()) {
        if (!variants.has(step))
          table.mistake("steps", fmt::format("there is no variant '{}'", step),
                        did_you_mean(step, names));
        continue;
      }
      self(self, *found);
      digest.field(hex(found->digest));
      const auto* learned = std::get_if<LearnedBody>(&found->body);
      // With an artifact too: its body is judged by models fitted to the cases' folds.
      const bool can_choose = learned != nullptr && !function.cases.empty();
      if (i + 1 < cascade->steps.size() && !cascade->threshold && !can_choose) {
        table.mistake(
            "steps",
            fmt::format("how sure '{}' must be cannot be chosen from the cases: {}", step,
                        learned == nullptr ? "it can of learned bodies alone" : "there are none"),
            "set 'threshold', a confidence from 0 to 1");
      }
    }
    variant.digest = digest.finish();
    open.erase(variant.name);
    done.insert(variant.name);
  };
  for (Variant& variant : function.variants) visit(visit, variant);
}

Status check_name(const std::string& name, const std::filesystem::path& path) {
  const bool good =
      !name.empty() && name.size() <= 64 &&
      std::all_of(name.begin(), name.end(),
                  [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; }) &&
      name.front() != '-';
  if (!good)
    return fail(Kind::kInvalid,
                fmt::format("{}: '{}' cannot be the name of a function", path.string(), name),
                "letters, digits, '_' and '-', at most 64");
  if (text::is_reserved_name(name))
    return fail(Kind::kInvalid,
                fmt::format("{}: '{}' is a command of sighter and cannot be the name of a function",
                            path.string(), name),
                "rename the folder");
  return {};
}

}  // namespace

Result<Function> read_function(const std::filesystem::path& folder, std::string name) {
  const std::filesystem::path path = folder / "function.toml";
  if (Status good = check_name(name, path); !good) return std::unexpected(good.error());
  Result<std::string> text = read_text_file(path, limits::kConfigBytesMax);
  if (!text) return std::unexpected(text.error());
  auto document = toml_parse(*text, path.string());
  if (!document) return std::unexpected(document.error());
  const TomlTable root = (*document)->root();
  Reader reader;
  Function& function = reader.function;
  function.name = std::move(name);
  function.folder = folder;
  function.cases = find_cases(folder).value_or(std::filesystem::path());
  function.description = root.string("description", "");
  function.input = parse_input(root, folder);
  function.output = parse_output(root, folder);
  reader.meanings(root.table("meanings"));
  reader.bar(root.table("bar"));
  reader.run(root.table("run"));
  const TomlTable variants = root.table("variants");
  for (const std::string& key : variants.keys()) reader.variant(variants.table(key), key);
  reader.check_cascades(variants);
  if (Status good = (*document)->finish(); !good) return std::unexpected(good.error());
  if (reader.error) return std::unexpected(*reader.error);
  return std::move(reader.function);
}

}  // namespace sighter::functions
