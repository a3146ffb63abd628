#pragma once
// A file of cases: inputs with what is expected of the output. The file stays on the disk; only the
// places of its rows are kept (24 bytes a case), so a million cases are no burden.
//
// JSON Lines: {"input": ..., "expect": ..., "id": ..., "cluster": ..., "tags": {...}}, or flat rows
// whose other members are the input. CSV, TSV: a header line, then one row a case. `expected`,
// `target`, `ideal`, `label` and `answer` are read as `expect`. Beside `input` any other name is an
// error, and so is a value of a wrong type; a null is as if it were not there.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"

namespace sighter::functions {

struct Case {
  std::string id;  // as given, else "line 12"
  Json input;      // as given; the contract has not seen it yet
  std::optional<Json> expect;
  std::string cluster;  // cases of one conversation, document or customer; may be empty
  Json tags;            // an object or null
  std::int64_t line = 0;
};

struct CaseColumns {
  std::vector<std::string> input;  // which columns are input; empty: all but the known others
  std::string expect;              // which column is the expectation; empty: by its name
};

class CaseFile {
 public:
  // Reads the file once and checks every row: kInvalid says file:line:column. Each id occurs once.
  static Result<CaseFile> open(const std::filesystem::path& path, const CaseColumns& columns = {});
  CaseFile(CaseFile&&) noexcept;
  CaseFile& operator=(CaseFile&&) noexcept;
  ~CaseFile();

  std::size_t size() const;
  const std::filesystem::path& path() const;
  // Reads one row again. kIo or kInvalid when the file has been changed meanwhile. Any thread.
  Result<Case> at(std::size_t index) const;
  // Identifies the case among all versions of the file: its id when it has one, else its input.
  std::uint64_t key(std::size_t index) const;
  // 0 for no cluster.
  std::uint64_t cluster(std::size_t index) const;
  bool has_expectations() const;  // every case has one
  std::size_t without_expectation() const;
  // "file:line" of the first case without one; "" when all have one.
  std::string where_without() const;
  // "file:line:column" of a part of the case: "" (where it begins), "expect", "input", or a JSON
  // Pointer into the input: "input/text". Reads the row again; any thread.
  std::string where(std::size_t index, std::string_view part = {}) const;
  const Digest& digest() const;  // of the file's bytes
  // The names of a CSV file's columns, or of the first JSON row's members.
  const std::vector<std::string>& columns() const;

 private:
  struct State;
  explicit CaseFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// cases.jsonl, cases.csv or cases.tsv of a function's folder; nullopt when there is none.
std::optional<std::filesystem::path> find_cases(const std::filesystem::path& folder);

}  // namespace sighter::functions
