#include "models/prices.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "base/check.hpp"
#include "base/toml.hpp"

namespace sighter::models {

extern const std::string_view kPriceTable;  // data/prices.toml, built in by CMake

namespace {

struct Row {
  std::string provider;
  std::string model;
  Price price;
};

struct Table {
  std::string date;
  std::vector<Row> rows;
};

Table read_table() {
  Result<std::unique_ptr<TomlDocument>> document = toml_parse(kPriceTable, "data/prices.toml");
  CHECK(document.has_value());
  const TomlTable root = (*document)->root();
  Table table;
  table.date = root.string("date", "");
  const TomlTable providers = root.table("prices");
  for (const std::string& provider : providers.keys()) {
    const TomlTable models = providers.table(provider);
    for (const std::string& model : models.keys()) {
      const TomlTable row = models.table(model);
      Price price;
      price.input = row.number("input", 0, 1e6).value_or(0);
      price.output = row.number("output", 0, 1e6).value_or(0);
      price.cache_read = row.number("cache_read", 0, 1e6);
      price.cache_write = row.number("cache_write", 0, 1e6);
      table.rows.push_back({provider, model, price});
    }
  }
  CHECK((*document)->finish().has_value());
  return table;
}

const Table& table() {
  static const Table read = read_table();
  return read;
}

double micro_dollars(std::int64_t tokens, double per_million) {
  return static_cast<double>(tokens) * per_million;
}

// Rounded; what is absurd is cut.
NanoUsd nano_of(double micro) {
  return NanoUsd{std::llround(std::clamp(micro * 1e-6, 0.0, wire::Usage::kCostUsdMax) * 1e9)};
}

}  // namespace

std::optional<Price> listed_price(std::string_view provider, std::string_view upstream) {
  const Row* best = nullptr;
  for (const Row& row : table().rows) {
    if (row.provider != provider || !upstream.starts_with(row.model)) continue;
    // "gpt-5" is no price for "gpt-5-mini": what follows must be a date or a version.
    const std::string_view rest = upstream.substr(row.model.size());
    const bool dated =
        rest.empty() || rest == "-latest" || rest.starts_with('@') ||
        (rest.size() > 4 && rest[0] == '-' && rest.find_first_not_of("0123456789-") == rest.npos);
    if (dated && (best == nullptr || row.model.size() > best->model.size())) best = &row;
  }
  if (best == nullptr) return std::nullopt;
  return best->price;
}

std::string_view price_table_date() {
  return table().date;
}

bool is_plausible(const wire::Usage& usage) {
  if (usage.doubtful) return false;
  for (const std::int64_t count :
       {usage.input, usage.output, usage.cache_read, usage.cache_write, usage.cache_write_1h,
        usage.reasoning, usage.audio_input, usage.audio_output, usage.image_input}) {
    if (count < 0 || count > wire::Usage::kCountMax) return false;
  }
  if (!usage.cost_usd) return true;
  const double charged = usage.cost_usd->value();
  return charged >= 0 && charged <= wire::Usage::kCostUsdMax;
}

NanoUsd cost_of(const wire::Usage& usage, const Price& price) {
  if (usage.cost_usd) {
    if (const std::optional<NanoUsd> charged = NanoUsd::from_usd(usage.cost_usd->value()))
      return *charged;
  }
  const std::int64_t plain =
      std::max<std::int64_t>(0, usage.input - usage.cache_read - usage.cache_write);
  const double micro = micro_dollars(plain, price.input) +
                       micro_dollars(usage.cache_read, price.cache_read.value_or(price.input)) +
                       micro_dollars(usage.cache_write, price.cache_write.value_or(price.input)) +
                       micro_dollars(usage.output, price.output);
  return nano_of(micro);
}

NanoUsd estimate(std::size_t input_bytes, std::int64_t output_tokens_max, const Price& price) {
  const std::int64_t input_tokens = static_cast<std::int64_t>(input_bytes / 3 + 1);
  const double dearest = std::max(price.input, price.cache_write.value_or(0));
  return nano_of(micro_dollars(input_tokens, dearest) +
                 micro_dollars(output_tokens_max, price.output));
}

}  // namespace sighter::models
