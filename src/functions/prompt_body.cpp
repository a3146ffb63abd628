// Instructions to a foundation model.

#include <algorithm>

#include "base/utf8.hpp"
#include "functions/prompt_render.hpp"
#include "functions/requests.hpp"
#include "text/schema_strict.hpp"

namespace sighter::functions {
namespace {

class PromptRunner final : public Body {
 public:
  PromptRunner(Engine::Impl& engine, const Function& function, const Variant& variant)
      : engine_(engine),
        function_(function),
        variant_(variant),
        prompt_(std::get<PromptBody>(variant.body)),
        answer_(answering(function, prompt_)) {
    for (const std::string& name : prompt_.tools) {
      if (const Function* tool = engine.shared.project.find(name)) tools_.push_back(tool);
    }
  }
  std::optional<Error> unusable() const override;
  io::Task<Status> prepare(bool judged, const ApplyOptions& options) override;
  io::Task<Result<std::unique_ptr<Work>>> plan(const Call& call) override;

  // How a local model's label is found; nullopt: the model is asked for text.
  std::optional<local::LabelScoring> scoring() const;
  Result<Json> read(const wire::ChatReply& reply) const;
  Engine::Impl& engine() { return engine_; }
  const Function& function() const { return function_; }
  const PromptBody& prompt() const { return prompt_; }
  const std::vector<const Function*>& tools() const { return tools_; }

 private:
  Engine::Impl& engine_;
  const Function& function_;
  const Variant& variant_;
  const PromptBody& prompt_;
  const Answering answer_;
  std::vector<const Function*> tools_;
};

// A local model that is asked how likely each label is.
class ScoreWork final : public Work {
 public:
  ScoreWork(PromptRunner& runner, const Call& call, local::LabelTask task,
            local::LabelScoring scoring, std::string input)
      : runner_(runner),
        call_(call),
        task_(std::move(task)),
        scoring_(scoring),
        input_(std::move(input)) {}
  std::optional<Digest> fingerprint() const override;
  std::size_t request_bytes() const override;
  Json given() const override;
  io::Task<Outcome> run() override;

 private:
  PromptRunner& runner_;
  const Call& call_;
  local::LabelTask task_;
  local::LabelScoring scoring_;
  std::string input_;
};

// A model that writes its answer, calls functions on the way, and is told once when it does not
// fit.
class ChatWork final : public Work {
 public:
  ChatWork(PromptRunner& runner, const Call& call, wire::ChatRequest request)
      : runner_(runner), call_(call), request_(std::move(request)) {}
  std::optional<Digest> fingerprint() const override;
  std::size_t request_bytes() const override { return text_bytes(request_); }
  const wire::ChatRequest* chat() const override { return &request_; }
  io::Task<Outcome> run() override;

 private:
  io::Task<Status> ask(Outcome& outcome, wire::ChatReply& reply);
  io::Task<Status> call_tools(const wire::Message& message, Outcome& outcome);
  io::Task<Status> tell_again();
  io::Task<Json> call_tool(wire::ToolCall call, Outcome& outcome, bool& failed);

