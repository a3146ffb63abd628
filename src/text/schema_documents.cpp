#include "text/schema_documents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.hpp"
#include "base/json_place.hpp"
#include "base/limits.hpp"
#include "text/schema_keywords.hpp"
#include "text/schema_meta.hpp"
#include "text/schema_uri.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kDocumentsMax = 1'000;
constexpr int kMetaDepthMax = 8;
constexpr std::string_view kVocabularyBase = "https://json-schema.org/draft/2020-12/vocab/";

std::string_view without_empty_fragment(std::string_view uri) {
  return uri.ends_with('#') ? uri.substr(0, uri.size() - 1) : uri;
}

// The draft that a well-known meta-schema stands for.
std::optional<Draft> draft_of(std::string_view uri) {
  uri = without_empty_fragment(uri);
  if (uri == "http://json-schema.org/draft-07/schema" ||
      uri == "https://json-schema.org/draft-07/schema")
    return Draft::k7;
  if (uri == "https://json-schema.org/draft/2020-12/schema" ||
      uri == "http://json-schema.org/draft/2020-12/schema")
    return Draft::k2020;
  return std::nullopt;
}

bool is_other_draft(std::string_view uri) {
  return uri.starts_with("http://json-schema.org/") || uri.starts_with("https://json-schema.org/");
}

bool is_anchor(std::string_view name) {
  if (name.empty()) return false;
  return std::ranges::all_of(name, [first = name.data()](const char& c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (&c != first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
  });
}

const Json* member(const Json& value, const std::string& token) {
  if (value.is_object()) return value.find(token);
  std::size_t index = 0;
  const char* end = token.data() + token.size();
  const bool number = !token.empty() && std::from_chars(token.data(), end, index).ptr == end;
  return number ? value.at(index) : nullptr;
}

}  // namespace

