#include "functions/cases.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "base/json_place.hpp"
#include "base/limits.hpp"
#include "base/similar.hpp"
#include "base/text_position.hpp"
#include "base/utf8.hpp"
#include "functions/csv.hpp"

namespace sighter::functions {
namespace {

constexpr std::array<std::string_view, 6> kExpectNames{"expect", "expected", "target",
                                                       "ideal",  "label",    "answer"};

bool is_expect_name(std::string_view name) {
  return std::find(kExpectNames.begin(), kExpectNames.end(), name) != kExpectNames.end();
}

bool ends_with_any(const std::string& name, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

bool is_side_name(std::string_view name) {
  return name == "id" || name == "cluster" || name == "tags";
}

// Files that people take for a table or for rows of text: what they are, and what to do.
std::optional<Error> not_rows(std::string_view begin, const std::filesystem::path& path) {
  struct Magic {
    std::string_view bytes, what, hint;
  };
  constexpr std::string_view kExport = "export the sheet as CSV (Save As, CSV UTF-8) and use that";
  const std::array<Magic, 6> known{{
      {"PK\x03\x04", "an Excel, OpenDocument or ZIP file", kExport},
      {"\xD0\xCF\x11\xE0", "an old Excel or Word file", kExport},
      {"%PDF-", "a PDF file", "write the cases as CSV or JSON Lines"},
      {"\x1F\x8B", "a gzip file", "unpack it with gunzip first"},
      {"PAR1", "a Parquet file", "export it as CSV or JSON Lines"},
      {"SQLite format 3", "an SQLite database", "export the table as CSV"},
  }};
  for (const Magic& one : known) {
    if (begin.starts_with(one.bytes))
      return Error{Kind::kInvalid, fmt::format("{}:1:1: this is {}", path.string(), one.what),
                   std::string(one.hint)};
  }
  if (begin.starts_with("\xFF\xFE") || begin.starts_with("\xFE\xFF"))
    return Error{Kind::kInvalid, fmt::format("{}:1:1: this is UTF-16 text", path.string()),
                 "save the file as UTF-8"};
  return std::nullopt;
}

std::string id_text(const Json& id) {
  return id.is_string() ? id.as_string() : json_write(id);
}

constexpr std::size_t kPassBytes = 4u << 20;  // a multiple of any page's size

// A read-only view of the whole file for the one pass of open().
class Mapping {
 public:
  Mapping(int fd, std::size_t size) : size_(size) {
    if (size > 0) data_ = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (size > 0 && data_ != MAP_FAILED) ::madvise(data_, size, MADV_SEQUENTIAL);
  }
  ~Mapping() {
    if (size_ > 0 && data_ != MAP_FAILED) ::munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  bool ok() const { return data_ != MAP_FAILED; }
  std::string_view text() const { return {static_cast<const char*>(data_), size_}; }
  // What was read needs no memory any more; `from` and `to` are multiples of kPassBytes.
  void passed(std::size_t from, std::size_t to) const {
    ::madvise(static_cast<char*>(data_) + from, to - from, MADV_DONTNEED);
  }

 private:
  void* data_ = nullptr;
  std::size_t size_;
};

struct Row {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t line : 31 = 0;
  std::uint32_t own_id : 1 = 0;
  std::uint64_t key = 0;
};

}  // namespace

struct CaseFile::State {
  std::filesystem::path path;
  int fd = -1;
  bool csv = false;
  char separator = ',';
  std::vector<std::string> columns;
  CaseColumns wanted;
  std::vector<Row> rows;
  std::vector<std::uint64_t> clusters;  // empty while no case has one
  std::size_t without = 0;
  std::int64_t first_without = 0;          // its line
  std::vector<std::string> header_places;  // of a CSV file's columns
  Digest digest{};

  ~State() {
    if (fd >= 0) ::close(fd);
  }
  std::string where(std::int64_t line) const { return fmt::format("{}:{}", path.string(), line); }
  // Of a member of a row: of its name, or of its value.
  std::string where(std::string_view text, std::int64_t line, std::string_view pointer,
                    JsonPart part) const;
  Result<std::string> bytes(const Row& row) const;
  Result<Case> read(const Row& row) const;
  Result<Case> parse(std::string_view text, std::int64_t line) const;
  Result<Case> from_json(Json row, std::string_view text, std::int64_t line) const;
  bool is_expectation(std::string_view name, const JsonObject& row) const;
  std::unexpected<Error> unknown(std::string_view name, const Json& value, std::string_view text,
                                 std::int64_t line) const;
  Status read_header(std::string_view row, std::int64_t line);
  Result<Json> csv_row(std::string_view text, std::int64_t line) const;
  Status add(std::string_view text, std::uint64_t offset, std::int64_t line);
  Status scan(const Mapping& mapping);
  Status tell_apart();
};

Result<Json> CaseFile::State::csv_row(std::string_view text, std::int64_t line) const {
  Result<std::vector<std::string>> fields = split_record(text, separator, path.string(), line);
  if (!fields) return std::unexpected(fields.error());
  if (fields->size() != columns.size()) {
    std::vector<std::size_t> begins;
    static_cast<void>(split_record(text, separator, path.string(), line, &begins));
    const bool more = begins.size() > columns.size();
    const std::size_t place = more ? begins[columns.size()] : text.size();
    return fail(
        Kind::kInvalid,
        fmt::format("{}: {} fields, but the header has {}",
                    record_place(text, place, path.string(), line), fields->size(), columns.size()),
        more ? "quote fields that hold the separator"
             : fmt::format("write the missing ones, empty if need be: '{}' separates them",
                           separator));
  }
  JsonObject row;
  for (std::size_t i = 0; i < columns.size(); ++i)
    row.append(columns[i], Json(std::move((*fields)[i])));
  return Json(std::move(row));
}

std::string CaseFile::State::where(std::string_view text, std::int64_t line,
                                   std::string_view pointer, JsonPart part) const {
  if (!csv) {
    TextPosition position = json_position(text, pointer, part);
    position.line += line - 1;
    return sighter::at(path.string(), position);
  }
  std::vector<std::size_t> begins;
  const bool good = split_record(text, separator, path.string(), line, &begins).has_value();
  for (std::size_t i = 0; good && i < std::min(columns.size(), begins.size()); ++i) {
    if (pointer.starts_with('/') && columns[i] == pointer.substr(1))
      return record_place(text, begins[i], path.string(), line);
  }
  return record_place(text, 0, path.string(), line);
}

bool CaseFile::State::is_expectation(std::string_view name, const JsonObject& row) const {
  if (!wanted.expect.empty()) return name == wanted.expect;
  return name == "expect" || (is_expect_name(name) && !row.contains("expect"));
}

// A name beside `input` that means nothing, or a known one with a value that it cannot have.
std::unexpected<Error> CaseFile::State::unknown(std::string_view name, const Json& value,
                                                std::string_view text, std::int64_t line) const {
  const std::string pointer = fmt::format("/{}", name);
  if (name == "id" || name == "cluster" || name == "tags") {
    return fail(
        Kind::kInvalid,
        fmt::format("{}: '{}' must be {}, not {}", where(text, line, pointer, JsonPart::kValue),
                    name, name == "tags" ? "an object" : "a string or a number", value.type_name()),
        name == "tags" ? "{\"tags\": {\"lang\": \"en\"}}"
                       : fmt::format("{{\"{}\": \"a7\"}}", name));
  }
  std::vector<std::string> names{"input", "id", "cluster", "tags"};
  names.insert(names.end(), kExpectNames.begin(), kExpectNames.end());
  const auto column = std::find(columns.begin(), columns.end(), name);
  const std::size_t index = static_cast<std::size_t>(column - columns.begin());
  const std::string place = csv && index < header_places.size()
                                ? header_places[index]
                                : where(text, line, pointer, JsonPart::kName);
  const std::string near = closest(name, names);
  return fail(
      Kind::kInvalid,
      fmt::format("{}: unknown {} '{}' beside 'input'", place, csv ? "column" : "member", name),
      !near.empty() ? fmt::format("did you mean '{}'?", near)
                    : "known: input, expect, id, cluster, tags; what the function reads goes "
                      "into input, what describes the case into tags");
}

Result<Case> CaseFile::State::from_json(Json row, std::string_view text, std::int64_t line) const {
  if (!row.is_object())
    return fail(Kind::kInvalid,
                fmt::format("{}: a case must be an object, not {}",
                            where(text, line, "", JsonPart::kValue), row.type_name()),
                "{\"input\": {...}, \"expect\": ...}");
  Case result;
  result.line = line;
  JsonObject rest;
  std::string expect_name;
  const bool shaped = row.as_object().contains("input") && wanted.input.empty();
  for (auto& [name, value] : row.as_object()) {
    if (is_expectation(name, row.as_object())) {
      if (result.expect)
        return fail(Kind::kInvalid,
                    fmt::format("{}: both '{}' and '{}' could be the expectation",
                                where(text, line, "/" + name, JsonPart::kName), expect_name, name),
                    "keep one of them, or name one with --expect");
      expect_name = name;
      result.expect = value;
    } else if (name == "id" && (value.is_string() || value.is_number())) {
      result.id = id_text(value);
    } else if (name == "cluster" && (value.is_string() || value.is_number())) {
      result.cluster = id_text(value);
    } else if (name == "tags" && value.is_object()) {
      result.tags = value;
    } else if (name == "input" && shaped) {
      result.input = value;
    } else if (value.is_null() && is_side_name(name)) {
      continue;
    } else if (shaped) {
      return unknown(name, value, text, line);
    } else {
      rest.append(name, std::move(value));
    }
  }
  if (result.id.empty()) result.id = fmt::format("line {}", line);
  if (shaped) return result;
  if (!wanted.input.empty()) {
    JsonObject chosen;
    for (const std::string& name : wanted.input) {
      Json* value = rest.find(name);
      if (value == nullptr)
        return fail(
            Kind::kInvalid,
            fmt::format("{}: the row has no '{}'", where(text, line, "", JsonPart::kValue), name),
            fmt::format("give it one, or leave '{}' out of --input", name));
      chosen.append(name, std::move(*value));
    }
    rest = std::move(chosen);
  }
  if (rest.empty())
    return fail(Kind::kInvalid,
                fmt::format("{}: the row has no input", where(text, line, "", JsonPart::kValue)),
                "{\"input\": {...}, \"expect\": ...}");
  result.input = Json(std::move(rest));
  return result;
}

Result<Case> CaseFile::State::parse(std::string_view text, std::int64_t line) const {
  Result<Json> row = csv ? csv_row(text, line) : json_parse(text, path.string(), line);
  if (!row) return std::unexpected(row.error());
  return from_json(std::move(*row), text, line);
}

Status CaseFile::State::add(std::string_view text, std::uint64_t offset, std::int64_t line) {
  if (text.size() > limits::kLineBytesMax)
    return fail(Kind::kTooLarge,
                fmt::format("{}: the row is longer than {} bytes",
                            record_place(text, limits::kLineBytesMax, path.string(), line),
                            limits::kLineBytesMax),
                "shorten it; is a quote not closed, or are the line ends missing?");
  if (const auto bad = find_invalid_utf8(text)) {
    return fail(
        Kind::kInvalid,
        fmt::format("{}: bytes that are not UTF-8", record_place(text, *bad, path.string(), line)),
        "save the file as UTF-8");
  }
  if (const std::size_t nul = text.find('\0'); nul != text.npos && csv) {
    return fail(Kind::kInvalid,
                fmt::format("{}: a NUL byte", record_place(text, nul, path.string(), line)),
                "save the file as UTF-8 text");
  }
  if (columns.empty() && !csv) {
    Result<Json> first = json_parse(text, path.string(), line);
    if (first && first->is_object()) {
      for (const auto& [name, value] : first->as_object()) columns.push_back(name);
    }
  }
  Result<Case> parsed = parse(text, line);
  if (!parsed) return std::unexpected(parsed.error());
  const bool own_id = !parsed->id.starts_with("line ");
  const std::uint64_t key =
      own_id ? hash64(parsed->id, 1) : hash64(json_canonical(parsed->input), 2);
  if (!parsed->expect && without++ == 0) first_without = line;
  if (!parsed->cluster.empty() && clusters.empty()) clusters.resize(rows.size(), 0);
  if (!parsed->cluster.empty() || !clusters.empty())
    clusters.push_back(parsed->cluster.empty() ? 0 : hash64(parsed->cluster, 3) | 1);
  Row row;
  row.offset = offset;
  row.length = static_cast<std::uint32_t>(text.size());
  row.line = static_cast<std::uint32_t>(line) & 0x7fffffffu;
  row.own_id = own_id ? 1 : 0;
  row.key = key;
  rows.push_back(row);
  return {};
}

// The same input twice without ids is two cases; a second id is a mistake. By sorting: a table of
// what was seen would be larger than all that is kept.
Status CaseFile::State::tell_apart() {
  std::vector<std::uint32_t> sorted(rows.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::ranges::sort(sorted, {}, [&](std::uint32_t i) { return std::pair(rows[i].key, i); });
  std::optional<std::pair<std::uint32_t, std::uint32_t>> twice;  // second and first, in the file
  for (std::size_t i = 1, first = 0; i < sorted.size(); ++i) {
    const std::uint32_t second = sorted[i];
    if (rows[second].key != rows[sorted[first]].key) {
      first = i;
    } else if (rows[second].own_id && (!twice || second < twice->first)) {
      twice.emplace(second, sorted[first]);
    }
  }
  if (twice) {
    const Row& row = rows[twice->first];
    const Result<Case> again = read(row);
    const Result<std::string> text = bytes(row);
    return fail(
        Kind::kInvalid,
        fmt::format("{}: the id '{}' was used on line {} already",
                    text ? where(*text, row.line, "/id", JsonPart::kValue) : where(row.line),
                    again ? again->id : std::string(), std::uint32_t{rows[twice->second].line}),
        "give each case an id of its own, or none");
  }
  for (std::size_t i = sorted.size(); i-- > 1;) {
    // From the end, so that the key before is still what it was.
    Row& row = rows[sorted[i]];
    if (row.key == rows[sorted[i - 1]].key)
      row.key = hash64(fmt::format("{}", std::uint32_t{row.line}), row.key);
  }
  return {};
}

Status CaseFile::State::read_header(std::string_view row, std::int64_t line) {
  separator = ends_with_any(path.string(), {".tsv", ".TSV"}) ? '\t' : guess_separator(row);
  std::vector<std::size_t> begins;
  Result<std::vector<std::string>> names =
      split_record(row, separator, path.string(), line, &begins);
  if (!names) return std::unexpected(names.error());
  columns = std::move(*names);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    header_places.push_back(record_place(row, begins[i], path.string(), line));
    if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), columns[i]) !=
        columns.begin() + static_cast<std::ptrdiff_t>(i))
      return fail(Kind::kInvalid,
                  fmt::format("{}: two columns are called '{}'", header_places[i], columns[i]),
                  "give this one another name in the header, or take it away");
  }
  return {};
}

