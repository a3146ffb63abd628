#pragma once
// For tests of this room: server-sent events split in the simplest way (the real splitter lives in
// io, which this room may not see).

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::wire {

struct Event {
  std::string name;
  std::string data;
};

inline std::vector<Event> split_events(std::string_view raw) {
  std::vector<Event> events;
  Event event;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('\n'), raw.size());
    std::string_view line = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) {
      if (!event.data.empty()) events.push_back(std::move(event));
      event = {};
    } else if (line.starts_with("event:")) {
      event.name = line.substr(line.starts_with("event: ") ? 7 : 6);
    } else if (line.starts_with("data:")) {
      if (!event.data.empty()) event.data += '\n';
      event.data += line.substr(line.starts_with("data: ") ? 6 : 5);
    }
  }
  if (!event.data.empty()) events.push_back(std::move(event));
  return events;
}

struct Streamed {
  std::vector<Delta> deltas;
  ReplyBuilder builder;
  std::string error;  // of the decoder
};

inline Streamed read_stream(const Codec& codec, std::string_view raw,
                            const Quirks* quirks = nullptr) {
  Streamed out;
  const std::unique_ptr<StreamDecoder> decoder = codec.stream_decoder(quirks);
  for (const Event& event : split_events(raw)) {
    if (Status status = decoder->feed(event.name, event.data, out.deltas); !status) {
      out.error = status.error().what;
      out.builder.fail(WireError{.message = status.error().what});
      break;
    }
  }
  if (Status status = decoder->end(out.deltas); !status && out.error.empty())
    out.error = status.error().what;
  for (const Delta& delta : out.deltas) out.builder.add(delta);
  out.builder.end();
  return out;
}

// Everything that a stream's writer lost.
inline std::vector<std::string> lost_by(const LostNames& writer) {
  std::vector<std::string> out = writer.dropped();
  for (const std::string& name : writer.approximated()) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

}  // namespace sighter::wire
