#include <algorithm>

#include "base/log.hpp"
#include "models/chat_prompt.hpp"
#include "models/hub_impl.hpp"

namespace sighter::models {

Hub::Impl::Impl(ModelsConfig models_config, const Clock& the_clock, Log& the_log,
                std::size_t local_threads)
    : config(std::move(models_config)),
      clock(the_clock),
      log(the_log),
      local_pool("local", std::max<std::size_t>(1, local_threads), 4096),
      dns_pool("dns", 2, 256) {
  for (const auto& [name, model] : config.models()) {
    for (const Route& route : model.routes) routes.keep(route.name());
  }
}

Result<LoadedModel*> Hub::Impl::load(const ModelSpec& spec) {
  if (!spec.local)
    return fail(Kind::kUnsupported, fmt::format("'{}' does not run in this process", spec.name));
  const LocalFile& file = *spec.local;
  const std::string key = fmt::format("{}|{}|{}|{}", file.path.string(), file.threads,
                                      file.contexts, file.context_tokens);
  LoadedModel* entry = nullptr;
  {
    const std::lock_guard lock(mutex);
    std::unique_ptr<LoadedModel>& place = loaded[key];
    if (!place) place = std::make_unique<LoadedModel>();
    entry = place.get();
  }
  const std::lock_guard lock(entry->mutex);
  if (entry->model) return entry;
  local::ModelOptions options;
  options.file = file.path;
  options.contexts_max = file.contexts;
  options.threads = file.threads;
  options.context_tokens = file.context_tokens;
  Result<std::unique_ptr<local::Model>> model = local::Model::load(options);
  if (!model) {
    Error error = model.error().in(fmt::format("model '{}'", spec.name));
    if (error.kind == Kind::kNotFound)
      error.hint =
          file.wanted.starts_with("cache:")
              ? "tools/local_models.sh models fetches it; any other GGUF file can be named instead"
              : "name a GGUF file that exists";
    return std::unexpected(error);
  }
  if ((*model)->info().generates) {
    Result<text::Template> chat = chat_template((*model)->chat_template());
    if (!chat)
      return std::unexpected(
          chat.error().in(fmt::format("the chat template of model '{}'", spec.name)));
    entry->chat = std::move(*chat);
  }
  log.info("models", fmt::format("{} loaded: {}", spec.name, (*model)->info().description));
  entry->model = std::move(*model);
  return entry;
}

Hub::Hub(ModelsConfig config, const Clock& clock, Log& log, std::size_t local_threads)
    : impl_(std::make_unique<Impl>(std::move(config), clock, log, local_threads)) {}

Hub::~Hub() = default;

const ModelsConfig& Hub::config() const {
  return impl_->config;
}
io::BlockingPool& Hub::local_pool() {
  return impl_->local_pool;
}
io::BlockingPool& Hub::dns_pool() {
  return impl_->dns_pool;
}

Result<local::Model*> Hub::local_model(const ModelSpec& spec) {
  Result<LoadedModel*> entry = impl_->load(spec);
  if (!entry) return std::unexpected(entry.error());
  return (*entry)->model.get();
}

}  // namespace sighter::models