Status CaseFile::State::scan(const Mapping& mapping) {
  const std::string_view text = mapping.text();
  Sha256 sum;
  std::size_t passed = 0;
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  std::int64_t line = 1;
  bool header = csv;
  while (at < text.size()) {
    std::size_t length = csv ? record_length(text.substr(at), header ? '\0' : separator)
                             : std::min(text.find('\n', at), text.size()) - at;
    if (length == text.npos) {
      // Splitting it says where the field begins.
      const std::string_view open = text.substr(at);
      const char by = header ? guess_separator(open.substr(0, open.find('\n'))) : separator;
      const auto split = split_record(open, by, path.string(), line);
      if (!split) return std::unexpected(split.error());
      length = open.size();
    }
    std::string_view row = text.substr(at, length);
    const std::int64_t lines = 1 + (csv ? std::count(row.begin(), row.end(), '\n') : 0);
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (header && !row.empty()) {
      if (Status status = read_header(row, line); !status) return status;
      header = false;
    } else if (row.find_first_not_of(" \t") != row.npos) {
      if (Status status = add(row, at, line); !status) return status;
    }
    at += length + 1;
    line += lines;
    if (at - passed >= 2 * kPassBytes && at <= text.size()) {
      const std::size_t to = at / kPassBytes * kPassBytes;
      sum.add(text.substr(passed, to - passed));
      mapping.passed(passed, to);
      passed = to;
    }
  }
  digest = sum.add(text.substr(passed)).finish();
  return tell_apart();
}

