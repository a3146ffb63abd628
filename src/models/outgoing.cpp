#include "models/outgoing.hpp"

#include <algorithm>

#include "io/event_stream.hpp"
#include "models/body_edits.hpp"
#include "models/count_tokens.hpp"
#include "models/percent.hpp"
#include "wire/relay.hpp"

namespace sighter::models {
namespace {

constexpr std::string_view kAnthropicVersion = "2023-06-01";

std::string_view chat_path(wire::Dialect dialect) {
  switch (dialect) {
    case wire::Dialect::kAnthropic:
      return "/messages";
    case wire::Dialect::kOpenAiResponses:
      return "/responses";
    default:
      return "/chat/completions";
  }
}

std::string path_of(const ClientRequest& request, const Provider& provider,
                    std::string_view upstream) {
  switch (request.endpoint) {
    case Endpoint::kEmbeddings:
      if (provider.dialect == wire::Dialect::kGemini)
        return fmt::format("/models/{}:batchEmbedContents", percent_encoded(upstream));
      return "/embeddings";
    case Endpoint::kCompletions:
      return "/completions";
    case Endpoint::kCountTokens:
      return count_path(provider.dialect, upstream);
    case Endpoint::kOther:
      return request.path;
    case Endpoint::kChat:
      break;
  }
  if (provider.dialect == wire::Dialect::kGemini) {
    return fmt::format("/models/{}:{}", percent_encoded(upstream),
                       request.stream ? "streamGenerateContent?alt=sse" : "generateContent");
  }
  if (provider.dialect == wire::Dialect::kBedrock) {
    return fmt::format("/model/{}/{}", percent_encoded(upstream),
                       request.stream ? "converse-stream" : "converse");
  }
  return std::string(chat_path(provider.dialect));
}

std::string_view accepted(const ClientRequest& request, const Provider& provider) {
  if (!request.stream) return "application/json";
  return provider.dialect == wire::Dialect::kBedrock ? io::kEventStreamType : "text/event-stream";
}

// Of Azure's interface, what is the business of one deployment.
bool of_deployment(std::string_view path) {
  constexpr std::string_view kPaths[] = {"/chat/completions", "/completions", "/embeddings",
                                         "/audio/", "/images/"};
  path = path.substr(0, path.find('?'));
  return std::ranges::any_of(kPaths, [&](std::string_view one) {
    return one.ends_with('/') ? path.starts_with(one) : path == one;
  });
}

// Azure's addresses name the deployment and the version of the interface.
std::string url_of(const ClientRequest& request, const Provider& provider,
                   std::string_view upstream) {
  const std::string path = path_of(request, provider, upstream);
  if (provider.api_version.empty()) return provider.base_url + path;
  const std::string_view base = provider.base_url;
  const bool deployment = of_deployment(path) && !upstream.empty() &&
                          !base.contains("/deployments/") && !base.ends_with("/v1") &&
                          !base.ends_with("/models");
  return fmt::format(
      "{}{}{}{}api-version={}", base, deployment ? "/deployments/" + percent_encoded(upstream) : "",
      path, path.find('?') == path.npos ? '?' : '&', percent_encoded(provider.api_version));
}

void add_headers(const ClientRequest& request, const Provider& provider, Outgoing& out) {
  io::Headers& headers = out.http.headers;
  if (request.method != "GET" && request.method != "DELETE")
    headers.set("Content-Type", request.content_type);
  headers.set("Accept", std::string(accepted(request, provider)));
  const bool anthropic = provider.dialect == wire::Dialect::kAnthropic;
  if (anthropic) headers.set("anthropic-version", std::string(kAnthropicVersion));
  for (const auto& [name, value] : request.headers.fields()) {
    if (io::equals_ignoring_case(name, "anthropic-version")) {
      if (anthropic) headers.set(name, value);
    } else if (request.dialect == provider.dialect || request.endpoint == Endpoint::kOther) {
      headers.set(name, value);
    } else {
      out.dropped.emplace_back(name);
    }
  }
  for (const auto& [name, value] : provider.headers) headers.set(name, value);
  for (const auto& [name, value] : request.extra_headers) headers.set(name, value);
}

Status check_endpoint(const ClientRequest& request, const Provider& provider) {
  const auto lacks = [&](std::string_view what) {
    return fail(Kind::kUnsupported, fmt::format("{} has no {}", provider.name, what),
                "use a model of another provider");
  };
  if (wire::codec_of(provider.dialect) == nullptr)
    return fail(Kind::kUnsupported,
                fmt::format("{}: its dialect is not spoken here", provider.name));
  const bool openai = provider.dialect == wire::Dialect::kOpenAiChat ||
                      provider.dialect == wire::Dialect::kOpenAiResponses;
  const bool embeds = openai || provider.dialect == wire::Dialect::kGemini;
  if (request.endpoint == Endpoint::kEmbeddings && !embeds) return lacks("embeddings");
  if (request.endpoint == Endpoint::kCompletions && !openai) return lacks("legacy completions");
  if (request.endpoint == Endpoint::kCountTokens && !counts_tokens(provider.dialect))
    return lacks("counting of tokens");
  return {};
}

Status encode_chat(ClientRequest& request, const Provider& provider,
                   const wire::EncodeOptions& options, Outgoing& out) {
  if (Status read = request.decode_chat(); !read) return read;
  const wire::Codec* codec = wire::codec_of(provider.dialect);
  Result<wire::Encoded> encoded = request.endpoint == Endpoint::kCountTokens
                                      ? encode_count(*request.chat, provider.dialect, options)
                                      : codec->encode_request(*request.chat, options);
  if (!encoded) {
    Error error = encoded.error().in(fmt::format("{}/{}", provider.name, options.model));
    // Only clients of the door can say what may be dropped.
    if (request.dialect == wire::Dialect::kNone && error.hint.contains("allow_drop")) {
      const bool json_mode = error.what.contains("response_format");
      error.hint = json_mode ? "choose structured = \"strict\" or \"tool\", or another model"
                             : "leave it out of the variant, or choose another model";
    }
    return std::unexpected(std::move(error));
  }
  out.http.body = std::move(encoded->body);
  out.dropped = std::move(encoded->dropped);
  out.approximated = std::move(encoded->approximated);
  return {};
}

Status encode_gemini_embedding(ClientRequest& request, const wire::EncodeOptions& options,
                               Outgoing& out) {
  if (Status read = request.decode_embedding(); !read) return read;
  Result<wire::Encoded> encoded =
      wire::gemini_embeddings::encode_request(*request.embedding, options);
  if (!encoded) return std::unexpected(std::move(encoded.error()));
  out.http.body = std::move(encoded->body);
  out.dropped = std::move(encoded->dropped);
  return {};
}

// Legacy completions, and what is passed through: only the model's name changes, where there is
// one.
void rename_model(const ClientRequest& request, std::string_view upstream, Outgoing& out) {
  out.relay = true;
  if (!request.envelope.has("model")) {
    out.http.body = request.body;
    if (const auto& at = request.model_at)
      out.http.body.replace(at->first, at->second - at->first, upstream);
    return;
  }
  std::vector<wire::Envelope::Edit> edits;
  edits.push_back({"model", json_quote(upstream)});
  out.http.body = request.envelope.edited(request.body, edits);
}

Status make_body(ClientRequest& request, const Provider& provider, std::string_view upstream,
                 const wire::Quirks& quirks, Outgoing& out) {
  wire::EncodeOptions options;
  options.model = upstream;
  options.quirks = &quirks;
  options.allow_drop = request.allow_drop;
  options.max_tokens_default = kAnthropicOutputTokens;
  if (request.endpoint == Endpoint::kChat) options.stream = request.stream;
  if (request.endpoint == Endpoint::kOther || request.endpoint == Endpoint::kCompletions) {
    rename_model(request, upstream, out);
    return {};
  }
  if (request.endpoint == Endpoint::kEmbeddings && provider.dialect == wire::Dialect::kGemini)
    return encode_gemini_embedding(request, options, out);
  if (request.endpoint == Endpoint::kEmbeddings) {
    if (request.dialect != wire::Dialect::kNone) {
      rename_model(request, upstream, out);
    } else {
      out.http.body = wire::openai_embeddings::encode_request(*request.embedding, options).body;
    }
    return {};
  }
  if (!relays(request, provider, quirks)) return encode_chat(request, provider, options, out);
  Result<wire::RelayedRequest> relayed = wire::relayed_request(
      request.dialect, request.body, request.envelope, upstream, request.stream, quirks);
  if (!relayed) return std::unexpected(std::move(relayed.error()));
  out.relay = true;
  out.hide_usage = relayed->hide_usage;
  out.http.body = std::move(relayed->body);
  return {};
}

}  // namespace

bool relays(const ClientRequest& request, const Provider& provider, const wire::Quirks& quirks) {
  return request.may_relay && !request.body.empty() && request.dialect == provider.dialect &&
         wire::relayable(request.dialect, request.body, request.envelope, quirks);
}

Result<Outgoing> outgoing(ClientRequest& request, const Provider& provider,
                          std::string_view upstream, const wire::Quirks& quirks) {
  if (Status there = check_endpoint(request, provider); !there)
    return std::unexpected(std::move(there.error()));
  Outgoing out;
  out.http.method = request.method;
  out.http.url = url_of(request, provider, upstream);
  if (Status made = make_body(request, provider, upstream, quirks, out); !made)
    return std::unexpected(std::move(made.error()));
  std::vector<BodyEdit> edits;
  if (request.endpoint == Endpoint::kChat) edits = provider.extra_body;
  edits.insert(edits.end(), request.extra_body.begin(), request.extra_body.end());
  if (!edits.empty()) {
    if (Status edited = edit_body(out.http.body, edits); !edited)
      return std::unexpected(edited.error().in(provider.name));
  }
  add_headers(request, provider, out);
  return out;
}

}  // namespace sighter::models
