// A program of the function's folder, asked line by line.

#include <algorithm>
#include <thread>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "functions/body.hpp"
#include "io/worker_pool.hpp"

namespace sighter::functions {
namespace {

constexpr std::size_t kProgramBytesMax = 64u << 20;

// The command and every file of the project that it names: an edited program is another body.
Digest program_digest(const Function& function, const CodeBody& code) {
  Sha256 digest;
  for (const std::string& word : code.command) {
    digest.field(word);
    std::error_code error;
    const std::filesystem::path path = function.folder / word;
    if (word.empty() || !std::filesystem::is_regular_file(path, error)) continue;
    if (const Result<std::string> bytes = read_file(path, kProgramBytesMax)) digest.field(*bytes);
  }
  return digest.finish();
}

// {"output": ..., "confidence": ...}, {"error": "..."}, or the bare value.
void read_answer(const std::string& line, const OutputContract& contract, Outcome& outcome) {
  Result<Json> answer = json_parse(line, "the program's answer");
  if (!answer) {
    outcome.output =
        std::unexpected(Error{Kind::kUpstream, answer.error().what,
                              "print one JSON value a line, and nothing else, to standard output"});
    return;
  }
  if (!answer->is_object()) {
    outcome.output = std::move(*answer);
    return;
  }
  const JsonObject& object = answer->as_object();
  if (const Json* output = object.find("output")) {
    if (const Json* confidence = object.find("confidence")) {
      outcome.confidence = confidence->to_double();
      if (outcome.confidence && (*outcome.confidence < 0.0 || *outcome.confidence > 1.0))
        outcome.confidence.reset();
    }
    Json value = *output;
    outcome.output = std::move(value);
    return;
  }
  const std::string* error = answer->find_string("error");
  if (error != nullptr &&
      !(contract.form() == OutputContract::Form::kSchema && contract.check(*answer))) {
    outcome.output = std::unexpected(Error{Kind::kUpstream, "the program says: " + *error, ""});
    return;
  }
  outcome.output = std::move(*answer);
}

class CodeRunner final : public Body {
 public:
  CodeRunner(Engine::Impl& engine, const Function& function, const Variant& variant)
      : engine_(engine),
        function_(function),
        variant_(variant),
        code_(std::get<CodeBody>(variant.body)),
        program_(program_digest(function, code_)) {}

  std::optional<Error> unusable() const override { return std::nullopt; }
  io::Task<Status> prepare(bool, const ApplyOptions&) override { co_return Status{}; }
  io::Task<Result<std::unique_ptr<Work>>> plan(const Call& call) override;
  io::WorkerPool& pool();
  Digest fingerprint(const std::string& line) const {
    return Sha256()
        .field("code")
        .field(hex(variant_.digest))
        .field(hex(program_))
        .field(line)
        .finish();
  }
  const OutputContract& contract() const { return function_.output; }

 private:
  Engine::Impl& engine_;
  const Function& function_;
  const Variant& variant_;
  const CodeBody& code_;
  const Digest program_;
  std::unique_ptr<io::WorkerPool> pool_;
};

class CodeWork final : public Work {
 public:
  CodeWork(CodeRunner& runner, const Call& call)
      : runner_(runner),
        call_(call),
        line_(json_write(Json::object({{"input", call.input}}))),
        fingerprint_(runner.fingerprint(json_canonical(call.input))) {}
  std::optional<Digest> fingerprint() const override { return fingerprint_; }
  io::Task<Outcome> run() override {
    Outcome outcome;
    io::CancelToken cancel = call_.options.cancel;
    io::WorkerPool& pool = runner_.pool();
    Result<std::string> line = co_await pool.ask(std::move(line_), cancel);
    if (line)
      read_answer(*line, runner_.contract(), outcome);
    else
      outcome.output = std::unexpected(line.error());
    co_return outcome;
  }

 private:
  CodeRunner& runner_;
  const Call& call_;
  std::string line_;
  Digest fingerprint_;
};

io::Task<Result<std::unique_ptr<Work>>> CodeRunner::plan(const Call& call) {
  std::unique_ptr<Work> work = std::make_unique<CodeWork>(*this, call);
  co_return work;
}

io::WorkerPool& CodeRunner::pool() {
  if (pool_) return *pool_;
  io::ProcessSpec spec;
  spec.command = code_.command;
  spec.folder = function_.folder.string();
  spec.environment = io::child_environment(code_.environment);
  spec.network = code_.network;
  spec.limits = code_.limits;
  io::WorkerPoolOptions options;
  options.name = fmt::format("{}/{}", function_.name, variant_.name);
  options.workers_max = code_.workers > 0 ? static_cast<std::size_t>(code_.workers)
                                          : std::max(1u, std::thread::hardware_concurrency());
  options.timeout = code_.timeout;
  options.log = &engine_.shared.log;
  pool_ = std::make_unique<io::WorkerPool>(engine_.core, std::move(spec), std::move(options));
  return *pool_;
}

}  // namespace

std::unique_ptr<Body> make_code_body(Engine::Impl& engine, const Function& function,
                                     const Variant& variant) {
  return std::make_unique<CodeRunner>(engine, function, variant);
}

}  // namespace sighter::functions