std::string pointer_token(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string SchemaDocuments::name(const SchemaPlace& place) const {
  if (place.resource->place == "#") return fmt::format("{}#{}", compiled_.origin, place.pointer);
  return fmt::format("{}: {}{}", compiled_.origin, place.resource->place, place.pointer);
}

const SchemaPlace& SchemaDocuments::place(const Json* schema) const {
  const auto found = places_.find(schema);
  CHECK(found != places_.end());
  return found->second;
}

Result<const Json*> SchemaDocuments::add_root(const Json& schema) {
  return add_document(schema, compiled_.options.base_uri, compiled_.options.draft, true);
}

Result<const Json*> SchemaDocuments::add_document(Json document, const std::string& uri,
                                                  Draft otherwise, bool main) {
  if (compiled_.documents.size() >= kDocumentsMax) {
    return fail(Kind::kTooLarge, fmt::format("{}: refers to more than {} documents",
                                             compiled_.origin, kDocumentsMax));
  }
  const Json& root = compiled_.documents.emplace_back(std::move(document));
  SchemaResource& resource = compiled_.resources.emplace_back();
  resource.uri = uri;
  resource.root = &root;
  resource.draft = otherwise;
  resource.place = main ? "#" : uri + "#";
  by_uri_.emplace(uri, &resource);
  if (Status status = index(root, &resource, "", 0); !status)
    return std::unexpected(status.error());
  return &root;
}

Status SchemaDocuments::read_meta(const Json& schema, SchemaResource& resource) {
  const Json* value = schema.find("$schema");
  if (value == nullptr) return {};
  const std::string place = name({&resource, ""});
  if (!value->is_string())
    return fail(Kind::kInvalid, fmt::format("{}: '$schema' must be a string", place));
  const std::string& uri = value->as_string();
  resource.vocabularies = {};
  if (const std::optional<Draft> draft = draft_of(uri)) {
    resource.draft = *draft;
    return {};
  }
  if (is_other_draft(uri) && !meta_schema(without_empty_fragment(uri))) {
    return fail(Kind::kUnsupported, fmt::format("{}: the draft '{}' is not supported", place, uri),
                "supported: http://json-schema.org/draft-07/schema# and "
                "https://json-schema.org/draft/2020-12/schema");
  }
  return read_custom_meta(std::string(without_empty_fragment(uri)), resource);
}

// A meta-schema of somebody's own: its draft is that of its own meta-schema, and its $vocabulary
// says which keywords count.
Status SchemaDocuments::read_custom_meta(const std::string& uri, SchemaResource& resource) {
  const std::string place = name({&resource, ""});
  if (++meta_depth_ > kMetaDepthMax) {
    return fail(Kind::kInvalid,
                fmt::format("{}: more than {} meta-schemas of meta-schemas", place, kMetaDepthMax));
  }
  Result<const Json*> document = document_at(uri, resource.draft);
  --meta_depth_;
  if (!document) return std::unexpected(document.error().in(fmt::format("{}: '$schema'", place)));
  resource.draft = by_uri_.at(uri)->draft;
  const Json* vocabularies = (*document)->find("$vocabulary");
  if (vocabularies == nullptr || !vocabularies->is_object()) return {};
  Vocabularies& on = resource.vocabularies;
  on = {false, false, false, false};
  for (const auto& [name, required] : vocabularies->as_object()) {
    std::string_view word = name;
    if (word.starts_with(kVocabularyBase))
      word.remove_prefix(kVocabularyBase.size());
    else
      word = "";
    if (word == "applicator")
      on.applicator = true;
    else if (word == "unevaluated")
      on.unevaluated = true;
    else if (word == "validation")
      on.validation = true;
    else if (word == "format-assertion")
      on.format_assertion = true;
    else if (word == "core" || word == "meta-data" || word == "format-annotation" ||
             word == "content")
      continue;
    else if (required.is_bool() && required.as_bool()) {
      return fail(
          Kind::kUnsupported,
          fmt::format("{}: its meta-schema {} requires the vocabulary '{}', which is not supported",
                      place, uri, name));
    }
  }
  return {};
}

Status SchemaDocuments::index(const Json& schema, SchemaResource* resource,
                              const std::string& pointer, std::size_t depth) {
  SchemaPlace at{resource, pointer};
  if (depth > limits::kJsonDepthMax) {
    return fail(Kind::kTooLarge,
                fmt::format("{}: nested deeper than {}", name(at), limits::kJsonDepthMax));
  }
  if (!schema.is_bool() && !schema.is_object()) {
    return fail(Kind::kInvalid, fmt::format("{}: a schema must be an object, true or false, not {}",
                                            name(at), schema.type_name()));
  }
  if (schema.is_object()) {
    Result<SchemaResource*> own = open_resource(schema, at);
    if (!own) return std::unexpected(own.error());
    if (*own != resource) at = {*own, ""};
    if (Status status = add_anchors(schema, at); !status) return status;
  }
  places_[&schema] = at;
  return schema.is_object() ? index_children(schema, at, depth) : Status();
}

// The resource that a schema belongs to: a new one where it has an $id.
Result<SchemaResource*> SchemaDocuments::open_resource(const Json& schema, const SchemaPlace& at) {
  SchemaResource* resource = at.resource;
  const bool root = resource->root == &schema;
  if (root) {
    if (Status status = read_meta(schema, *resource); !status)
      return std::unexpected(status.error());
  }
  const Json* id = schema.find("$id");
  if (id == nullptr || (resource->draft == Draft::k7 && schema.find("$ref"))) return resource;
  if (!id->is_string())
    return fail(Kind::kInvalid,
                fmt::format("{}: '$id' must be a string, not {}", name(at), id->type_name()));
  Uri uri = Uri::parse(id->as_string());
  const std::string fragment = uri.fragment.value_or("");
  if (!fragment.empty() && resource->draft == Draft::k2020) {
    return fail(Kind::kInvalid,
                fmt::format("{}: '$id' must not have a fragment (#{})", name(at), fragment),
                "write \"$anchor\" for a name inside the document");
  }
  if (id->as_string().starts_with('#')) return resource;  // an anchor of draft 7
  uri = resolve_uri(Uri::parse(resource->uri), uri);
  uri.fragment.reset();
  const std::string text = uri.to_string();
  if (!root) {
    SchemaResource& inner = compiled_.resources.emplace_back();
    inner.root = &schema;
    inner.draft = resource->draft;
    inner.vocabularies = resource->vocabularies;
    inner.place = text + "#";
    inner.uri = text;
    resource = &inner;
    if (Status status = read_meta(schema, inner); !status) return std::unexpected(status.error());
  }
  resource->uri = text;
  const auto [old, fresh] = by_uri_.emplace(text, resource);
  if (!fresh && old->second->root != &schema) {
    if (old->second->root != nullptr && !(*old->second->root == schema)) {
      return fail(Kind::kInvalid, fmt::format("{}: two schemas have the $id '{}'", name(at), text));
    }
  }
  return resource;
}

Status SchemaDocuments::add_anchors(const Json& schema, const SchemaPlace& at) {
  const auto add = [&](std::string_view keyword,
                       std::unordered_map<std::string, const Json*>& into) -> Status {
    const Json* value = schema.find(keyword);
    if (value == nullptr) return {};
    if (!value->is_string() || !is_anchor(value->as_string())) {
      return fail(Kind::kInvalid,
                  fmt::format("{}: '{}' must be a name of letters, digits, '-', '_' and '.'",
                              name(at), keyword));
    }
    const auto [old, fresh] = into.emplace(value->as_string(), &schema);
    if (!fresh && old->second != &schema) {
      return fail(Kind::kInvalid, fmt::format("{}: another schema has the {} '{}' too", name(at),
                                              keyword, value->as_string()));
    }
    return {};
  };
  if (at.resource->draft == Draft::k7) {
    const std::string* id = schema.find_string("$id");
    const std::size_t hash =
        id == nullptr || schema.find("$ref") ? std::string::npos : id->find('#');
    if (hash != std::string::npos && hash + 1 < id->size())
      at.resource->anchors.emplace(id->substr(hash + 1), &schema);
    return {};
  }
  for (std::string_view keyword : {"$recursiveRef", "$recursiveAnchor"}) {
    if (!schema.find(keyword)) continue;
    return fail(Kind::kUnsupported,
                fmt::format("{}: '{}' of draft 2019-09 is not supported", name(at), keyword),
                "write \"$dynamicRef\" and \"$dynamicAnchor\" of 2020-12");
  }
  if (Status status = add("$anchor", at.resource->anchors); !status) return status;
  return add("$dynamicAnchor", at.resource->dynamic_anchors);
}

Status SchemaDocuments::index_children(const Json& schema, const SchemaPlace& at,
                                       std::size_t depth) {
  const Draft draft = at.resource->draft;
  if (draft == Draft::k7 && schema.find("$ref")) return {};
  for (const auto& [keyword, value] : schema.as_object()) {
    const Holds* holds = keyword_of(draft, keyword);
    if (holds == nullptr || *holds == Holds::kValue) continue;
    if (Status status = index_keyword(value, *holds, at, at.pointer + "/" + keyword, depth + 1);
        !status)
      return status;
  }
  return {};
}

Status SchemaDocuments::index_keyword(const Json& value, Holds holds, const SchemaPlace& at,
                                      const std::string& pointer, std::size_t depth) {
  const auto wrong = [&](std::string_view what, std::string hint = {}) {
    return fail(Kind::kInvalid,
                fmt::format("{}: must be {}, not {}", name({at.resource, pointer}), what,
                            value.type_name()),
                std::move(hint));
  };
  const bool list =
      holds == Holds::kSchemaList || (holds == Holds::kSchemaOrList && value.is_array());
  if (list) {
    if (!value.is_array()) return wrong("an array of schemas");
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      if (Status status =
              index(value.as_array()[i], at.resource, fmt::format("{}/{}", pointer, i), depth);
          !status)
        return status;
    }
    return {};
  }
  if (holds == Holds::kSchemaMap || holds == Holds::kDependencies) {
    if (!value.is_object()) return wrong("an object of schemas");
    for (const auto& [key, child] : value.as_object()) {
      if (holds == Holds::kDependencies && child.is_array()) continue;
      if (Status status = index(child, at.resource, pointer + "/" + pointer_token(key), depth);
          !status)
        return status;
    }
    return {};
  }
  if (pointer.ends_with("/items") && value.is_array())
    return wrong("a schema", "since 2020-12 a list of schemas is called \"prefixItems\"");
  return index(value, at.resource, pointer, depth);
}

