#include "store/call_statement.hpp"

namespace sighter::store {
namespace {

// In the order of the table and with its first column: the values are then not copied once more.
constexpr std::string_view kAll =
    "INSERT INTO call(row, id, parent, trace, function, variant, config, status, start_us,"
    " latency_us, first_token_us, tokens_input, tokens_output, tokens_cached, tokens_cache_write,"
    " tokens_reasoning, cost_nano_usd, cache_hit, key, model, route, finish_reason, error_kind,"
    " error, tags, tried, input, output, extras, request) VALUES";
constexpr int kAllValues = 29;
constexpr std::string_view kFew =
    "INSERT INTO call(row, id, status, start_us, latency_us, first_token_us, tokens_input,"
    " tokens_output, tokens_cached, tokens_cache_write, tokens_reasoning, cost_nano_usd, cache_hit,"
    " key, model, route, finish_reason, input, output) VALUES";
constexpr int kFewValues = 18;

std::string text_of(std::string_view insert, int values, std::size_t rows) {
  std::string row = "(NULL";
  for (int i = 0; i < values; ++i) row += ",?";
  row += ')';
  std::string sql(insert);
  for (std::size_t i = 0; i < rows; ++i) sql.append(i == 0 ? "" : ",").append(row);
  return sql + " ON CONFLICT DO NOTHING";
}

}  // namespace

CallColumns columns_of(const CallRow& row) {
  const bool few = row.parent.is_nil() && (row.trace.is_nil() || row.trace == row.id) &&
                   row.function.empty() && row.variant.empty() && !row.config &&
                   row.error_kind.empty() && row.error.empty() && row.tags.empty() &&
                   row.tried.empty() && row.extras.empty() && row.request.empty();
  return few ? CallColumns::kFew : CallColumns::kAll;
}

const std::string& insert_calls(CallColumns columns, bool together) {
  static const std::string all = text_of(kAll, kAllValues, 1);
  static const std::string all_together = text_of(kAll, kAllValues, kCallsTogether);
  static const std::string few = text_of(kFew, kFewValues, 1);
  static const std::string few_together = text_of(kFew, kFewValues, kCallsTogether);
  if (columns == CallColumns::kAll) return together ? all_together : all;
  return together ? few_together : few;
}

void bind_usage(Statement& s, const std::optional<Tokens>& tokens,
                const std::optional<NanoUsd>& cost) {
  if (tokens) {
    s.integer(tokens->input).integer(tokens->output).integer(tokens->cached);
    s.integer(tokens->cache_write).integer(tokens->reasoning);
  } else {
    s.null().null().null().null().null();
  }
  if (cost) {
    s.integer(cost->value);
  } else {
    s.null();
  }
}

void bind_call(Statement& s, CallColumns columns, const CallRow& row, const CallNames& names) {
  const bool all = columns == CallColumns::kAll;
  s.blob(row.id.bytes);
  if (all) {
    s.id_or_null(row.parent);
    if (row.trace == row.id) {
      s.null();
    } else {
      s.id_or_null(row.trace);
    }
    s.integer(names.function).integer(names.variant).integer(names.config);
  }
  s.integer(static_cast<int>(row.status)).integer(row.start.time_since_epoch().count());
  s.integer(row.latency.count());
  if (row.first_token) {
    s.integer(row.first_token->count());
  } else {
    s.null();
  }
  bind_usage(s, row.tokens, row.cost);
  s.integer(row.cache_hit ? 1 : 0);
  s.integer(names.key).integer(names.model).integer(names.route).integer(names.finish_reason);
  if (all) {
    s.integer(names.error_kind);
    s.text_or_null(row.error).text_or_null(row.tags).text_or_null(row.tried);
  }
  s.text_or_null(row.input).text_or_null(row.output);
  if (all) s.text_or_null(row.extras).text_or_null(row.request);
}

}  // namespace sighter::store
