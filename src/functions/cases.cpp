#include "functions/cases.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "base/limits.hpp"
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
  Digest digest{};

  ~State() {
    if (fd >= 0) ::close(fd);
  }
  std::string where(std::int64_t line) const { return fmt::format("{}:{}", path.string(), line); }
  Result<Case> read(const Row& row) const;
  Result<Case> parse(std::string_view text, std::int64_t line) const;
  Result<Case> from_json(Json row, std::int64_t line) const;
  Result<Json> csv_row(std::string_view text, std::int64_t line) const;
  Status add(std::string_view text, std::uint64_t offset, std::int64_t line);
  Status scan(const Mapping& mapping);
  Status tell_apart();
};

Result<Json> CaseFile::State::csv_row(std::string_view text, std::int64_t line) const {
  Result<std::vector<std::string>> fields = split_record(text, separator, path.string(), line);
  if (!fields) return std::unexpected(fields.error());
  if (fields->size() != columns.size()) {
    return fail(Kind::kInvalid,
                fmt::format("{}: {} fields, but the header has {}", where(line), fields->size(),
                            columns.size()),
                "quote fields that hold the separator");
  }
  JsonObject row;
  for (std::size_t i = 0; i < columns.size(); ++i)
    row.append(columns[i], Json(std::move((*fields)[i])));
  return Json(std::move(row));
}

Result<Case> CaseFile::State::from_json(Json row, std::int64_t line) const {
  if (!row.is_object())
    return fail(Kind::kInvalid,
                fmt::format("{}: a case must be an object, not {}", where(line), row.type_name()),
                "{\"input\": {...}, \"expect\": ...}");
  Case result;
  result.line = line;
  JsonObject rest;
  std::string expect_name;
  for (auto& [name, value] : row.as_object()) {
    const bool chosen = !wanted.expect.empty() && name == wanted.expect;
    if (chosen ||
        (wanted.expect.empty() && is_expect_name(name) && !row.as_object().contains("expect")) ||
        (wanted.expect.empty() && name == "expect")) {
      if (result.expect)
        return fail(Kind::kInvalid,
                    fmt::format("{}: both '{}' and '{}' could be the expectation", where(line),
                                expect_name, name),
                    "name one with --expect");
      expect_name = name;
      result.expect = value;
    } else if (name == "id" && (value.is_string() || value.is_number())) {
      result.id = id_text(value);
    } else if (name == "cluster" && (value.is_string() || value.is_number())) {
      result.cluster = id_text(value);
    } else if (name == "tags" && value.is_object()) {
      result.tags = value;
    } else if (name == "input" && wanted.input.empty()) {
      result.input = value;
    } else {
      rest.append(name, std::move(value));
    }
  }
  if (row.as_object().contains("input") && wanted.input.empty()) {
    if (result.id.empty()) result.id = fmt::format("line {}", line);
    return result;
  }
  if (!wanted.input.empty()) {
    JsonObject chosen;
    for (const std::string& name : wanted.input) {
      Json* value = rest.find(name);
      if (value == nullptr)
        return fail(Kind::kInvalid, fmt::format("{}: the row has no '{}'", where(line), name));
      chosen.append(name, std::move(*value));
    }
    rest = std::move(chosen);
  }
  if (rest.empty())
    return fail(Kind::kInvalid, fmt::format("{}: the row has no input", where(line)),
                "{\"input\": {...}, \"expect\": ...}");
  result.input = Json(std::move(rest));
  if (result.id.empty()) result.id = fmt::format("line {}", line);
  return result;
}

Result<Case> CaseFile::State::parse(std::string_view text, std::int64_t line) const {
  Result<Json> row = csv ? csv_row(text, line) : json_parse(text, path.string(), line);
  if (!row) return std::unexpected(row.error());
  return from_json(std::move(*row), line);
}

Status CaseFile::State::add(std::string_view text, std::uint64_t offset, std::int64_t line) {
  if (text.size() > limits::kLineBytesMax)
    return fail(Kind::kTooLarge, fmt::format("{}: the row is longer than {} bytes", where(line),
                                             limits::kLineBytesMax));
  if (const auto bad = find_invalid_utf8(text)) {
    return fail(
        Kind::kInvalid,
        fmt::format("{}:{}: bytes that are not UTF-8", where(line), position_at(text, *bad).column),
        "save the file as UTF-8");
  }
  if (const std::size_t nul = text.find('\0'); nul != text.npos && csv) {
    return fail(Kind::kInvalid,
                fmt::format("{}:{}: a NUL byte", where(line), position_at(text, nul).column),
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
  if (!parsed->expect) ++without;
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
    return fail(Kind::kInvalid, fmt::format("{}: the id '{}' was used on line {} already",
                                            where(row.line), again ? again->id : std::string(),
                                            std::uint32_t{rows[twice->second].line}));
  }
  for (std::size_t i = sorted.size(); i-- > 1;) {
    // From the end, so that the key before is still what it was.
    Row& row = rows[sorted[i]];
    if (row.key == rows[sorted[i - 1]].key)
      row.key = hash64(fmt::format("{}", std::uint32_t{row.line}), row.key);
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
    std::size_t length =
        csv ? record_length(text.substr(at)) : std::min(text.find('\n', at), text.size()) - at;
    if (length == text.npos)
      return fail(Kind::kInvalid,
                  fmt::format("{}: a quoted field has no closing quote", where(line)),
                  "double the quotes inside a quoted field: \"\"");
    std::string_view row = text.substr(at, length);
    const std::int64_t lines = 1 + (csv ? std::count(row.begin(), row.end(), '\n') : 0);
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (header && !row.empty()) {
      separator = path.string().ends_with(".tsv") ? '\t' : guess_separator(row);
      Result<std::vector<std::string>> names = split_record(row, separator, path.string(), line);
      if (!names) return std::unexpected(names.error());
      columns = std::move(*names);
      for (const std::string& name : columns) {
        if (std::count(columns.begin(), columns.end(), name) > 1)
          return fail(Kind::kInvalid,
                      fmt::format("{}: two columns are called '{}'", where(line), name));
      }
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
  if (Status status = state->scan(mapping); !status) return std::unexpected(status.error());
  if (state->rows.empty()) {
    const std::string kind = path.extension().string();
    const bool table = kind == ".csv" || kind == ".tsv";
    return fail(Kind::kInvalid, fmt::format("{} holds no case", path.string()),
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

Result<Case> CaseFile::State::read(const Row& row) const {
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
  return parse(text, row.line);
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