  PromptRunner& runner_;
  const Call& call_;
  wire::ChatRequest request_;
};

std::optional<Error> PromptRunner::unusable() const {
  if (prompt_.scoring && !engine_.router.is_local(prompt_.model)) {
    return Error{Kind::kUnsupported,
                 fmt::format("{}: 'scoring' needs a local model, and '{}' is not one",
                             variant_.where, prompt_.model),
                 "remove 'scoring'"};
  }
  return engine_.router.unusable(prompt_.model);
}

io::Task<Status> PromptRunner::prepare(bool, const ApplyOptions& options) {
  if (prompt_.examples > 0) {
    Result<Shared::Impl::Set> set = co_await engine_.examples(function_);
    if (!set) co_return std::unexpected(set.error());
  }
  if (!engine_.router.is_local(prompt_.model)) co_return Status{};
  const Result<models::ModelSpec> spec = engine_.shared.project.models.find(prompt_.model);
  if (!spec) co_return std::unexpected(spec.error());
  auto work = [&hub = engine_.shared.hub, model = *spec]() -> Status {
    const Result<local::Model*> loaded = hub.local_model(model);
    return loaded ? Status{} : Status(std::unexpected(loaded.error()));
  };
  Status loaded = co_await engine_.shared.pool.run(engine_.core, std::move(work), options.cancel);
  co_return loaded;
}

std::optional<local::LabelScoring> PromptRunner::scoring() const {
  if (function_.output.form() != OutputContract::Form::kLabels) return std::nullopt;
  if (!engine_.router.is_local(prompt_.model)) return std::nullopt;
  if (prompt_.scoring) return prompt_.scoring;
  if (!prompt_.tools.empty() || function_.input.form() == InputContract::Form::kMessages)
    return std::nullopt;
  return prompt_.examples > 0 ? local::LabelScoring::kChannel : local::LabelScoring::kCalibrated;
}

io::Task<Result<std::unique_ptr<Work>>> PromptRunner::plan(const Call& call) {
  Shared::Impl::Set set;
  if (prompt_.examples > 0) {
    Result<Shared::Impl::Set> read = co_await engine_.examples(function_);
    if (!read) co_return std::unexpected(read.error());
    set = std::move(*read);
  }
  Result<Rendered> rendered = render_prompt(function_, prompt_, call, set.get());
  if (!rendered) co_return std::unexpected(rendered.error());
  std::unique_ptr<Work> work;
  if (const auto how = scoring()) {
    local::LabelTask task;
    task.instructions = std::move(rendered->system);
    task.labels = function_.output.labels();
    task.meanings = function_.meanings;
    task.examples = std::move(rendered->examples);
    // The prompt for scoring names the input itself, so the only text goes in as it is.
    const bool plain = function_.input.only_text() != nullptr || !prompt_.user;
    work =
        std::make_unique<ScoreWork>(*this, call, std::move(task), *how,
                                    plain ? std::move(rendered->text) : std::move(rendered->user));
    co_return work;
  }
  Result<wire::ChatRequest> request =
      build_request(function_, prompt_, call, *rendered, answer_, tools_);
  if (!request) co_return std::unexpected(request.error());
  work = std::make_unique<ChatWork>(*this, call, std::move(*request));
  co_return work;
}

Result<Json> PromptRunner::read(const wire::ChatReply& reply) const {
  if (!reply.choices.empty()) {
    const wire::Choice& choice = reply.choices.front();
    for (const wire::Block& block : choice.message.content) {
      if (const auto* refusal = block.as<wire::Refusal>())
        return fail(Kind::kUpstream, "the model refused: " + refusal->text);
      const auto* call = block.as<wire::ToolCall>();
      if (call == nullptr || answer_.form != AnswerForm::kTool || call->name != kAnswerTool)
        continue;
      return function_.output.read(call->arguments);
    }
  }
  Result<Json> value = function_.output.read(reply.text());
  if (value || !answer_.nulls_removed) return value;
  // Members that are optional came back as null.
  Result<Json> loose = json_parse(reply.text(), "the answer");
  if (!loose) return value;
  Json without = text::strict_remove_nulls(function_.output.schema()->json(), std::move(*loose));
  if (!function_.output.check(without)) return value;
  return without;
}

std::size_t ScoreWork::request_bytes() const {
  std::size_t bytes = task_.instructions.size() + input_.size();
  for (const local::LabelExample& example : task_.examples)
    bytes += example.input.size() + example.label.size();
  return bytes;
}

Json ScoreWork::given() const {
  Json labels = Json::array(), examples = Json::array();
  for (const std::string& label : task_.labels) labels.as_array().push_back(label);
  for (const local::LabelExample& example : task_.examples)
    examples.as_array().push_back(
        Json::object({{"input", example.input}, {"label", example.label}}));
  return Json::object({{"instructions", task_.instructions},
                       {"labels", std::move(labels)},
                       {"examples", std::move(examples)},
                       {"scoring", local::to_string(scoring_)},
                       {"input", input_}});
}

std::optional<Digest> ScoreWork::fingerprint() const {
  Sha256 digest;
  digest.field("score")
      .field(runner_.prompt().model)
      .field(local::to_string(scoring_))
      .field(task_.instructions);
  for (const std::string& label : task_.labels) digest.field(label);
  for (const std::string& meaning : task_.meanings) digest.field("meaning").field(meaning);
  for (const local::LabelExample& example : task_.examples)
    digest.field(example.input).field(example.label);
  const auto spec = runner_.engine().shared.project.models.find(runner_.prompt().model);
  if (spec && spec->local) digest.field(spec->local->path.string());
  return digest.field("input").field(input_).finish();
}

io::Task<Outcome> ScoreWork::run() {
  Outcome outcome;
  outcome.model = runner_.prompt().model;
  std::string model = runner_.prompt().model;
  Result<models::LabelScores> scores = co_await runner_.engine().router.score_labels(
      std::move(model), std::move(task_), scoring_, std::move(input_), call_.options.cancel);
  if (!scores) {
    outcome.output = std::unexpected(scores.error());
    co_return outcome;
  }
  outcome.output = Json(runner_.function().output.labels()[scores->best]);
  outcome.probabilities = scores->probabilities;
  if (scores->best < scores->probabilities.size())
    outcome.confidence = scores->probabilities[scores->best];
  outcome.usage = scores->usage;
  outcome.route = runner_.prompt().model;
  co_return outcome;
}

std::optional<Digest> ChatWork::fingerprint() const {
  Sha256 digest;
  digest.field("prompt").field(runner_.prompt().model).field(hex(request_digest(request_)));
  // A model's name may come to mean another one.
  if (const auto spec = runner_.engine().shared.project.models.find(runner_.prompt().model)) {
    for (const models::Route& route : spec->routes) digest.field(route.name());
    if (spec->local) digest.field(spec->local->path.string());
  }
  digest.field(runner_.prompt().repair ? "repair" : "");
  add_extras(digest, runner_.prompt().extras);
  for (const Function* tool : runner_.tools())
    digest.field(tool->name).field(hex(tool->variants.front().digest));
  return digest.finish();
}

io::Task<Status> ChatWork::ask(Outcome& outcome, wire::ChatReply& reply) {
  models::CompletionOptions options{call_.options.purse, call_.options.cancel,
                                    call_.options.on_text, call_.options.reader,
                                    &runner_.prompt().extras};
  wire::ChatRequest request = request_;
  std::string model = runner_.prompt().model;
  models::CompletionResult answer = co_await runner_.engine().router.complete(
      std::move(request), std::move(model), std::move(options));
  take_answer(answer, outcome);
  if (!answer) co_return std::unexpected(answer.error().error);
  reply = std::move(answer->reply);
  co_return Status{};
}

io::Task<Json> ChatWork::call_tool(wire::ToolCall call, Outcome& outcome, bool& failed) {
  failed = true;
  const auto& tools = runner_.tools();
  const auto tool = std::find_if(tools.begin(), tools.end(),
                                 [&](const Function* f) { return f->name == call.name; });
  if (tool == tools.end()) co_return Json(fmt::format("there is no tool '{}'", call.name));
  Result<Json> input = json_parse(call.arguments.empty() ? "{}" : call.arguments, "arguments");
  if (!input) co_return Json(input.error().message());
  ApplyOptions options = call_.options;
  options.call = {};
  options.parent = call_.id;
  options.trace = call_.trace;
  options.depth = call_.options.depth + 1;
  options.held_out = 0;
  options.only_cases = nullptr;
  options.on_text = {};
  options.reader = nullptr;
  options.answered = {};
  const Function& function = **tool;
  const Variant& variant = function.variants.front();
  Json arguments = std::move(*input);
  ApplyResult answer = co_await runner_.engine().engine.apply(
      function, variant, std::move(arguments), std::move(options));
  add_cost(outcome.inner_cost, answer ? answer->cost : answer.error().cost);
  if (answer) models::add_usage(outcome.inner_usage, answer->usage);
  if (!answer) co_return Json(answer.error().error.message());
  failed = false;
  co_return std::move(answer->output);
}

io::Task<Status> ChatWork::call_tools(const wire::Message& message, Outcome& outcome) {
  std::vector<wire::ToolCall> calls;
  for (const wire::Block& block : message.content) {
    if (const auto* call = block.as<wire::ToolCall>()) calls.push_back(*call);
  }
  request_.messages.push_back(message);
  for (const wire::ToolCall& call : calls) {
    bool failed = false;
    wire::ToolCall copy = call;
    Json value = co_await call_tool(std::move(copy), outcome, failed);
    if (call_.options.cancel.cancelled()) co_return std::unexpected(call_.options.cancel.error());
    wire::ToolResult result;
    result.id = call.id;
    result.name = call.name;
    result.content.emplace_back(
        wire::Text{value.is_string() ? value.as_string() : json_write(value)});
    if (failed) result.is_error = true;
    wire::Message answer;
    answer.role = wire::Role::kTool;
    answer.content.emplace_back(std::move(result));
    request_.messages.push_back(std::move(answer));
  }
  co_return Status{};
}

bool wants_tools(const wire::ChatReply& reply) {
  if (reply.choices.empty()) return false;
  const auto& content = reply.choices.front().message.content;
  return std::any_of(content.begin(), content.end(), [](const wire::Block& block) {
    const auto* call = block.as<wire::ToolCall>();
    return call != nullptr && call->kind == wire::ToolCall::Kind::kFunction &&
           call->name != kAnswerTool;
  });
}

std::string shortened(std::string text) {
  constexpr std::size_t kBytesMax = 2000;
  if (text.size() > kBytesMax)
    text.resize(complete_utf8_prefix(std::string_view(text).substr(0, kBytesMax)));
  return text;
}

std::string misfit(const Error& error, const wire::ChatReply& reply) {
  const bool cut = !reply.choices.empty() &&
                   reply.choices.front().finish.kind == wire::FinishReason::Kind::kLength;
  return cut ? error.what + " (the answer was cut at max_tokens)" : error.what;
}

// Whoever reads along has read what is not the output.
io::Task<Status> ChatWork::tell_again() {
  OutputReader* reader = call_.options.reader;
  if (reader == nullptr) co_return Status{};
  Status told = co_await reader->again();
  co_return told;
}

io::Task<Outcome> ChatWork::run() {
  Outcome outcome;
  outcome.model = runner_.prompt().model;
  int turns = 0;
  bool repaired = false;
  while (true) {
    wire::ChatReply reply;
    Status asked = co_await ask(outcome, reply);
    if (!asked) {
      outcome.output = std::unexpected(asked.error());
      co_return outcome;
    }
    if (!runner_.tools().empty() && wants_tools(reply)) {
      if (++turns > runner_.prompt().tool_turns) {
        outcome.output =
            std::unexpected(Error{Kind::kUpstream,
                                  fmt::format("the model called tools more than {} times in a row",
                                              runner_.prompt().tool_turns),
                                  "raise 'tool_turns', or say in the prompt when to stop"});
        co_return outcome;
      }
      const wire::Message message = reply.choices.front().message;
      Status called = co_await call_tools(message, outcome);
      if (!called) {
        outcome.output = std::unexpected(called.error());
        co_return outcome;
      }
      Status told = co_await tell_again();
      if (!told) {
        outcome.output = std::unexpected(told.error());
        co_return outcome;
      }
      continue;
    }
    Result<Json> value = runner_.read(reply);
    if (value) {
      outcome.output = std::move(*value);
      co_return outcome;
    }
    const std::string problem = misfit(value.error(), reply);
    outcome.tried.as_array().push_back(
        Json::object({{"answer", shortened(reply.text())}, {"error", problem}}));
    if (repaired || !runner_.prompt().repair || value.error().kind == Kind::kUpstream) {
      outcome.output = std::unexpected(Error{
          Kind::kUpstream, "the model's answer does not fit: " + problem, value.error().hint});
      co_return outcome;
    }
    repaired = true;
    Status told = co_await tell_again();
    if (!told) {
      outcome.output = std::unexpected(told.error());
      co_return outcome;
    }
    const std::string said = reply.text();
    if (!said.empty())
      request_.messages.push_back(wire::Message::text(wire::Role::kAssistant, said));
    request_.messages.push_back(wire::Message::text(
        wire::Role::kUser,
        fmt::format(
            "Your answer does not fit: {}. {}\nAnswer again, with nothing but the right value.",
            value.error().what, value.error().hint)));
  }
}

}  // namespace

std::unique_ptr<Body> make_prompt_body(Engine::Impl& engine, const Function& function,
                                       const Variant& variant) {
  return std::make_unique<PromptRunner>(engine, function, variant);
}

}  // namespace sighter::functions
