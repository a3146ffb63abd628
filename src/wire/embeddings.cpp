#include "wire/embeddings.hpp"

#include <bit>
#include <cmath>

#include "wire/media.hpp"
#include "wire/object_reader.hpp"
#include "wire/object_writer.hpp"
#include "wire/openai_chat.hpp"

namespace sighter::wire::openai_embeddings {
namespace {

constexpr Dialect kMe = Dialect::kOpenAiChat;
using Mode = ObjectReader::Mode;
// Bits of Extra::forms: of a request; of a reply.
constexpr std::uint32_t kOneInput = 1;
constexpr std::uint32_t kNoObject = 1;

// Little-endian 32-bit floats, as every provider sends them.
std::optional<std::vector<double>> floats_of(std::string_view base64) {
  const std::optional<std::string> bytes = base64_decode(base64);
  if (!bytes || bytes->size() % 4 != 0) return std::nullopt;
  std::vector<double> values;
  values.reserve(bytes->size() / 4);
  for (std::size_t i = 0; i < bytes->size(); i += 4) {
    std::uint32_t bits = 0;
    for (std::size_t k = 4; k-- > 0;)
      bits = bits << 8 | static_cast<unsigned char>((*bytes)[i + k]);
    const float value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) return std::nullopt;
    values.push_back(static_cast<double>(value));
  }
  return values;
}

std::string base64_of(const std::vector<double>& values) {
  std::string bytes;
  bytes.reserve(values.size() * 4);
  for (const double value : values) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    for (int k = 0; k < 4; ++k) bytes += static_cast<char>(bits >> (8 * k) & 255);
  }
  return base64_encode(bytes);
}

std::optional<Tokens> tokens_of(const JsonArray& array) {
  Tokens tokens;
  for (const Json& json : array) {
    const std::optional<std::int64_t> token = json.to_int();
    if (!token) return std::nullopt;
    tokens.push_back(*token);
  }
  return tokens;
}

Status decode_input(Json& input, EmbeddingRequest& request, std::uint32_t& forms) {
  const auto wrong = [] {
    return fail(Kind::kInvalid,
                "input must be a string, an array of strings or arrays of whole numbers");
  };
  if (input.is_string()) {
    forms |= kOneInput;
    request.inputs.emplace_back(std::move(input.as_string()));
    return {};
  }
  if (!input.is_array() || input.as_array().empty()) return wrong();
  JsonArray& list = input.as_array();
  if (list[0].is_number()) {
    std::optional<Tokens> tokens = tokens_of(list);
    if (!tokens) return wrong();
    forms |= kOneInput;
    request.inputs.emplace_back(std::move(*tokens));
    return {};
  }
  for (Json& one : list) {
    if (one.is_string()) {
      request.inputs.emplace_back(std::move(one.as_string()));
      continue;
    }
    std::optional<Tokens> tokens = one.is_array() ? tokens_of(one.as_array()) : std::nullopt;
    if (!tokens) return wrong();
    request.inputs.emplace_back(std::move(*tokens));
  }
  return {};
}

void write_input(std::string& out, const std::variant<std::string, Tokens>& input) {
  if (const std::string* text = std::get_if<std::string>(&input)) {
    json_quote_to(out, *text);
    return;
  }
  out += '[';
  Commas commas;
  for (const std::int64_t token : std::get<Tokens>(input)) {
    commas.next(out);
    out += fmt::format_int(token).str();
  }
  out += ']';
}

Result<Embedding> decode_one(Json& json, const Place& place) {
  const auto wrong = [&] {
    return fail(Kind::kUpstream,
                fmt::format("the reply is not one of embeddings: {}.embedding must be "
                            "numbers or base64",
                            place.text()));
  };
  if (!json.is_object()) return wrong();
  ObjectReader reader(json.as_object(), place, Mode::kLenient);
  Embedding one{.index = place.index};
  std::optional<std::int64_t> index;
  if (reader.integer("index", index)) one.index = *index;
  const std::uint32_t forms = reader.constant("object", "embedding") ? 0 : kNoObject;
  Json* values = reader.peek("embedding");
  if (values == nullptr) return wrong();
  if (values->is_string()) {
    std::optional<std::vector<double>> floats = floats_of(values->as_string());
    if (!floats) return wrong();
    one.values = std::move(*floats);
    one.base64 = true;
  } else if (values->is_array()) {
    one.values.reserve(values->as_array().size());
    for (const Json& value : values->as_array()) {
      const std::optional<double> number = value.to_double();
      if (!number) return wrong();
      one.values.push_back(*number);
    }
  } else {
    return wrong();
  }
  reader.take(values);
  one.extra = reader.rest(kMe, forms);
  return one;
}

}  // namespace

