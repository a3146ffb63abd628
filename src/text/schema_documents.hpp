#pragma once
// The documents that a schema consists of: which part has which URI, and where a reference leads.
// Private to this room, used only while compiling.

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "text/schema_keywords.hpp"
#include "text/schema_node.hpp"

namespace sighter::text {

// A subschema's place: its resource, and the JSON Pointer from that resource's root.
struct SchemaPlace {
  SchemaResource* resource = nullptr;
  std::string pointer;
};

class SchemaDocuments {
 public:
  // Fills documents and resources of `compiled`, which must outlive this.
  explicit SchemaDocuments(CompiledSchema& compiled) : compiled_(compiled) {}

  // Takes in the schema itself; returns its root.
  Result<const Json*> add_root(const Json& schema);
  // Where a $ref or $dynamicRef of that resource leads; loads what is not there yet.
  Result<const Json*> resolve(const SchemaResource& from, const std::string& reference);
  // Only for what add_root or resolve returned, or for a subschema in a keyword of it.
  const SchemaPlace& place(const Json* schema) const;
  // "input.schema.json#/properties/a" or "input.schema.json: https://...#/properties/a", for errors.
  std::string name(const SchemaPlace& place) const;

 private:
  Result<const Json*> add_document(Json document, const std::string& uri, Draft otherwise,
                                   bool main);
  Result<const Json*> document_at(const std::string& uri, Draft otherwise);
  Status read_meta(const Json& schema, SchemaResource& resource);
  Status read_custom_meta(const std::string& uri, SchemaResource& resource);
  Status index(const Json& schema, SchemaResource* resource, const std::string& pointer,
               std::size_t depth);
  Status index_children(const Json& schema, const SchemaPlace& at, std::size_t depth);
  Status index_keyword(const Json& value, Holds holds, const SchemaPlace& at,
                       const std::string& pointer, std::size_t depth);
  Result<SchemaResource*> open_resource(const Json& schema, const SchemaPlace& at);
  Status add_anchors(const Json& schema, const SchemaPlace& at);
  Result<const Json*> walk(const SchemaResource& resource, const std::string& pointer,
                           const std::string& reference);
  Result<Json> fetch(const std::string& uri);

  CompiledSchema& compiled_;
  std::unordered_map<const Json*, SchemaPlace> places_;
  std::unordered_map<std::string, SchemaResource*> by_uri_;
  int meta_depth_ = 0;
};

}  // namespace sighter::text
