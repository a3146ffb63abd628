// sighter doctor: what works, what does not, and what to do about it.

#include <fmt/core.h>

#include <algorithm>
#include <boost/version.hpp>
#include <thread>

#include "base/file.hpp"
#include "base/json.hpp"
#include "cli/arguments.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "io/blocking_pool.hpp"
#include "io/http_client.hpp"
#include "io/subprocess.hpp"
#include "local/model.hpp"
#include "models/credentials.hpp"

namespace sighter::cli {
namespace {

struct Finding {
  std::string what;
  bool ok = true;
  std::string detail;
  std::string mend;
  bool optional = false;  // not ok is no failure
};

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}", __clang_major__, __clang_minor__);
#else
  return fmt::format("g++ {}.{}", __GNUC__, __GNUC_MINOR__);
#endif
}

void look_at_build(std::vector<Finding>& findings) {
  findings.push_back(
      {"sighter", true,
       fmt::format("{} ({}, Boost {}.{}, fmt {}.{}, OpenSSL {}, SQLite {})", SIGHTER_VERSION,
                   compiler(), BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
                   FMT_VERSION / 10000, FMT_VERSION / 100 % 100, io::tls_version(),
                   store::engine_version()),
       "", false});
  findings.push_back({"local models", local::available(), local::engine_description(),
                      "build with llama.cpp: ./run does", true});
  const Status sandbox = io::network_can_be_refused();
  findings.push_back({"code off the network", sandbox.has_value(),
                      sandbox ? "seccomp" : sandbox.error().what,
                      sandbox ? "" : sandbox.error().hint, false});
}

void look_at_store(Session& session, std::vector<Finding>& findings) {
  Finding finding{"store", true, session.store_file().string(),
                  "sighter store backup FILE, then sighter store check", false};
  if (const Result<store::StoreSize> size = session.store()->size()) {
    finding.detail += fmt::format(", {:.1f} MB", static_cast<double>(size->file_bytes) / 1e6);
  } else {
    finding.ok = false;
    finding.detail = size.error().what;
  }
  findings.push_back(std::move(finding));
}

io::Task<Finding> reach(io::Core* core, io::BlockingPool* dns, models::Provider provider) {
  io::HttpClientOptions options;
  options.proxies = io::ProxySettings::from_environment();
  io::HttpClient client(*core, *dns, std::move(options));
  io::HttpRequest request;
  request.url = provider.base_url + "/models";
  const Result<std::string> key = models::resolve_key(provider.key);
  if (key) models::add_credentials(provider, *key, request);
  if (provider.dialect == wire::Dialect::kAnthropic)
    request.headers.add("anthropic-version", "2023-06-01");
  io::Deadlines deadlines;
  deadlines.connect = std::chrono::seconds(5);
  deadlines.total = std::chrono::seconds(10);
  Result<io::HttpReply> reply = co_await client.fetch(std::move(request), deadlines);
  const bool keyed = provider.authentication != models::Authentication::kNone;
  Finding finding{"provider " + provider.name, true, keyed ? "answers, key accepted" : "answers",
                  "", false};
  if (!reply) {
    finding.ok = false;
    finding.detail = reply.error().what;
    finding.mend = reply.error().hint.empty() ? "check the network, HTTPS_PROXY and base_url"
                                              : reply.error().hint;
  } else if (reply->status == 401 || reply->status == 403) {
    finding.ok = false;
    finding.detail = fmt::format("answers {}: the key was refused", reply->status);
    finding.mend = fmt::format("make a new key, or look into {}", provider.key);
  } else if (reply->status >= 500) {
    finding.ok = false;
    finding.detail = fmt::format("answers {}", reply->status);
    finding.mend = "try again later";
  } else if (reply->status >= 400) {
    finding.ok = false;
    finding.optional = true;
    finding.detail = fmt::format("answers {} for the list of models", reply->status);
    finding.mend = fmt::format("some servers have none; if calls fail, look at base_url: {}",
                               provider.base_url);
  } else if (reply->status >= 300) {
    finding.ok = false;
    finding.detail = fmt::format("answers {}, a redirect, and none is followed", reply->status);
    finding.mend = fmt::format("base_url is {}: write where it leads to", provider.base_url);
  } else if (const Result<Json> list = json_parse(reply->body, "the reply");
             !list || !(list->is_object() || list->is_array())) {
    finding.ok = false;
    finding.detail = "answers, but not with the JSON of an API";
    finding.mend = fmt::format("look at base_url: {} (for most it ends in /v1)", provider.base_url);
  }
  co_return finding;
}

