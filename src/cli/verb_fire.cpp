// sighter fire "text" -m MODEL | sighter fire FUNCTION INPUT

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "cli/arguments.hpp"
#include "cli/fire_forecast.hpp"
#include "cli/fire_rows.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "functions/call_json.hpp"
#include "functions/choice.hpp"

namespace sighter::cli {
namespace {

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      word = word << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= have ? kDigits[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

struct Image {
  std::string media_type;
  std::string data;  // base64
};

Result<Image> read_image(const std::string& path) {
  Result<std::string> bytes = read_file(path, 32u << 20);
  if (!bytes) return std::unexpected(bytes.error());
  Image image;
  if (bytes->starts_with("\x89PNG")) image.media_type = "image/png";
  if (bytes->starts_with("\xFF\xD8")) image.media_type = "image/jpeg";
  if (bytes->starts_with("GIF8")) image.media_type = "image/gif";
  if (bytes->size() > 12 && bytes->substr(8, 4) == "WEBP") image.media_type = "image/webp";
  if (image.media_type.empty())
    return fail(Kind::kInvalid, fmt::format("{} is not a PNG, JPEG, GIF or WebP image", path));
  image.data = base64(*bytes);
  return image;
}

Json tags_of(const Arguments& arguments) {
  Json tags = Json::object();
  for (const auto& [name, value] : arguments.pairs("tag")) tags.as_object().set(name, value);
  return tags.as_object().empty() ? Json() : tags;
}

Result<std::string> standard_input() {
  std::string content;
  char buffer[65536];
  while (true) {
    const ssize_t count = ::read(0, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return fail(Kind::kIo, fmt::format("cannot read standard input: {}", std::strerror(errno)));
    if (count == 0) break;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > limits::kLineBytesMax)
      return fail(Kind::kTooLarge, "standard input is too long for one row",
                  "give many rows as --in FILE");
  }
  while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
  return content;
}

// Models take text: neither half a character nor a NUL.
Status check_text(std::string_view text, std::string_view where) {
  std::optional<std::size_t> at = find_invalid_utf8(text);
  const std::size_t nul = text.find('\0');
  const bool has_nul = nul != text.npos && (!at || nul < *at);
  if (has_nul) at = nul;
  if (!at) return {};
  const std::string_view before = text.substr(0, *at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t column = *at - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  return fail(Kind::kInvalid,
              fmt::format("{}:{}:{}: {}", where, line, column,
                          has_nul ? "a NUL byte" : "this is not UTF-8"),
              has_nul ? "take it out" : "convert it, for example: iconv -f latin1 -t utf8");
}

Json input_of(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && (text[first] == '{' || text[first] == '[')) {
    Result<Json> json = json_parse(text, "the input");
    if (json) return std::move(*json);
  }
  return Json(text);
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.as_string() : json_pretty(value);
}

Json answer_json(const functions::Applied& applied) {
  Json row = Json::object({{"call", applied.call.to_string()},
                           {"variant", applied.variant},
                           {"output", applied.output},
                           {"usage", functions::usage_json(applied.usage)},
                           {"cost_usd", functions::usd_json(applied.cost)},
                           {"ms", static_cast<double>(applied.latency.count()) / 1000}});
  if (applied.confidence) row.as_object().set("confidence", *applied.confidence);
  if (!applied.model.empty()) row.as_object().set("model", applied.model);
  return row;
}

// model, tokens, dollars, milliseconds, call id
std::string small_print(const functions::Applied& applied) {
  std::string line = applied.model.empty() ? applied.variant : applied.model;
  if (applied.confidence) line += fmt::format(" · {:.0f} % sure", *applied.confidence * 100);
  if (applied.usage)
    line += fmt::format(" · {} + {} tokens", applied.usage->input, applied.usage->output);
  line += fmt::format(" · {}",
                      applied.cost ? format_usd(*applied.cost) : std::string("price not known"));
  line += fmt::format(" · {} · {}", format_ms(static_cast<double>(applied.latency.count()) / 1000),
                      applied.call.to_string());
  return line;
}

io::Task<functions::ApplyResult> apply_one(Session* session, const functions::Function* function,
                                           const functions::Variant* variant, Json input,
                                           functions::ApplyOptions options) {
  functions::ApplyOptions prepare_options;
  prepare_options.cancel = options.cancel;
  prepare_options.purse = options.purse;
  Status ready =
      co_await session->engine().prepare(*function, *variant, false, std::move(prepare_options));
  if (!ready) co_return std::unexpected(functions::ApplyFailure{ready.error(), {}, {}});
  functions::ApplyResult applied =
      co_await session->engine().apply(*function, *variant, std::move(input), std::move(options));
  co_return applied;
}

functions::ApplyOptions apply_options(const Arguments& arguments, Session& session,
                                      Terminal& terminal, bool& streamed) {
  functions::ApplyOptions options;
  options.cancel = session.signals().nicely();
  options.tags = tags_of(arguments);
  options.durable = true;
  if (terminal.out_is_terminal() && !arguments.flag("json") && !arguments.flag("no-stream")) {
    options.on_text = [&terminal, &streamed](std::string_view text) {
      streamed = true;
      terminal.out(visible(text));
      static_cast<void>(terminal.flush());
    };
  }
  return options;
}

int print_answer(const Arguments& arguments, Terminal& terminal, const functions::Applied& applied,
                 bool streamed) {
  if (arguments.flag("json")) {
    terminal.out(json_write(answer_json(applied)) + "\n");
    return 0;
  }
  if (!streamed)
    terminal.out(terminal.out_is_terminal() ? visible(text_of(applied.output))
                                            : text_of(applied.output));
  terminal.out("\n");
  static_cast<void>(terminal.flush());
  terminal.remark(terminal.styled_err(Style::kDim, small_print(applied)) + "\n");
  return 0;
}

// Stopped by Ctrl-C is no error of the call: the exit code says which signal it was.
Result<int> failed(Terminal& terminal, Session& session, Error error) {
  const int signal = session.signals().last_signal();
  if (error.kind != Kind::kCancelled || signal == 0) return std::unexpected(std::move(error));
  terminal.error(error);
  return 128 + signal;
}

Result<int> fire_text(const Arguments& arguments, Terminal& terminal, Session& session,
                      std::string text) {
  wire::ChatRequest request;
  if (const auto system = arguments.text("system"))
    request.messages.push_back(wire::Message::text(wire::Role::kSystem, *system));
  wire::Message message = wire::Message::text(wire::Role::kUser, std::move(text));
  for (const std::string& path : arguments.texts("image")) {
    Result<Image> image = read_image(path);
    if (!image) return std::unexpected(image.error());
    wire::Media media;
    media.data = std::move(image->data);
    media.media_type = image->media_type;
    message.content.emplace_back(std::move(media));
  }
  request.messages.push_back(std::move(message));
  if (const auto temperature = arguments.number("temperature"))
    request.temperature = wire::Number(*temperature);
  request.max_tokens = arguments.integer("max-tokens");
  bool streamed = false;
  functions::ApplyOptions options = apply_options(arguments, session, terminal, streamed);
  functions::ApplyResult applied = session.run(
      session.engine().complete(std::move(request), *arguments.text("model"), std::move(options)));
  if (!applied) {
    if (streamed) terminal.out("\n");
    return failed(terminal, session, std::move(applied.error().error));
  }
  return print_answer(arguments, terminal, *applied, streamed);
}

Result<int> fire_all(const Arguments& arguments, Terminal& terminal, Session& session,
                     const functions::Function& function, const Json& input) {
  Table table({{"variant"}, {"output", false, 12}, {"sure", true}, {"cost", true}, {"ms", true}});
  Json rows = Json::array();
  int answered = 0;
  for (const functions::Variant& variant : function.variants) {
    if (session.signals().nicely().cancelled()) break;
    functions::ApplyOptions options;
    options.cancel = session.signals().nicely();
    options.tags = tags_of(arguments);
    options.durable = true;
    functions::ApplyResult applied =
        session.run(apply_one(&session, &function, &variant, input, std::move(options)));
    if (!applied) {
      table.row({{variant.name, Style::kDim},
                 {applied.error().error.what, Style::kDim},
                 {""},
                 {""},
                 {""}});
      rows.as_array().push_back(
          Json::object({{"variant", variant.name}, {"error", applied.error().error.what}}));
      continue;
    }
    ++answered;
    rows.as_array().push_back(answer_json(*applied));
    table.row({{variant.name},
               {visible_line(text_of(applied->output))},
               {applied->confidence ? fmt::format("{:.0f} %", *applied->confidence * 100) : ""},
               {applied->cost ? format_usd(*applied->cost) : "?"},
               {format_ms(static_cast<double>(applied->latency.count()) / 1000)}});
  }
  if (arguments.flag("json"))
    terminal.out(json_write(rows) + "\n");
  else
    table.print(terminal);
  return answered > 0 ? 0 : 1;
}

Result<Json> with_image(const Arguments& arguments, const functions::Function& function,
                        Json input) {
  const std::vector<std::string> images = arguments.texts("image");
  if (images.empty()) return input;
  const functions::Field* field = function.input.image();
  if (field == nullptr)
    return fail(Kind::kInvalid, fmt::format("the function '{}' takes no image", function.name),
                "give its input a field of type \"image\"");
  if (images.size() > 1) return fail(Kind::kInvalid, "a function takes one image a field");
  Result<Image> image = read_image(images.front());
  if (!image) return std::unexpected(image.error());
  if (input.is_string() && function.input.only_text() != nullptr)
    input = Json::object({{function.input.only_text()->name, std::move(input)}});
  if (!input.is_object()) input = Json::object();
  input.as_object().set(field->name, "data:" + image->media_type + ";base64," + image->data);
  return input;
}

// JSON Lines: no single JSON text, and of the lines that are not empty the first two begin an
// object. One of them may be broken: then its line is named.
bool many_rows(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::string_view whole = text;
  int objects = 0;
  while (!text.empty() && objects < 2) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == line.npos) continue;
    if (line[first] != '{') return false;
    ++objects;
  }
  return objects == 2 && !json_parse(whole, "the input").has_value();
}

Result<int> fire_function(const Arguments& arguments, Terminal& terminal, Session& session,
                          const functions::Function& function) {
  const std::string wanted = arguments.text("variant", "");
  Result<const functions::Variant*> variant =
      wanted.empty() || wanted == "all" ? functions::choose_variant(session.engine(), function)
                                        : function.variant(wanted);
  if (!variant && wanted != "all") return std::unexpected(variant.error());
  if (arguments.flag("dry-run"))
    return forecast_rows(arguments, terminal, session, function, variant ? *variant : nullptr);
  RowsRequest rows{
      &function,
      variant ? *variant : nullptr,
      arguments.text("in", ""),
      arguments.text("out", ""),
      static_cast<int>(arguments.integer("parallel").value_or(limits::kInFlightDefault)),
      tags_of(arguments)};
  if (!rows.in.empty()) return fire_rows(session, terminal, rows);
  std::optional<std::string> text = arguments.positional("INPUT");
  if (!text && !arguments.given("image")) {
    if (::isatty(0))
      return fail(Kind::kInvalid, fmt::format("what is the input of '{}'?", function.name),
                  "sighter fire FUNCTION \"text\", or a pipe, or --in FILE");
    if (!rows.out.empty()) {
      rows.in = "-";
      return fire_rows(session, terminal, rows);
    }
    Result<std::string> read = standard_input();
    if (!read) return std::unexpected(read.error());
    if (read->empty())
      return fail(Kind::kInvalid,
                  fmt::format("what is the input of '{}'? Standard input is empty", function.name),
                  "sighter fire FUNCTION \"text\", or a pipe, or --in FILE");
    text = std::move(*read);
    if (many_rows(*text)) {
      const std::filesystem::path part =
          std::filesystem::temp_directory_path() /
          fmt::format("sighter-{}.jsonl", session.ids().next().to_string());
      if (Status written = write_file(part, *text); !written)
        return std::unexpected(written.error());
      rows.in = part.string();
      Result<int> code = fire_rows(session, terminal, rows);
      std::error_code ignored;
      std::filesystem::remove(part, ignored);
      if (code) return code;
      Error error = std::move(code.error());
      if (const std::size_t at = error.what.find(rows.in); at != error.what.npos)
        error.what.replace(at, rows.in.size(), "standard input");
      return std::unexpected(std::move(error));
    }
  }
  if (text) {
    const bool read = !arguments.positional("INPUT");
    if (Status good = check_text(*text, read ? "standard input" : "the input"); !good)
      return std::unexpected(good.error());
  }
  Result<Json> input = with_image(arguments, function, text ? input_of(*text) : Json());
  if (!input) return std::unexpected(input.error());
  if (wanted == "all") return fire_all(arguments, terminal, session, function, *input);
  bool streamed = false;
  functions::ApplyOptions options = apply_options(arguments, session, terminal, streamed);
  if (function.output.form() != functions::OutputContract::Form::kText) options.on_text = {};
  functions::ApplyResult applied =
      session.run(apply_one(&session, &function, *variant, std::move(*input), std::move(options)));
  if (!applied) return failed(terminal, session, std::move(applied.error().error));
  return print_answer(arguments, terminal, *applied, streamed);
}

// Something waits on standard input that nobody reads: a pipe with bytes in it, a file.
bool standard_input_waits() {
  struct stat about {};
  if (::fstat(0, &about) != 0) return false;
  if (S_ISREG(about.st_mode)) return ::lseek(0, 0, SEEK_CUR) < about.st_size;
  int bytes = 0;
  return S_ISFIFO(about.st_mode) && ::ioctl(0, FIONREAD, &bytes) == 0 && bytes > 0;
}

// The text, standard input, or with '-' behind the text both.
Result<std::string> prompt_of(const Arguments& arguments, Terminal& terminal) {
  const std::optional<std::string> what = arguments.positional("FUNCTION|TEXT");
  const std::optional<std::string> more = arguments.positional("INPUT");
  const bool given = what && *what != "-";
  if (!given && !what && ::isatty(0))
    return fail(Kind::kInvalid, "what shall the model be asked?", "sighter fire \"text\" -m MODEL");
  if (more && (!given || *more != "-"))
    return fail(Kind::kInvalid,
                fmt::format("-m asks a model about one text, and here are two: '{}' and '{}'",
                            *what, *more),
                "quote the text; '-' behind it sends standard input along; `sighter ready FUNCTION "
                "-m MODEL` tries a function with a model");
  std::string text = given ? *what : "";
  if (Status good = check_text(text, "the text"); !good) return std::unexpected(good.error());
  if (given && !more) {
    if (standard_input_waits())
      terminal.remark("standard input was not sent: put - behind the text to send it along\n");
    return text;
  }
  Result<std::string> read = standard_input();
  if (!read) return std::unexpected(read.error());
  if (Status good = check_text(*read, "standard input"); !good)
    return std::unexpected(good.error());
  return given ? text + "\n\n" + *read : std::move(*read);
}

// sighter fire "text" -m MODEL
Result<int> fire_prompt(const Arguments& arguments, Terminal& terminal, Session& session) {
  for (const char* other : {"variant", "in", "out"}) {
    if (arguments.given(other))
      return fail(Kind::kInvalid,
                  fmt::format("--{} is for functions, and -m asks a model about one text", other),
                  "leave one of them out; `sighter ready FUNCTION -m MODEL` tries a function with "
                  "a model");
  }
  Result<std::string> text = prompt_of(arguments, terminal);
  if (!text) return std::unexpected(text.error());
  if (text->find_first_not_of(" \t\r\n") == text->npos && !arguments.given("image"))
    return fail(Kind::kInvalid, "the text is empty: what shall the model be asked?",
                "sighter fire \"text\" -m MODEL");
  if (arguments.flag("dry-run")) return forecast_prompt(arguments, terminal, session, *text);
  return fire_text(arguments, terminal, session, std::move(*text));
}

// What one function and its input or its rows cannot be asked with.
Status check_options(const Arguments& arguments) {
  for (const char* name : {"system", "temperature", "max-tokens"}) {
    if (arguments.given(name))
      return fail(Kind::kInvalid, fmt::format("--{} is for a text that is sent with -m", name),
                  "a function has it in the variant of its function.toml");
  }
  const bool rows = arguments.given("in");
  if (rows && arguments.positional("INPUT"))
    return fail(Kind::kInvalid, "--in names the rows, and here is an INPUT too",
                "leave one of them out");
  if (rows && arguments.given("image"))
    return fail(Kind::kInvalid, "--image is for one input, and --in for many",
                "leave one of them out; rows name their images as data URLs");
  if (rows && arguments.text("variant") == "all")
    return fail(Kind::kInvalid, "--variant all is for one input, and --in for many",
                "name one variant; `sighter ready FUNCTION` compares them on many rows");
  const bool one = arguments.positional("INPUT") || arguments.given("image");
  if (!rows && one && arguments.given("out"))
    return fail(Kind::kInvalid, "--out is for rows, and here is one input",
                "give rows with --in FILE, or redirect: sighter fire FUNCTION INPUT > FILE");
  return {};
}

}  // namespace

Result<int> run_fire(const Arguments& arguments, Terminal& terminal) {
  Result<std::unique_ptr<Session>> opened = Session::open(arguments, terminal);
  if (!opened) return std::unexpected(opened.error());
  Session& session = **opened;
  const std::optional<std::string> what = arguments.positional("FUNCTION|TEXT");
  if (arguments.given("model")) return fire_prompt(arguments, terminal, session);
  if (!what)
    return fail(Kind::kInvalid, "which function?",
                "sighter fire FUNCTION \"text\", or sighter fire \"text\" -m MODEL");
  Result<const functions::Function*> function = session.project().function(*what);
  if (!function) {
    Error error = function.error();
    if (error.kind == Kind::kNotFound &&
        (!session.in_project() || what->find(' ') != what->npos || error.hint.empty()))
      error.hint = "for a plain prompt name a model: sighter fire \"text\" -m openai/gpt-5-mini";
    return std::unexpected(error);
  }
  if (Status good = check_options(arguments); !good) return std::unexpected(good.error());
  session.tell_broken(terminal);
  return fire_function(arguments, terminal, session, **function);
}

}  // namespace sighter::cli
