// A small model fitted to the function's cases, or read from its artifact.

#include "base/file.hpp"
#include "base/limits.hpp"
#include "functions/learned.hpp"
#include "functions/model_shelf.hpp"
#include "functions/vectors.hpp"
#include "io/channel.hpp"

namespace sighter::functions {
namespace {

constexpr std::size_t kModelBytesMax = std::size_t{4} << 30;
// Of how models are fitted: another one makes all that were kept be fitted again.
constexpr std::string_view kFitting = "1";
constexpr std::size_t kEmbedBatch = 64;  // texts of one request

// What answers one call.
struct Chosen {
  learn::Model model;
  Digest identity{};  // of what it was fitted to and how
};

class LearnedRunner final : public Body {
 public:
  LearnedRunner(Engine::Impl& engine, const Function& function, const Variant& variant)
      : engine_(engine),
        function_(function),
        variant_(variant),
        learned_(std::get<LearnedBody>(variant.body)) {}

  std::optional<Error> unusable() const override;
  io::Task<Status> prepare(bool judged, const ApplyOptions& options) override;
  io::Task<Result<std::unique_ptr<Work>>> plan(const Call& call) override;
  io::Task<Result<std::vector<float>>> vector_of(const Call& call, const std::string& text,
                                                 Outcome& outcome);
  const Function& function() const { return function_; }
  bool embeds() const { return uses_vectors(learned_); }

 private:
  // Judging looks away from the case, which an artifact cannot.
  bool from_artifact(const ApplyOptions& options) const {
    return !learned_.artifact.empty() && (options.held_out == 0 || function_.cases.empty()) &&
           !options.only_cases;
  }
  Result<learn::Model> load() const;
  io::Task<Result<Chosen>> choose(const Call& call, std::string text);
  io::Task<Result<Chosen>> choose_artifact();
  ModelShelf shelf(const Fits& fits) const;
  // The model of all cases: from its file, or fitted and kept there. Blocks.
  Result<learn::Model> whole(Fits& fits);

  Engine::Impl& engine_;
  const Function& function_;
  const Variant& variant_;
  const LearnedBody& learned_;
  Once<learn::Model> artifact_, whole_;
};

class LearnedWork final : public Work {
 public:
  LearnedWork(LearnedRunner& runner, const Call& call, std::string text, Chosen chosen)
      : runner_(runner), call_(call), text_(std::move(text)), chosen_(std::move(chosen)) {}
  std::optional<Digest> fingerprint() const override {
    return Sha256().field("learned").field(hex(chosen_.identity)).field(text_).finish();
  }
  io::Task<Outcome> run() override {
    Outcome outcome;
    std::vector<float> vector;
    if (runner_.embeds()) {
      Result<std::vector<float>> embedded = co_await runner_.vector_of(call_, text_, outcome);
      if (!embedded) {
        outcome.output = std::unexpected(embedded.error());
        co_return outcome;
      }
      vector = std::move(*embedded);
    }
    const Result<learn::Prediction> guess = chosen_.model.predict(text_, vector);
    if (!guess) {
      outcome.output = std::unexpected(guess.error());
      co_return outcome;
    }
    outcome.output =
        Json(runner_.function().output.labels()[static_cast<std::size_t>(guess->label)]);
    outcome.confidence = guess->confidence;
    outcome.probabilities.assign(guess->probabilities.begin(), guess->probabilities.end());
    co_return outcome;
  }