void look_at_providers(Session& session, std::vector<Finding>& findings) {
  const models::ModelsConfig& config = session.project().models;
  io::BlockingPool dns("dns", 1, 16);
  for (const auto& [name, provider] : config.providers()) {
    const std::optional<Error> missing = config.missing_key(provider);
    bool used = false;
    for (const auto& [model, spec] : config.models()) {
      for (const models::Route& route : spec.routes) used = used || route.provider == name;
    }
    if (missing && !used) continue;
    if (name == "ollama" && !used) {
      Finding finding = session.run(reach(&session.core(), &dns, provider));
      if (finding.ok) findings.push_back(std::move(finding));
      continue;
    }
    if (missing) {
      findings.push_back({"provider " + name, false, missing->what, missing->hint, true});
      continue;
    }
    findings.push_back(session.run(reach(&session.core(), &dns, provider)));
  }
}

void look_at_models(Session& session, std::vector<Finding>& findings) {
  if (!local::available()) return;
  for (const auto& [name, spec] : session.project().models.models()) {
    if (!spec.local) continue;
    Result<local::Model*> model = session.engine().router().hub().local_model(spec);
    if (!model) {
      findings.push_back({"model " + name, false, model.error().what, model.error().hint, true});
      continue;
    }
    std::string detail = (*model)->info().description;
    if ((*model)->info().generates) {
      if (const Result<local::Speed> speed = (*model)->measure())
        detail +=
            fmt::format(", {:.0f} prompt and {:.0f} generated tokens/s on {} thread(s)",
                        speed->prompt_tokens_per_s, speed->generated_tokens_per_s, speed->threads);
    }
    findings.push_back({"model " + name, true, detail, "", false});
  }
}

// In a pipe a finding stays on one line, for grep; and a path is never cut.
std::string indented(const Terminal& terminal, const std::string& text) {
  constexpr std::size_t kIndent = 6;
  const std::size_t width = terminal.table_width();
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  if (width == Terminal::kUnlimited || longest + kIndent > width)
    return std::string(kIndent, ' ') + text;
  return wrap(text, width, kIndent);
}

}  // namespace

Result<int> run_doctor(const Arguments& arguments, Terminal& terminal) {
  std::vector<Finding> findings;
  look_at_build(findings);
  Result<std::unique_ptr<Session>> session = Session::open(arguments, terminal);
  if (!session) {
    findings.push_back(
        {"project and store", false, session.error().what, session.error().hint, false});
  } else {
    findings.push_back(
        {"project", true,
         (*session)->in_project()
             ? fmt::format("{}, functions: {}", (*session)->project().folder.string(),
                           (*session)->project().functions.size())
             : "none here",
         "", false});
    for (const functions::BrokenFunction& broken : (*session)->project().broken)
      findings.push_back(
          {"function " + broken.name, false, broken.why.what, broken.why.hint, false});
    look_at_store(**session, findings);
    look_at_providers(**session, findings);
    look_at_models(**session, findings);
  }
  Json rows = Json::array();
  bool all_well = true;
  for (const Finding& finding : findings) {
    all_well = all_well && (finding.ok || finding.optional);
    rows.as_array().push_back(Json::object({{"what", finding.what},
                                            {"ok", finding.ok},
                                            {"detail", finding.detail},
                                            {"mend", finding.ok ? "" : finding.mend}}));
    if (arguments.flag("json")) continue;
    const Style style = finding.ok         ? Style::kGreen
                        : finding.optional ? Style::kYellow
                                           : Style::kRed;
    const std::string_view word = finding.ok ? "ok  " : finding.optional ? "wait" : "FAIL";
    const std::string found =
        indented(terminal, fmt::format("{}: {}", finding.what, visible_line(finding.detail)));
    terminal.out(terminal.styled(style, word) + found.substr(4) + "\n");
    if (!finding.ok && !finding.mend.empty())
      terminal.out(terminal.styled(Style::kDim, indented(terminal, visible_line(finding.mend))) +
                   "\n");
  }
  if (arguments.flag("json"))
    terminal.out(json_write(Json::object({{"ok", all_well}, {"findings", std::move(rows)}})) +
                 "\n");
  return all_well ? 0 : 1;
}

}  // namespace sighter::cli
