#include "serve/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace sighter::serve {
namespace {

void line(std::string& out, std::string_view name, std::string_view labels, double value) {
  fmt::format_to(std::back_inserter(out), "{}{} {}\n", name, labels, value);
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

}  // namespace

void Histogram::add(std::chrono::microseconds value) {
  const double seconds = std::chrono::duration<double>(value).count();
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  buckets_[static_cast<std::size_t>(bound - kBounds.begin())].fetch_add(1,
                                                                        std::memory_order_relaxed);
  sum_us_.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.count())),
                    std::memory_order_relaxed);
}

void Histogram::write(std::string& out, std::string_view name) const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    count += buckets_[i].load(std::memory_order_relaxed);
    const std::string bound = i < kBounds.size() ? fmt::format("{}", kBounds[i]) : "+Inf";
    fmt::format_to(std::back_inserter(out), "{}_bucket{{le=\"{}\"}} {}\n", name, bound, count);
  }
  fmt::format_to(std::back_inserter(out), "{}_sum {}\n{}_count {}\n", name,
                 static_cast<double>(sum_us_.load(std::memory_order_relaxed)) / 1e6, name, count);
}

bool Metrics::enter(std::size_t most) {
  if (in_flight_.fetch_add(1, std::memory_order_relaxed) < static_cast<std::int64_t>(most))
    return true;
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Metrics::leave(int status, std::chrono::microseconds took) {
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  by_class_[static_cast<std::size_t>(std::clamp(status / 100, 0, 5))].fetch_add(
      1, std::memory_order_relaxed);
  latency_.add(took);
}

void Metrics::turned_away() {
  turned_away_.fetch_add(1, std::memory_order_relaxed);
}

void Metrics::add_usage(const wire::Usage& usage) {
  tokens_in_.fetch_add(usage.input, std::memory_order_relaxed);
  tokens_cached_.fetch_add(usage.cache_read, std::memory_order_relaxed);
  tokens_out_.fetch_add(usage.output, std::memory_order_relaxed);
}

void Metrics::add_cost(NanoUsd cost) {
  cost_nano_usd_.fetch_add(cost.value, std::memory_order_relaxed);
}

std::string Metrics::text(const store::WriterState* writer) const {
  std::string out;
  head(out, "sighter_requests_total", "counter", "Requests answered, by class of status.");
  for (std::size_t i = 0; i < by_class_.size(); ++i) {
    line(out, "sighter_requests_total",
         i == 0 ? std::string("{status=\"none\"}") : fmt::format("{{status=\"{}xx\"}}", i),
         static_cast<double>(by_class_[i].load(std::memory_order_relaxed)));
  }
  const auto counter = [&](std::string_view name, std::string_view help, double value) {
    head(out, name, "counter", help);
    line(out, name, "", value);
  };
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    head(out, name, "gauge", help);
    line(out, name, "", value);
  };
  gauge("sighter_requests_in_flight", "Requests that are being answered.",
        static_cast<double>(in_flight()));
  counter("sighter_requests_turned_away_total", "Requests refused at the door.",
          static_cast<double>(turned_away_.load(std::memory_order_relaxed)));
  counter("sighter_streams_broken_total", "Streams that were cut before their end.",
          static_cast<double>(broken_.load(std::memory_order_relaxed)));
  head(out, "sighter_tokens_total", "counter", "Tokens that providers counted.");
  line(out, "sighter_tokens_total", "{kind=\"input\"}",
       static_cast<double>(tokens_in_.load(std::memory_order_relaxed)));
  line(out, "sighter_tokens_total", "{kind=\"cached\"}",
       static_cast<double>(tokens_cached_.load(std::memory_order_relaxed)));
  line(out, "sighter_tokens_total", "{kind=\"output\"}",
       static_cast<double>(tokens_out_.load(std::memory_order_relaxed)));
  counter("sighter_cost_usd_total", "Dollars spent where the price is known.",
          static_cast<double>(cost_nano_usd_.load(std::memory_order_relaxed)) / 1e9);
  head(out, "sighter_request_seconds", "histogram", "From a request's header to its last byte.");
  latency_.write(out, "sighter_request_seconds");
  head(out, "sighter_first_token_seconds", "histogram", "From asking upstream to the first token.");
  first_token_.write(out, "sighter_first_token_seconds");
  if (writer != nullptr) {
    gauge("sighter_store_queued_rows", "Rows that wait for the disk.",
          static_cast<double>(writer->queued_rows));
    counter("sighter_store_rows_total", "Rows on the disk.",
            static_cast<double>(writer->committed_rows));
    gauge("sighter_store_healthy", "0 when the last commit failed.", writer->trouble ? 0 : 1);
  }
  return out;
}

}  // namespace sighter::serve
