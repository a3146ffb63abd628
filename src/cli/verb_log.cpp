// sighter log [ID]

#include <algorithm>
#include <charconv>

#include "base/utf8.hpp"
#include "cli/arguments.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "functions/call_json.hpp"

namespace sighter::cli {
namespace {

// "2h" and the like are that long ago; else a date, or a date and a time, in UTC.
Result<SystemTime> parse_when(const std::string& text, SystemTime now) {
  if (const Result<std::chrono::seconds> ago = store::parse_keep(text)) return now - *ago;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d", &year, &month, &day,
                               &hour, &minute, &second);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (read < 3 || !date.ok() || hour > 23 || minute > 59 || second > 60)
    return fail(Kind::kInvalid, fmt::format("'{}' is no time", text),
                "2026-11-23, 2026-11-23T14:05, or 2h for two hours ago");
  return SystemTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

Result<store::CallFilter> filter_of(const Arguments& arguments, const Clock& clock) {
  store::CallFilter filter;
  filter.function = arguments.text("function");
  filter.variant = arguments.text("variant");
  filter.model = arguments.text("model");
  if (const auto status = arguments.text("status"))
    filter.status = store::call_status_from(*status);
  filter.contains = arguments.text("contains", "");
  filter.tags = arguments.pairs("tag");
  for (const char* name : {"since", "until"}) {
    const std::optional<std::string> text = arguments.text(name);
    if (!text) continue;
    Result<SystemTime> when = parse_when(*text, clock.system_now());
    if (!when) return std::unexpected(when.error());
    (std::string_view(name) == "since" ? filter.since : filter.until) = *when;
  }
  return filter;
}

std::string short_text(const std::string& json) {
  const Json value = functions::stored_json(json);
  if (value.is_string()) return visible_line(value.as_string());
  if (value.is_object() && value.as_object().size() == 1 &&
      value.as_object().begin()->second.is_string())
    return visible_line(value.as_object().begin()->second.as_string());
  return value.is_null() ? "" : visible_line(json_write(value));
}

void print_tree(Terminal& terminal, const store::CallTree& tree, const std::string& indent) {
  const store::CallRow& call = tree.call;
  const std::string name = call.function.empty() ? call.model : call.function + "/" + call.variant;
  terminal.out(fmt::format(
      "{}{}  {}  {}  {}{}\n", indent, terminal.styled(Style::kBold, name),
      store::to_string(call.status), format_ms(static_cast<double>(call.latency.count()) / 1000),
      call.cost ? format_usd(*call.cost) : "?", call.cache_hit ? "  from the store" : ""));
  const std::string inside = indent + "  ";
  const auto line = [&](std::string_view title, const std::string& text) {
    if (!text.empty())
      terminal.out(fmt::format("{}{} {}\n", inside, terminal.styled(Style::kDim, title), text));
  };
  line("call  ", call.id.to_string() + "  " + iso8601(call.start));
  line("model ", call.function.empty() ? "" : visible_line(call.model));
  line("route ", call.route);
  line("input ", short_text(call.input));
  line("output", short_text(call.output));
  line("error ", visible_line(call.error.empty() ? call.error_kind : call.error));
  line("ended ", visible_line(call.finish_reason));
  if (call.first_token)
    line("first ", format_ms(static_cast<double>(call.first_token->count()) / 1000));
  if (call.tokens)
    line("tokens", fmt::format("{} in ({} cached, {} written to the cache), {} out ({} reasoning)",
                               call.tokens->input, call.tokens->cached, call.tokens->cache_write,
                               call.tokens->output, call.tokens->reasoning));
  line("tags  ", visible_line(call.tags));
  line("tried ", visible_line(call.tried));
  for (const store::ScoreRow& score : tree.scores)
    line("score ", fmt::format("{:.3g}{}{}", score.value, score.reason.empty() ? "" : "  ",
                               visible_line(score.reason)));
  for (const store::FeedbackRow& one : tree.feedback)
    line("said  ", fmt::format("{} = {}{}{}{}", visible_line(one.metric), short_text(one.value),
                               one.source.empty() ? "" : " by " + visible_line(one.source),
                               one.trace.is_nil() ? "" : " (of the trace)",
                               one.note.empty() ? "" : ": " + visible_line(one.note)));
  for (const store::AttemptRow& attempt : tree.attempts)
    line("try   ", fmt::format("{} {} {} {}", attempt.number, attempt.route,
                               store::to_string(attempt.status), attempt.error));
  for (const store::CallTree& child : tree.children) print_tree(terminal, child, inside);
}

Result<int> show(const Arguments& arguments, Terminal& terminal, store::Store& store,
                 const std::string& text) {
  std::optional<Id> id = Id::parse(text);
  if (!id) {
    Result<std::vector<Id>> ids = store.ids_starting(text, 2);
    if (!ids) return std::unexpected(ids.error());
    if (ids->size() != 1)
      return fail(
          Kind::kNotFound,
          fmt::format("{} call's id starts with '{}'", ids->empty() ? "no" : "more than one", text),
          "sighter log lists them");
    id = ids->front();
  }
  Result<store::CallTree> tree = store.show(*id);
  if (!tree) return std::unexpected(tree.error());
  if (arguments.flag("json"))
    terminal.out(json_write(functions::tree_json(*tree)) + "\n");
  else
    print_tree(terminal, *tree, "");
  return 0;
}

Result<bool> is_wrong(store::Store& store, const store::CallRow& call) {
  Result<store::CallTree> tree = store.show(call.id);
  if (!tree) return std::unexpected(tree.error());
  return std::any_of(tree->scores.begin(), tree->scores.end(),
                     [](const store::ScoreRow& score) { return score.value < 1; });
}

// Narrower than this, a list of calls has two lines a call.
constexpr std::size_t kTableWidth = 120;

std::string name_of(const store::CallRow& call) {
  return call.function.empty() ? call.model : call.function + "/" + call.variant;
}

std::string said(const store::CallRow& call) {
  const std::string& error = call.error.empty() ? call.error_kind : call.error;
  return error.empty() ? short_text(call.output) : visible_line(error);
}

void print_lines(Terminal& terminal, const std::vector<store::CallRow>& calls, std::size_t width) {
  const bool unicode = terminal.unicode();
  for (const store::CallRow& call : calls) {
    if (terminal.gone()) return;
    const bool ok = call.status == store::CallStatus::kOk;
    const std::string time = iso8601(call.start).substr(5, 14);
    std::string what = visible_line(name_of(call));
    if (!ok) what += fmt::format("  {}", store::to_string(call.status));
    const std::string id = call.id.to_string();
    // The name is never cut for the id: where both have no room, the id has a line of its own.
    const bool both = id.size() + 2 + display_width(what) <= width;
    const std::string rest = both ? "  " + what : what;
    const std::string numbers =
        fmt::format("  {}  {}", format_ms(static_cast<double>(call.latency.count()) / 1000),
                    call.cost ? format_usd(*call.cost) : "?");
    const std::size_t used = (both ? id.size() : 0) + display_width(rest) + 2;
    // What does not fit is left out from the right: numbers, then the time.
    terminal.out(terminal.styled(Style::kDim, both ? id : "") +
                 terminal.styled(ok ? Style::kPlain : Style::kRed,
                                 fit(rest, both ? width - id.size() : width, unicode)));
    if (used + numbers.size() <= width) terminal.out(terminal.styled(Style::kDim, numbers));
    if (used + numbers.size() + time.size() <= width)
      terminal.out(terminal.styled(Style::kDim, "  " + time));
    terminal.out("\n");
    if (!both) terminal.out(terminal.styled(Style::kDim, fit("  " + id, width, unicode)) + "\n");
    const std::string in = short_text(call.input);
    const std::string out = said(call);
    const std::string arrow = unicode ? " → " : " -> ";
    const std::size_t half = width > 20 ? (width - 6) / 2 : 7;
    const std::string left = fit(in, out.size() < half ? width - 6 - out.size() : half, unicode);
    terminal.out(fit("  " + left + arrow + out, width, unicode) + "\n");
  }
}

void print_list(Terminal& terminal, const std::vector<store::CallRow>& calls) {
  const std::size_t width = terminal.table_width();
  if (width < kTableWidth) {
    print_lines(terminal, calls, width);
    return;
  }
  Table table({{"call"},
               {"when"},
               {"what", false, 12},
               {"status"},
               {"ms", true},
               {"cost", true},
               {"input", false, 10},
               {"output", false, 8}});
  for (const store::CallRow& call : calls) {
    const Style style = call.status == store::CallStatus::kOk ? Style::kPlain : Style::kRed;
    table.row({{call.id.to_string(), Style::kDim},
               {iso8601(call.start).substr(0, 19), Style::kDim},
               {name_of(call)},
               {std::string(store::to_string(call.status)), style},
               {format_ms(static_cast<double>(call.latency.count()) / 1000)},
               {call.cost ? format_usd(*call.cost) : "?"},
               {short_text(call.input)},
               {said(call)}});
  }
  table.print(terminal);
}

}  // namespace

Result<int> run_log(const Arguments& arguments, Terminal& terminal) {
  const RealClock clock;
  Result<functions::Project> project = load_project(arguments);
  if (!project) return std::unexpected(project.error());
  const std::filesystem::path file = store_file_of(*project);
  std::error_code code;
  if (!std::filesystem::exists(file, code) && !arguments.positional("ID")) {
    terminal.remark("no calls yet: sighter fire makes the first\n");
    return 0;
  }
  store::Options options;
  options.read_only = true;
  Result<std::unique_ptr<store::Store>> store = store::Store::open(file, clock, options);
  if (!store) return std::unexpected(store.error());
  if (const auto id = arguments.positional("ID")) return show(arguments, terminal, **store, *id);
  Result<store::CallFilter> filter = filter_of(arguments, clock);
  if (!filter) return std::unexpected(filter.error());
  const std::size_t most = static_cast<std::size_t>(arguments.integer("limit").value_or(20));
  std::vector<store::CallRow> calls;
  std::optional<Id> before;
  while (calls.size() < most) {
    Result<store::CallPage> page = (*store)->list(
        *filter, std::min<std::size_t>(1000, std::max<std::size_t>(most - calls.size(), 20)),
        before);
    if (!page) return std::unexpected(page.error());
    for (store::CallRow& call : page->calls) {
      if (calls.size() >= most) break;
      if (arguments.flag("wrong")) {
        Result<bool> wrong = is_wrong(**store, call);
        if (!wrong) return std::unexpected(wrong.error());
        if (!*wrong) continue;
      }
      calls.push_back(std::move(call));
    }
    if (!page->next) break;
    before = page->next;
  }
  if (arguments.flag("json")) {
    for (const store::CallRow& call : calls)
      terminal.out(json_write(functions::call_json(call)) + "\n");
  } else if (calls.empty()) {
    terminal.out("no calls\n");
  } else {
    print_list(terminal, calls);
  }
  return 0;
}

}  // namespace sighter::cli