Result<EmbeddingRequest> decode_request(Json body) {
  if (!body.is_object()) return fail(Kind::kInvalid, "the body must be a JSON object");
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kStrict);
  EmbeddingRequest request;
  std::uint32_t forms = 0;
  Json* input = reader.peek("input");
  if (input == nullptr) return fail(Kind::kInvalid, "input is missing");
  if (Status status = decode_input(*input, request, forms); !status)
    return std::unexpected(status.error());
  reader.take(input);
  reader.string("model", request.model);
  reader.string("encoding_format", request.encoding_format);
  reader.integer("dimensions", request.dimensions);
  reader.string("user", request.user);
  if (!reader.ok()) return std::unexpected(reader.error());
  request.extra = reader.rest(kMe, forms);
  return request;
}

Encoded encode_request(const EmbeddingRequest& request, const EncodeOptions& options) {
  std::string out;
  ObjectWriter writer(out);
  writer.string("model", options.model.empty() ? std::string_view(request.model) : options.model);
  writer.key("input");
  if (request.inputs.size() == 1 && (request.extra.forms & kOneInput)) {
    write_input(out, request.inputs[0]);
  } else {
    out += '[';
    Commas commas;
    for (const auto& input : request.inputs) {
      commas.next(out);
      write_input(out, input);
    }
    out += ']';
  }
  writer.string_if("encoding_format", request.encoding_format);
  writer.optional("dimensions", request.dimensions);
  writer.optional("user", request.user);
  writer.rest(request.extra.members);
  writer.end();
  return Encoded{.body = std::move(out), .dropped = {}, .approximated = {}};
}

Result<EmbeddingReply> decode_reply(Json body) {
  JsonArray* data = body.find("data") != nullptr && body.find("data")->is_array()
                        ? &body.find("data")->as_array()
                        : nullptr;
  if (data == nullptr)
    return fail(Kind::kUpstream, "the reply is not one of embeddings: data is missing");
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kLenient);
  EmbeddingReply reply;
  std::int64_t index = 0;
  for (Json& json : *data) {
    const Place place{.parent = &root, .name = "data", .index = index++};
    Result<Embedding> one = decode_one(json, place);
    if (!one) return std::unexpected(one.error());
    reply.data.push_back(std::move(*one));
  }
  reader.take(reader.peek("data"));
  reader.string("model", reply.model);
  if (Json* usage = reader.peek("usage"); usage != nullptr && usage->is_object()) {
    reply.usage = openai_chat::decode_usage(std::move(*usage));
    reader.take(usage);
  }
  const std::uint32_t forms = reader.constant("object", "list") ? 0 : kNoObject;
  reply.extra = reader.rest(kMe, forms);
  return reply;
}

std::string encode_reply(const EmbeddingReply& reply, const EncodeOptions& options,
                         std::optional<bool> base64) {
  std::string out;
  ObjectWriter writer(out);
  if (!(reply.extra.forms & kNoObject)) writer.string("object", "list");
  writer.key("data") += '[';
  Commas commas;
  for (const Embedding& one : reply.data) {
    commas.next(out);
    ObjectWriter item(out);
    if (!(one.extra.forms & kNoObject)) item.string("object", "embedding");
    item.integer("index", one.index);
    if (base64.value_or(one.base64)) {
      item.string("embedding", base64_of(one.values));
    } else {
      item.key("embedding") += '[';
      Commas inner;
      for (const double value : one.values) {
        inner.next(out);
        fmt::format_to(std::back_inserter(out), "{}", value);
      }
      out += ']';
    }
    item.rest(one.extra.members);
    item.end();
  }
  out += ']';
  writer.string("model", options.model.empty() ? std::string_view(reply.model) : options.model);
  if (reply.usage.has_value()) {
    if (reply.usage->raw.is_null()) {
      ObjectWriter usage(writer.key("usage"));
      usage.integer("prompt_tokens", reply.usage->input);
      usage.integer("total_tokens", reply.usage->total());
      usage.end();
    } else {
      writer.json("usage", reply.usage->raw);
    }
  } else if (reply.extra.dialect != kMe) {
    // Clients read it without looking; the provider said none.
    writer.raw("usage", "{\"prompt_tokens\":0,\"total_tokens\":0}");
  }
  writer.rest(reply.extra.members);
  writer.end();
  return out;
}

}  // namespace sighter::wire::openai_embeddings
