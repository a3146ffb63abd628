#include "cli/fire_rows.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/limits.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"

namespace sighter::cli {
namespace {

struct Row {
  std::string id;
  Json input;
};

// Rows one after the other, from a file of cases or from JSON Lines on standard input.
class Rows {
 public:
  static Result<std::unique_ptr<Rows>> open(const std::string& in,
                                            const functions::CaseColumns& columns) {
    auto rows = std::make_unique<Rows>();
    if (in == "-") {
      rows->lines_ = LineReader::of_descriptor(0, "standard input");
      return rows;
    }
    Result<functions::CaseFile> cases = functions::CaseFile::open(in, columns);
    if (!cases) return std::unexpected(cases.error());
    rows->cases_ = std::move(*cases);
    return rows;
  }
  std::size_t size() const { return cases_ ? cases_->size() : 0; }
  Result<std::optional<Row>> next() { return cases_ ? next_case() : next_line(); }

 private:
  Result<std::optional<Row>> next_case() {
    if (at_ >= cases_->size()) return std::nullopt;
    Result<functions::Case> row = cases_->at(at_++);
    if (!row) return std::unexpected(row.error());
    return Row{row->id, std::move(row->input)};
  }
  Result<std::optional<Row>> next_line() {
    while (true) {
      Result<std::optional<std::string_view>> line = lines_->next(limits::kLineBytesMax);
      if (!line) return std::unexpected(line.error());
      if (!*line) return std::nullopt;
      if ((*line)->find_first_not_of(" \t") == std::string_view::npos) continue;
      Result<Json> value = json_parse(**line, lines_->origin(), lines_->line());
      if (!value) return std::unexpected(value.error());
      Row row{fmt::format("line {}", lines_->line()), std::move(*value)};
      if (const Json* input = row.input.find("input")) {
        if (const std::string* id = row.input.find_string("id")) row.id = *id;
        Json inner = *input;
        row.input = std::move(inner);
      }
      return row;
    }
  }
  std::optional<functions::CaseFile> cases_;
  std::optional<LineReader> lines_;
  std::size_t at_ = 0;
};

// Answers in the order of the rows, whatever order they come in.
class Answers {
 public:
  Answers(Terminal& terminal, int fd) : terminal_(terminal), fd_(fd) {}
  void give(std::size_t index, std::string line) {
    waiting_.emplace(index, std::move(line));
    while (!waiting_.empty() && waiting_.begin()->first == next_) {
      write(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++next_;
    }
  }
  std::size_t written() const { return next_; }
  void start_at(std::size_t index) { next_ = index; }
  std::optional<Error> trouble;

 private:
  void write(const std::string& line) {
    if (fd_ < 0) {
      terminal_.out(line);
      return;
    }
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t count = ::write(fd_, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        if (!trouble)
          trouble =
              Error{Kind::kIo, fmt::format("cannot write the answers: {}", std::strerror(errno)),
                    "what was answered is stored: make room and run the same command again"};
        return;
      }
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  Terminal& terminal_;
  int fd_;
  std::size_t next_ = 0;
  std::map<std::size_t, std::string> waiting_;
};

struct Work {
  Session& session;
  const RowsRequest& request;
  Rows& rows;
  Answers& answers;
  Progress& progress;
  models::Purse purse;
  std::size_t taken = 0;
  std::size_t done = 0;
  std::size_t failed = 0;
  std::vector<std::string> kept;
  bool ended = false;
  std::optional<Error> stopped;
};

// What tells a row and the body that answered it from others, in the line of its answer.
std::string mark_of(const RowsRequest& request, const Json& input) {
  const std::string whole = fmt::format("{}\n{}\n{}", request.function->name, request.variant->name,
                                        json_canonical(input));
  return fmt::format("{:016x}", hash64(whole, 3));
}

std::string answer_line(const std::string& id, const std::string& mark,
                        const functions::ApplyResult& applied) {
  Json line = Json::object({{"id", id}, {"row", mark}});
  if (applied) {
    line.as_object().set("output", applied->output);
    line.as_object().set("call", applied->call.to_string());
  } else {
    line.as_object().set("error", applied.error().error.what);
  }
  return json_write(line) + "\n";
}

io::Task<void> worker(Work* work) {
  const io::CancelToken cancel = work->session.signals().nicely();
  while (!work->ended && !work->stopped && !cancel.cancelled() && !work->answers.trouble) {
    Result<std::optional<Row>> row = work->rows.next();
    if (!row) work->stopped = row.error();
    if (!row || !*row) {
      work->ended = true;
      co_return;
    }
    const std::size_t index = work->taken++;
    const std::string mark = mark_of(work->request, (*row)->input);
    if (index < work->kept.size()) {
      if (work->kept[index].empty() || work->kept[index] == mark) continue;
      work->stopped =
          Error{Kind::kConflict,
                fmt::format("{}:{} is not the answer to row {} of {} by '{}'", work->request.out,
                            index + 1, index + 1, work->request.in, work->request.variant->name),
                "name another file with --out, or remove this one"};
      co_return;
    }
    functions::ApplyOptions options;
    options.purse = &work->purse;
    // What is under way is paid for: only the second signal gives it up.
    options.cancel = work->session.signals().at_once();
    options.reuse = true;
    options.durable = true;
    options.tags = work->request.tags;
    Json input = std::move((*row)->input);
    functions::ApplyResult applied = co_await work->session.engine().apply(
        *work->request.function, *work->request.variant, std::move(input), std::move(options));
    if (!applied && applied.error().error.kind == Kind::kCancelled) co_return;
    // Where no answer can be kept, the next one would be paid for in vain too.
    if (!applied &&
        (applied.error().error.kind == Kind::kIo || applied.error().error.kind == Kind::kBudget)) {
      if (!work->stopped) work->stopped = applied.error().error;
      co_return;
    }
    if (!applied) ++work->failed;
    ++work->done;
    work->answers.give(index, answer_line((*row)->id, mark, applied));
    work->progress.update(work->answers.written(), work->rows.size(), work->purse.spent());
  }
}

io::Task<Status> all_rows(Work* work) {
  functions::ApplyOptions options;
  options.purse = &work->purse;
  Status ready = co_await work->session.engine().prepare(
      *work->request.function, *work->request.variant, false, std::move(options));
  if (!ready) co_return ready;
  io::Scope scope(work->session.core());
  for (int i = 0; i < work->request.parallel; ++i) io::spawn(scope, "fire", worker(work));
  co_await scope.join();
  co_return Status{};
}

// Marks of the whole lines that an earlier run wrote, "" for one without; a cut last line is
// removed.
Result<std::vector<std::string>> continue_file(int fd, const std::string& path) {
  Result<std::string> content = read_file(path, std::size_t{4} << 30);
  if (!content) return std::unexpected(content.error());
  std::vector<std::string> marks;
  std::size_t whole = 0;
  for (std::size_t at = content->find('\n'); at != std::string::npos;
       at = content->find('\n', at + 1)) {
    const Result<Json> line =
        json_parse(std::string_view(*content).substr(whole, at - whole), path);
    if (!line || !line->is_object()) {
      return fail(Kind::kConflict,
                  fmt::format("{}:{} is no answer of `fire`", path, marks.size() + 1),
                  "name another file with --out, or remove this one");
    }
    const Json* mark = line->find("row");
    marks.push_back(mark != nullptr && mark->is_string() ? mark->as_string() : std::string());
    whole = at + 1;
  }
  if (whole < content->size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0)
    return fail(Kind::kIo, fmt::format("cannot cut the last line of {}", path));
  ::lseek(fd, 0, SEEK_END);
  return marks;
}

}  // namespace

Result<int> fire_rows(Session& session, Terminal& terminal, const RowsRequest& request) {
  Result<std::unique_ptr<Rows>> rows = Rows::open(request.in, {});
  if (!rows) return std::unexpected(rows.error());
  int fd = -1;
  std::vector<std::string> kept;
  if (!request.out.empty()) {
    fd = ::open(request.out.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
      return fail(Kind::kIo, fmt::format("cannot write {}: {}", request.out, std::strerror(errno)));
    Result<std::vector<std::string>> marks = continue_file(fd, request.out);
    if (!marks) return std::unexpected(marks.error());
    kept = std::move(*marks);
    if (!kept.empty()) terminal.remark(fmt::format("{} answers are there already\n", kept.size()));
  }
  Answers answers(terminal, fd);
  answers.start_at(kept.size());
  Progress progress(terminal, session.clock(), request.function->name);
  Work work{
      session, request, **rows, answers,         progress, models::Purse(request.function->budget),
      0,       0,       0,      std::move(kept), false,    {}};
  Status status = session.run(all_rows(&work));
  progress.finish();
  if (fd >= 0) ::close(fd);
  if (!status) return std::unexpected(status.error());
  if (answers.trouble) return std::unexpected(*answers.trouble);
  if (work.stopped) return std::unexpected(*work.stopped);
  if (session.signals().last_signal() != 0) {
    terminal.remark("stopped: the same command goes on from here\n");
    return 128 + session.signals().last_signal();
  }
  terminal.remark(fmt::format("{} rows, {} failed, {}\n", work.done, work.failed,
                              format_usd(work.purse.spent())));
  return work.failed == 0 ? 0 : 1;
}

}  // namespace sighter::cli
