#pragma once
// For tests of this room: the recorded exchanges with real providers, where they are.

#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wire/media.hpp"
#include "wire/message.hpp"

namespace sighter::wire {

struct Exchange {
  std::string source{};
  std::string path{};
  int status = 0;
  Json request{};
  std::optional<Json> reply{};
  std::string stream{};  // its bytes as they came; empty: it was none

  bool counts_tokens() const { return path.ends_with("/count_tokens"); }
};

struct RecordedFile {
  const char* name;
  Dialect dialect;
};
inline constexpr RecordedFile kRecordedFiles[] = {
    {"openai_chat", Dialect::kOpenAiChat}, {"compatible_chat", Dialect::kOpenAiChat},
    {"anthropic", Dialect::kAnthropic},    {"openai_responses", Dialect::kOpenAiResponses},
    {"gemini", Dialect::kGemini},          {"bedrock", Dialect::kBedrock},
};

inline std::string recorded_path(const std::string& name) {
  return std::string(SIGHTER_SOURCE_DIR) + "/../shared/data/recorded_replies/" + name + ".jsonl";
}

// Amazon's binary stream as server-sent events, in the simplest way (the real splitter lives in io,
// which this room may not see): sizes, headers that are strings, payload; checksums are passed
// over.
inline std::string events_of(std::string_view bytes) {
  const auto number = [&](std::size_t at, std::size_t size) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
    return value;
  };
  std::string out;
  while (!bytes.empty()) {
    const std::size_t whole = number(0, 4);
    const std::size_t end = 12 + number(4, 4);
    for (std::size_t at = 12; at < end;) {
      const std::string_view name = bytes.substr(at + 1, number(at, 1));
      at += 1 + name.size() + 1;  // its length, its name, the type
      const std::string_view value = bytes.substr(at + 2, number(at, 2));
      at += 2 + value.size();
      if (name == ":event-type") out += "event: " + std::string(value) + "\n";
    }
    out += "data: " + std::string(bytes.substr(end, whole - end - 4)) + "\n\n";
    bytes.remove_prefix(whole);
  }
  return out;
}

inline Exchange exchange_of(const Json& line) {
  Exchange out;
  out.source = *line.find_string("source");
  out.path = *line.find_string("path");
  out.status = static_cast<int>(line.find("status")->to_int().value_or(0));
  out.request = *line.find("request");
  if (const Json* reply = line.find("response")) out.reply = *reply;
  const std::string* raw = line.find_string("raw");
  constexpr std::string_view kBinary = "base64:";
  if (raw == nullptr) return out;
  if (raw->starts_with(kBinary)) {
    out.stream = events_of(base64_decode(std::string_view(*raw).substr(kBinary.size())).value());
  } else if (const std::size_t at = raw->find_first_not_of(" \r\n\t");
             at != raw->npos && (*raw)[at] == '{') {
    out.reply = json_parse(*raw).value();
  } else if (raw->find("data:") != raw->npos) {
    out.stream = *raw;
  }
  return out;
}

// Read once; empty where the folder is not there.
inline const std::vector<Exchange>& recorded(const std::string& name) {
  static std::map<std::string, std::vector<Exchange>> known;
  const auto [at, fresh] = known.try_emplace(name);
  std::ifstream file(fresh ? recorded_path(name) : std::string());
  for (std::string line; fresh && std::getline(file, line);) {
    at->second.push_back(exchange_of(json_parse(line).value()));
  }
  return at->second;
}

}  // namespace sighter::wire