CaseFile::CaseFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
CaseFile::CaseFile(CaseFile&&) noexcept = default;
CaseFile& CaseFile::operator=(CaseFile&&) noexcept = default;
CaseFile::~CaseFile() = default;

Result<CaseFile> CaseFile::open(const std::filesystem::path& path, const CaseColumns& columns) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->wanted = columns;
  state->csv = ends_with_any(path.string(), {".csv", ".tsv", ".CSV", ".TSV"});
  state->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (state->fd < 0 || ::fstat(state->fd, &info) != 0) {
    return fail(errno == ENOENT ? Kind::kNotFound : Kind::kIo,
                fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode))
    return fail(Kind::kInvalid, fmt::format("{} is not a plain file", path.string()));
  const Mapping mapping(state->fd, static_cast<std::size_t>(info.st_size));
  if (!mapping.ok())
    return fail(Kind::kIo, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  if (auto other = not_rows(mapping.text().substr(0, 16), path))
    return std::unexpected(std::move(*other));
  if (Status status = state->scan(mapping); !status) {
    Error error = status.error();
    const std::string kind = path.extension().string();
    if (!state->csv && mapping.text().starts_with('['))
      error.hint =
          fmt::format("one object a line, without a list around them: jq -c '.[]' {} > cases.jsonl",
                      path.filename().string());
    else if (!state->csv && !ends_with_any(kind, {".jsonl", ".json", ".ndjson"}))
      error.hint = fmt::format(
          "a file named '{}' is read as JSON Lines: name tables .csv or .tsv, and "
          "write one {{\"input\": ..., \"expect\": ...}} a line otherwise",
          path.filename().string());
    return std::unexpected(std::move(error));
  }
  if (state->rows.empty()) {
    const std::string kind = path.extension().string();
    const bool table = kind == ".csv" || kind == ".tsv";
    return fail(Kind::kInvalid, fmt::format("{}:1:1: the file holds no case", path.string()),
                table ? "the first line names the columns, each further line is a case"
                      : "one JSON object a line: {\"input\": {...}, \"expect\": ...}");
  }
  state->rows.shrink_to_fit();
  return CaseFile(std::move(state));
}

