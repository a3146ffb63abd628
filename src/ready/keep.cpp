// A function of a first touch as files of a project.

#include <fmt/ranges.h>

#include "base/file.hpp"
#include "ready/first_touch.hpp"

namespace sighter::ready {
namespace {

// A JSON string is a TOML string, but for one control character.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : json_write(Json(text)))
    out += c == 0x7f ? std::string("\\u007F") : std::string(1, c);
  return out;
}

std::string contract_of(const functions::Function& function) {
  std::string fields;
  for (const functions::Field& field : function.input.fields())
    fields += fmt::format("{}{} = \"{}{}\"", fields.empty() ? "" : ", ", quoted(field.name),
                          field.type, field.required ? "" : "?");
  std::string out = fmt::format("input = {{ {} }}\n", fields);
  if (function.output.form() != functions::OutputContract::Form::kLabels)
    return out + "output = \"text\"\n";
  std::vector<std::string> labels;
  for (const std::string& label : function.output.labels()) labels.push_back(quoted(label));
  return out + fmt::format("output = {{ labels = [{}] }}\n", fmt::join(labels, ", "));
}

std::string variant_of(const functions::Variant& variant) {
  std::string out = fmt::format("\n[variants.{}]\n", variant.name);
  if (const auto* learned = std::get_if<functions::LearnedBody>(&variant.body))
    return out + fmt::format("kind = \"learned\"\nlearner = \"{}\"\n",
                             learn::to_string(learned->options.learner));
  const auto& prompt = std::get<functions::PromptBody>(variant.body);
  out +=
      fmt::format("kind = \"prompt\"\nmodel = {}\nsystem = \"system.md\"\n", quoted(prompt.model));
  if (prompt.examples > 0)
    out += fmt::format("examples = {}  # the most similar cases, never the judged one\n",
                       prompt.examples);
  return out;
}

std::string toml_of(const functions::Function& function) {
  const functions::Bar& bar = *function.bar;
  std::string out = contract_of(function);
  out += fmt::format("\n[bar]\nmetric = {}\nat_least = {}\nconfidence = {}\n",
                     quoted(bar.metric.as_string()), Json(bar.at_least).to_double().value_or(0.9),
                     bar.confidence);
  for (const functions::Variant& variant : function.variants) out += variant_of(variant);
  return out;
}

// A row a line, whatever the file was.
Result<std::string> cases_of(const functions::Function& function) {
  Result<functions::CaseFile> cases =
      functions::CaseFile::open(function.cases, function.case_columns);
  if (!cases) return std::unexpected(cases.error());
  std::string out;
  for (std::size_t i = 0; i < cases->size(); ++i) {
    Result<functions::Case> row = cases->at(i);
    if (!row) return std::unexpected(row.error());
    Json line = Json::object();
    if (!row->id.starts_with("line ")) line.as_object().set("id", row->id);
    line.as_object().set("input", std::move(row->input));
    if (row->expect) line.as_object().set("expect", std::move(*row->expect));
    if (!row->cluster.empty()) line.as_object().set("cluster", row->cluster);
    if (row->tags.is_object()) line.as_object().set("tags", std::move(row->tags));
    out += json_write(line) + "\n";
  }
  return out;
}

Status write_all(const functions::Function& function, const std::filesystem::path& folder) {
  Result<std::string> cases = cases_of(function);
  if (!cases) return std::unexpected(cases.error());
  if (Status made = make_folders(folder); !made) return made;
  if (Status made = create_file(folder / "cases.jsonl", *cases); !made) return made;
  if (Status made = create_file(folder / "system.md", plain_instructions(function)); !made)
    return made;
  return create_file(folder / "function.toml", toml_of(function));
}

}  // namespace

Result<functions::Function> keep(const functions::Function& function,
                                 const std::filesystem::path& folder) {
  std::error_code code;
  if (std::filesystem::exists(folder, code))
    return fail(Kind::kConflict, fmt::format("{} is there already", folder.string()),
                "keep it under another name: --keep NAME");
  Status written = write_all(function, folder);
  if (written) {
    Result<functions::Function> read = functions::read_function(folder, folder.filename().string());
    if (read) return read;
    written = std::unexpected(read.error());
  }
  std::filesystem::remove_all(folder, code);
  return std::unexpected(written.error());
}

}  // namespace sighter::ready