Result<Json> SchemaDocuments::fetch(const std::string& uri) {
  const auto& load = compiled_.options.load;
  if (!load) {
    return fail(Kind::kNotFound, fmt::format("there is no schema '{}'", uri),
                "put it into \"$defs\" of this schema, with that $id");
  }
  Result<Json> document = load(uri);
  if (!document) return std::unexpected(document.error().in(fmt::format("schema '{}'", uri)));
  return document;
}

Result<const Json*> SchemaDocuments::document_at(const std::string& uri, Draft otherwise) {
  if (const auto known = by_uri_.find(uri); known != by_uri_.end()) return known->second->root;
  if (std::optional<Json> meta = meta_schema(uri))
    return add_document(std::move(*meta), uri, otherwise, false);
  Result<Json> document = fetch(uri);
  if (!document) return std::unexpected(document.error());
  return add_document(std::move(*document), uri, otherwise, false);
}

Result<const Json*> SchemaDocuments::resolve(const SchemaResource& from,
                                             const std::string& reference) {
  Uri uri = Uri::parse(reference);
  const std::string fragment = percent_decode(uri.fragment.value_or(""));
  const SchemaResource* resource = &from;
  if (!reference.empty() && !reference.starts_with('#')) {
    uri = resolve_uri(Uri::parse(from.uri), uri);
    uri.fragment.reset();
    const std::string text = uri.to_string();
    const Result<const Json*> document = document_at(text, from.draft);
    if (!document) return document;
    resource = by_uri_.at(text);
  }
  if (fragment.empty()) return resource->root;
  if (fragment.starts_with('/')) return walk(*resource, fragment, reference);
  if (const auto found = resource->anchors.find(fragment); found != resource->anchors.end())
    return found->second;
  if (const auto found = resource->dynamic_anchors.find(fragment);
      found != resource->dynamic_anchors.end())
    return found->second;
  return fail(Kind::kNotFound,
              fmt::format("'{}' leads nowhere: there is no $anchor '{}'", reference, fragment));
}

Result<const Json*> SchemaDocuments::walk(const SchemaResource& resource,
                                          const std::string& pointer,
                                          const std::string& reference) {
  const Json* here = resource.root;
  SchemaPlace at = place(here);
  for (std::size_t begin = 1; begin <= pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', begin), pointer.size());
    const std::string token = pointer_step(std::string_view(pointer).substr(begin, end - begin));
    const Json* next = member(*here, token);
    if (next == nullptr) {
      return fail(Kind::kNotFound, fmt::format("'{}' leads nowhere: there is no '{}' in {}",
                                               reference, token, name(at)));
    }
    here = next;
    at.pointer += "/" + pointer_token(token);
    if (const auto known = places_.find(here); known != places_.end()) at = known->second;
    begin = end + 1;
  }
  if (!places_.contains(here)) {
    if (Status status = index(*here, at.resource, at.pointer, 0); !status)
      return std::unexpected(status.error());
  }
  return here;
}

}  // namespace sighter::text
