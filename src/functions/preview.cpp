// What a variant would be given, for people to look at before anything is paid.

#include "functions/body.hpp"
#include "functions/requests.hpp"

namespace sighter::functions {
namespace {

constexpr std::int64_t kOutputTokens = 4096;  // assumed where no limit is asked for

// The request as its first route would be sent it, with what the provider's and the variant's
// tables put into the body. (Their headers may hold secrets, and are not shown.)
Status add_request(const Project& project, const wire::ChatRequest& chat,
                   const models::Extras* extras, Preview& preview) {
  const Result<models::ModelSpec> spec = project.models.find(preview.model);
  if (!spec) return std::unexpected(spec.error());
  wire::Dialect dialect = wire::Dialect::kOpenAiChat;
  wire::EncodeOptions options;
  options.stream = false;
  std::vector<models::BodyEdit> edits;
  std::optional<models::Price> price = spec->local ? std::optional(models::Price{}) : std::nullopt;
  if (!spec->local && !spec->routes.empty()) {
    const models::Route& route = spec->routes.front();
    const models::Provider* provider = project.models.provider(route.provider);
    if (provider != nullptr) {
      dialect = provider->dialect;
      options.quirks = provider->quirks;
      edits = provider->extra_body;
      if (extras != nullptr) edits.insert(edits.end(), extras->body.begin(), extras->body.end());
    }
    options.model = route.upstream;
    preview.route = route.name();
    price = project.models.price(*spec, route);
  }
  const wire::Codec* codec = wire::codec_of(dialect);
  if (codec == nullptr) return fail(Kind::kUnsupported, "its dialect is not spoken here");
  const Result<wire::Encoded> encoded = codec->encode_request(chat, options);
  if (!encoded) return std::unexpected(encoded.error().in(preview.model));
  Result<Json> request = json_parse(encoded->body, "request");
  if (!request) return std::unexpected(request.error());
  for (const models::BodyEdit& edit : edits) {
    if (Status set = models::set_at(*request, edit); !set) return set;
  }
  preview.dialect = wire::to_string(dialect);
  preview.request = std::move(*request);
  preview.output_tokens_max = chat.max_tokens;
  if (price) {
    preview.cost_max =
        models::estimate(encoded->body.size(), chat.max_tokens.value_or(kOutputTokens), *price);
  }
  return {};
}

}  // namespace

io::Task<Result<Preview>> Engine::preview(const Function& function, const Variant& variant,
                                          Json input, ApplyOptions options) {
  Preview out;
  out.variant = variant.name;
  out.kind = variant.kind();
  Call call{&function, &variant, std::move(input), std::move(options), {}, {}};
  Result<Json> admitted = function.input.admit(call.input);
  if (!admitted) co_return std::unexpected(admitted.error());
  call.input = std::move(*admitted);
  if (const auto* cascade = std::get_if<CascadeBody>(&variant.body)) {
    for (const std::string& name : cascade->steps) {
      const Variant* step = function.find(name);
      if (step == nullptr || step == &variant) continue;
      Json given = call.input;
      ApplyOptions same = call.options;
      Result<Preview> one = co_await preview(function, *step, std::move(given), std::move(same));
      if (!one) co_return std::unexpected(one.error());
      out.steps.push_back(std::move(*one));
    }
    out.cost_max = NanoUsd{};
    for (const Preview& step : out.steps) add_cost(out.cost_max, step.cost_max);
    co_return out;
  }
  Body& body = impl_->body(function, variant);
  Result<std::unique_ptr<Work>> work = co_await body.plan(call);
  if (!work)
    co_return std::unexpected(of_function(*impl_, function, call.options.served, work.error()));
  const auto* prompt = std::get_if<PromptBody>(&variant.body);
  if (prompt != nullptr) out.model = prompt->model;
  out.input_tokens_max = static_cast<std::int64_t>(((*work)->request_bytes() + 2) / 3);
  if (const wire::ChatRequest* chat = (*work)->chat()) {
    const models::Extras* extras = prompt != nullptr ? &prompt->extras : nullptr;
    if (Status added = add_request(impl_->shared.project, *chat, extras, out); !added)
      co_return std::unexpected(added.error());
    co_return out;
  }
  out.cost_max = NanoUsd{};
  out.request = (*work)->given();
  if (out.request.is_null()) out.request = Json::object({{"input", call.input}});
  if (const auto* code = std::get_if<CodeBody>(&variant.body)) {
    Json command = Json::array();
    for (const std::string& word : code->command) command.as_array().push_back(word);
    out.request.as_object().set("command", std::move(command));
  }
  co_return out;
}

}  // namespace sighter::functions