std::size_t CaseFile::size() const {
  return state_->rows.size();
}
const std::filesystem::path& CaseFile::path() const {
  return state_->path;
}
std::uint64_t CaseFile::key(std::size_t index) const {
  return state_->rows[index].key;
}
std::uint64_t CaseFile::cluster(std::size_t index) const {
  return state_->clusters.empty() ? 0 : state_->clusters[index];
}
bool CaseFile::has_expectations() const {
  return state_->without == 0;
}
std::size_t CaseFile::without_expectation() const {
  return state_->without;
}
const Digest& CaseFile::digest() const {
  return state_->digest;
}
const std::vector<std::string>& CaseFile::columns() const {
  return state_->columns;
}

std::string CaseFile::where_without() const {
  return state_->without == 0 ? std::string() : state_->where(state_->first_without);
}

std::string CaseFile::where(std::size_t index, std::string_view part) const {
  const Row& row = state_->rows[index];
  const Result<std::string> text = state_->bytes(row);
  if (!text) return state_->where(row.line);
  const Result<Json> json =
      state_->csv ? state_->csv_row(*text, row.line) : json_parse(*text, "row", row.line);
  std::string pointer;
  if (json && json->is_object()) {
    const bool shaped = json->find("input") != nullptr && state_->wanted.input.empty();
    if (part == "expect") {
      for (const auto& [name, value] : json->as_object()) {
        if (state_->is_expectation(name, json->as_object())) pointer = "/" + name;
      }
    } else if (part.starts_with("input")) {
      pointer = (shaped ? "/input" : "") + std::string(part.substr(5));
    }
  }
  return state_->where(*text, row.line, pointer, JsonPart::kValue);
}

Result<std::string> CaseFile::State::bytes(const Row& row) const {
  std::string text(row.length, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t count =
        ::pread(fd, text.data() + have, text.size() - have, static_cast<off_t>(row.offset + have));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      return fail(Kind::kIo, fmt::format("{}: the row can no longer be read", where(row.line)),
                  "the file was changed while it was in use: run the command again");
    have += static_cast<std::size_t>(count);
  }
  return text;
}

Result<Case> CaseFile::State::read(const Row& row) const {
  const Result<std::string> text = bytes(row);
  if (!text) return std::unexpected(text.error());
  return parse(*text, row.line);
}

Result<Case> CaseFile::at(std::size_t index) const {
  return state_->read(state_->rows[index]);
}

std::optional<std::filesystem::path> find_cases(const std::filesystem::path& folder) {
  for (const char* name : {"cases.jsonl", "cases.csv", "cases.tsv"}) {
    std::error_code code;
    if (std::filesystem::exists(folder / name, code)) return folder / name;
  }
  return std::nullopt;
}

}  // namespace sighter::functions