 private:
  LearnedRunner& runner_;
  const Call& call_;
  std::string text_;
  Chosen chosen_;
};

std::optional<Error> LearnedRunner::unusable() const {
  if (learned_.artifact.empty() && function_.cases.empty()) {
    return Error{Kind::kNotFound, fmt::format("'{}' has no cases to learn from", function_.name),
                 "add cases.jsonl to the function's folder"};
  }
  return embeds() ? engine_.router.unusable(learned_.embedding_model) : std::nullopt;
}

Result<learn::Model> LearnedRunner::load() const {
  const Result<std::string> bytes = read_file(learned_.artifact, kModelBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  Result<learn::Model> model = learn::Model::load(*bytes);
  if (!model) return std::unexpected(model.error().in(learned_.artifact.string()));
  if (model->info().labels != function_.output.labels()) {
    return fail(Kind::kConflict,
                fmt::format("{} was made for other labels than those of '{}'",
                            learned_.artifact.string(), function_.name),
                "make it again, or remove it");
  }
  return model;
}

io::Task<Result<Chosen>> LearnedRunner::choose_artifact() {
  if (artifact_.ready() == nullptr) {
    auto work = [this] { return artifact_.get([this] { return load(); }); };
    Result<learn::Model> loaded = co_await engine_.shared.pool.run(engine_.core, std::move(work));
    if (!loaded) co_return std::unexpected(loaded.error());
  }
  const Result<learn::Model>& model = *artifact_.ready();
  if (!model) co_return std::unexpected(model.error());
  co_return Chosen{*model, variant_.digest};
}

ModelShelf LearnedRunner::shelf(const Fits& fits) const {
  const Project& project = engine_.shared.project;
  Sha256 digest;
  digest.field(kFitting).field(hex(variant_.digest)).field(hex(fits.set().digest()));
  for (const std::string& label : function_.output.labels()) digest.field(label);
  if (embeds()) {
    const Result<models::ModelSpec> spec = project.models.find(learned_.embedding_model);
    digest.field(spec ? embedding_identity(*spec) : learned_.embedding_model);
  }
  const std::filesystem::path& root = project.folder;
  return {root.empty() ? root : root / ".sighter" / "models", function_.name + "." + variant_.name,
          digest.finish(), engine_.shared.log};
}

Result<learn::Model> LearnedRunner::whole(Fits& fits) {
  return whole_.get([&]() -> Result<learn::Model> {
    const ModelShelf kept = shelf(fits);
    if (std::optional<learn::Model> found = kept.take(function_.output.labels()))
      return std::move(*found);
    Result<learn::Model> fitted = fits.fit(Fits::kAll);
    if (fitted) kept.put(*fitted);
    return fitted;
  });
}

io::Task<Result<Chosen>> LearnedRunner::choose(const Call& call, std::string text) {
  if (from_artifact(call.options)) {
    Result<Chosen> chosen = co_await choose_artifact();
    co_return chosen;
  }
  Result<std::shared_ptr<Fits>> fits =
      co_await learned_fits(engine_, function_, variant_, call.options);
  if (!fits) co_return std::unexpected(fits.error());
  const std::int64_t slot = (*fits)->slot(call.options.held_out, text);
  // Only what is asked in earnest is kept; a judged case may be none of the known ones too.
  const bool all = slot == Fits::kAll && call.options.held_out == 0 && !call.options.only_cases;
  const Result<learn::Model>* known = all ? whole_.ready() : (*fits)->ready(slot);
  if (known == nullptr) {
    auto work = [this, held = *fits, slot, all] { return all ? whole(*held) : held->fit(slot); };
    Result<learn::Model> fitted =
        co_await engine_.shared.pool.run(engine_.core, std::move(work), call.options.cancel);
    if (!fitted) co_return std::unexpected(fitted.error());
    known = all ? whole_.ready() : (*fits)->ready(slot);
  }
  const Result<learn::Model>& model = *known;
  if (!model) co_return std::unexpected(model.error());
  Sha256 identity;
  identity.field(hex(variant_.digest))
      .field(hex((*fits)->set().digest()))
      .field(std::to_string(slot));
  if (call.options.only_cases) {
    for (std::uint64_t key : *call.options.only_cases) identity.field(std::to_string(key));
  }
  co_return Chosen{*model, identity.finish()};
}

io::Task<Result<std::unique_ptr<Work>>> LearnedRunner::plan(const Call& call) {
  std::string text = input_text(call.input);
  Result<Chosen> chosen = co_await choose(call, text);
  if (!chosen) co_return std::unexpected(chosen.error());
  std::unique_ptr<Work> work =
      std::make_unique<LearnedWork>(*this, call, std::move(text), std::move(*chosen));
  co_return work;
}

io::Task<Result<std::vector<float>>> LearnedRunner::vector_of(const Call& call,
                                                              const std::string& text,
                                                              Outcome& outcome) {
  const Vectors known = engine_.shared.find_vectors(function_, learned_.embedding_model);
  const Result<Shared::Impl::Set>* set = engine_.shared.set_of(function_).ready();
  if (known && set != nullptr && *set && call.options.held_out != 0) {
    const auto index = (**set)->find(call.options.held_out);
    if (index && (**set)->examples()[*index].text == text) co_return (*known)[*index];
  }
  models::CompletionOptions options{call.options.purse, call.options.cancel, {}};
  std::vector<std::string> texts{text};
  Result<models::Embeddings> embedded =
      co_await engine_.router.embed(learned_.embedding_model, std::move(texts), std::move(options));
  if (!embedded) co_return std::unexpected(embedded.error());
  outcome.usage = embedded->usage;
  outcome.cost = embedded->cost;
  outcome.model = learned_.embedding_model;
  if (embedded->vectors.empty())
    co_return fail(Kind::kUpstream, "the embedding model gave no vector");
  co_return std::move(embedded->vectors.front());
}

io::Task<Status> LearnedRunner::prepare(bool judged, const ApplyOptions& options) {
  if (!judged && from_artifact(options)) {
    Result<Chosen> loaded = co_await choose_artifact();
    co_return loaded ? Status{} : Status(std::unexpected(loaded.error()));
  }
  Result<std::shared_ptr<Fits>> fits = co_await learned_fits(engine_, function_, variant_, options);
  if (!fits) co_return std::unexpected(fits.error());
  // Some learning curves' labels: nothing of that is kept.
  const bool some = options.only_cases != nullptr;
  auto work = [this, held = *fits, judged, some]() -> Status {
    if (judged) return held->fit_folds();
    const Result<learn::Model> fitted = some ? held->fit(Fits::kAll) : whole(*held);
    return fitted ? Status{} : Status(std::unexpected(fitted.error()));
  };
  Status ready = co_await engine_.shared.pool.run(engine_.core, std::move(work), options.cancel);
  co_return ready;
}

// The vectors of all cases: those of the cache file, the others embedded now.
io::Task<Result<Vectors>> case_vectors(Engine::Impl& engine, const Function& function,
                                       const std::string& model, Shared::Impl::Set set,
                                       const ApplyOptions& options) {
  if (Vectors known = engine.shared.find_vectors(function, model)) co_return known;
  const Result<models::ModelSpec> spec = engine.shared.project.models.find(model);
  if (!spec) co_return std::unexpected(spec.error());
  const std::filesystem::path& root = engine.shared.project.folder;
  const std::filesystem::path folder = root.empty() ? root : root / ".sighter" / "cache";
  VectorCache cache(folder, embedding_identity(*spec));
  std::vector<std::string> missing;
  for (const learn::Example& example : set->examples()) {
    if (cache.find(example.text) == nullptr) missing.push_back(example.text);
  }
  for (std::size_t begin = 0; begin < missing.size(); begin += kEmbedBatch) {
    const std::size_t end = std::min(missing.size(), begin + kEmbedBatch);
    std::vector<std::string> texts(missing.begin() + static_cast<std::ptrdiff_t>(begin),
                                   missing.begin() + static_cast<std::ptrdiff_t>(end));
    models::CompletionOptions asked{options.purse, options.cancel, {}};
    Result<models::Embeddings> embedded =
        co_await engine.router.embed(model, std::move(texts), std::move(asked));
    if (!embedded) {
      if (Status saved = cache.save(); !saved)
        engine.shared.log.warning("functions", saved.error().what);
      co_return std::unexpected(embedded.error());
    }
    if (embedded->vectors.size() != end - begin)
      co_return fail(Kind::kUpstream,
                     "the embedding model gave another number of vectors than texts");
    for (std::size_t i = begin; i < end; ++i)
      cache.add(missing[i], std::move(embedded->vectors[i - begin]));
  }
  if (Status saved = cache.save(); !saved)
    engine.shared.log.warning("functions", saved.error().what);
  auto vectors = std::make_shared<std::vector<std::vector<float>>>();
  for (const learn::Example& example : set->examples())
    vectors->push_back(*cache.find(example.text));
  engine.shared.keep_vectors(function, model, vectors);
  co_return Vectors(std::move(vectors));
}

}  // namespace

bool uses_vectors(const LearnedBody& learned) {
  return learned.options.features == learn::FeatureKind::kEmbedding &&
         learned.options.learner != learn::LearnerKind::kMajority;
}

io::Task<Result<std::shared_ptr<Fits>>> learned_fits(Engine::Impl& engine, const Function& function,
                                                     const Variant& variant,
                                                     const ApplyOptions& options) {
  Result<Shared::Impl::Set> set = co_await engine.examples(function);
  if (!set) co_return std::unexpected(set.error());
  const auto& learned = std::get<LearnedBody>(variant.body);
  Vectors vectors;
  if (uses_vectors(learned)) {
    // One at a time, so that rows that start together do not embed the cases twice.
    Result<io::Permit> permit = co_await engine.embedding.acquire(options.cancel);
    if (!permit) co_return std::unexpected(permit.error());
    Result<Vectors> embedded =
        co_await case_vectors(engine, function, learned.embedding_model, *set, options);
    if (!embedded) co_return std::unexpected(embedded.error());
    vectors = std::move(*embedded);
  }
  co_return engine.shared.fits(function, variant, *set, vectors, options.only_cases);
}

std::unique_ptr<Body> make_learned_body(Engine::Impl& engine, const Function& function,
                                        const Variant& variant) {
  return std::make_unique<LearnedRunner>(engine, function, variant);
}

}  // namespace sighter::functions
