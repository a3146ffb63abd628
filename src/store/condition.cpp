#include <algorithm>

#include "store/row_reader.hpp"

namespace sighter::store {
namespace {

class Builder {
 public:
  void bind_text(std::string_view value) {
    values_.push_back(
        {Condition::Value::Type::kText, static_cast<std::int64_t>(condition_.texts.size()), {}});
    condition_.texts.emplace_back(value);
  }
  void number(std::string_view sql, std::int64_t value) {
    add(sql);
    values_.push_back({Condition::Value::Type::kNumber, value, {}});
  }
  void id(std::string_view sql, const Id& value, int times = 1) {
    add(sql);
    for (int i = 0; i < times; ++i) values_.push_back({Condition::Value::Type::kId, 0, value});
  }
  void add(std::string_view sql) {
    if (!condition_.sql.empty()) condition_.sql += " AND ";
    condition_.sql += sql;
  }
  // A column that refers to `name`; the empty text is NULL there.
  void name(std::string_view column, const std::optional<std::string>& value) {
    if (!value) return;
    if (value->empty()) {
      add(fmt::format("call.{} IS NULL", column));
    } else {
      add(fmt::format("call.{}=(SELECT id FROM name WHERE text=?)", column));
      bind_text(*value);
    }
  }
  Condition finish() {
    if (condition_.sql.empty()) condition_.sql = "1";
    condition_.values = std::move(values_);
    return std::move(condition_);
  }

 private:
  Condition condition_;
  std::vector<Condition::Value> values_;
};

}  // namespace

void Condition::bind(Statement& statement) const {
  for (const Value& value : values) {
    switch (value.type) {
      case Value::Type::kText:
        statement.text(texts[static_cast<std::size_t>(value.number)]);
        break;
      case Value::Type::kNumber:
        statement.integer(value.number);
        break;
      case Value::Type::kId:
        statement.blob(value.id.bytes);
        break;
    }
  }
}

Id first_id_at(SystemTime time) {
  const auto since = time.time_since_epoch();
  const std::int64_t ms =
      std::max<std::int64_t>(std::chrono::floor<std::chrono::milliseconds>(since).count(), 0);
  Id id;
  for (std::size_t i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  }
  return id;
}

Condition condition_of(const CallFilter& filter) {
  Builder where;
  where.name("function", filter.function);
  where.name("variant", filter.variant);
  if (filter.model && !filter.model->empty()) {
    where.add(
        "(call.model=(SELECT id FROM name WHERE text=?)"
        " OR call.route=(SELECT id FROM name WHERE text=?))");
    for (int i = 0; i < 2; ++i) where.bind_text(*filter.model);
  } else {
    where.name("model", filter.model);
  }
  where.name("key", filter.key);
  if (filter.status) where.number("call.status=?", static_cast<int>(*filter.status));
  if (filter.since) where.id("call.id>=?", first_id_at(*filter.since));
  if (filter.until) where.id("call.id<?", first_id_at(*filter.until));
  if (filter.trace) where.id("(call.trace=? OR call.id=?)", *filter.trace, 2);
  if (filter.cost_least) where.number("call.cost_nano_usd>=?", filter.cost_least->value);
  if (filter.latency_least) where.number("call.latency_us>=?", filter.latency_least->count());
  if (filter.roots_only) where.add("call.parent IS NULL");
  for (const auto& [tag, value] : filter.tags) {
    // Tags that are not JSON match nothing, instead of failing the query.
    where.add(
        "CASE WHEN json_valid(call.tags) THEN EXISTS(SELECT 1 FROM json_each(call.tags) AS t"
        " WHERE t.key=? AND CAST(t.value AS TEXT)=?) ELSE 0 END");
    where.bind_text(tag);
    where.bind_text(value);
  }
  if (!filter.contains.empty()) {
    where.add(
        "(instr(lower(call.input), lower(?))>0 OR instr(lower(call.output), lower(?))>0"
        " OR instr(lower(call.error), lower(?))>0)");
    for (int i = 0; i < 3; ++i) where.bind_text(filter.contains);
  }
  return where.finish();
}

}  // namespace sighter::store
