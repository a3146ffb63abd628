#include "text/schema.hpp"

#include "text/schema_node.hpp"
#include "text/schema_run.hpp"

namespace sighter::text {

Schema::Schema(std::shared_ptr<const CompiledSchema> compiled) : compiled_(std::move(compiled)) {}

Result<Schema> Schema::compile(const Json& schema, std::string_view origin, SchemaOptions options) {
  Result<std::shared_ptr<const CompiledSchema>> compiled =
      compile_schema(schema, origin, std::move(options));
  if (!compiled) return std::unexpected(compiled.error());
  return Schema(std::move(*compiled));
}

bool Schema::valid(const Json& value) const {
  return schema_accepts(*compiled_, *compiled_->root, value);
}

std::vector<Violation> Schema::validate(const Json& value, std::size_t most) const {
  return validate_schema(*compiled_, *compiled_->root, value, most);
}

const Json& Schema::json() const {
  return compiled_->documents.front();
}
Draft Schema::draft() const {
  return compiled_->root->resource->draft;
}

std::vector<Violation> validate_schema(const CompiledSchema& compiled, const SchemaNode& node,
                                       const Json& value, std::size_t most) {
  SchemaRun quick(compiled, 1);
  if (quick.accepts(node, value)) return {};
  if (quick.stopped()) return {quick.limit_violation(node)};
  return SchemaRun(compiled, std::max<std::size_t>(most, 1)).violations(node, value);
}

bool schema_accepts(const CompiledSchema& compiled, const SchemaNode& node, const Json& value) {
  return SchemaRun(compiled, 1).accepts(node, value);
}

std::string describe(const std::vector<Violation>& violations) {
  std::string out;
  for (const Violation& violation : violations) {
    if (!out.empty()) out += "; ";
    out += violation.message;
  }
  return out;
}

}  // namespace sighter::text
