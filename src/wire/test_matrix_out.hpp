#pragma once
// For tests of this room: what the matrix wrote in each dialect, and what it was to say, for
// readers that are not ours (tests/oracle/sdk_types.py): one JSON object a line. Without a path
// nothing is written.

#include <fstream>
#include <string>
#include <vector>

#include "wire/codec.hpp"

namespace sighter::wire {

class MatrixOut {
 public:
  explicit MatrixOut(const char* path) {
    if (path != nullptr) file_.open(path);
  }

  // `kind`: "request", "reply" or "stream"; `differs`: the facts that the table of differences says
  // do not come through; `said`: of replies.
  void write(std::string_view kind, Dialect from, Dialect to, const std::string& source,
             std::string_view body, const std::vector<std::string>& differs, Json said = {}) {
    if (!file_.is_open()) return;
    JsonArray names;
    for (const std::string& name : differs) names.emplace_back(name);
    const Json line = Json::object({{"kind", std::string(kind)},
                                    {"from", std::string(to_string(from))},
                                    {"to", std::string(to_string(to))},
                                    {"source", source},
                                    {"body", std::string(body)},
                                    {"differs", Json(std::move(names))},
                                    {"said", std::move(said)}});
    file_ << json_write(line) << "\n";
  }

  // Of all choices together, as the facts are.
  static Json said(const ChatReply& reply) {
    std::string text, thinking, refusal, finish;
    JsonArray calls;
    for (const Choice& choice : reply.choices) {
      for (const Block& block : choice.message.content) {
        if (const Text* one = block.as<Text>()) text += one->text;
        if (const Thinking* one = block.as<Thinking>()) thinking += one->text;
        if (const Refusal* one = block.as<Refusal>()) refusal += one->text;
        const ToolCall* call = block.as<ToolCall>();
        if (call == nullptr || call->kind == ToolCall::Kind::kProvider) continue;
        calls.push_back(Json::object({{"name", call->name}, {"arguments", call->arguments}}));
      }
      if (finish.empty()) finish = to_string(choice.settled_finish().kind);
    }
    Json usage;
    if (reply.usage)
      usage = Json::object({{"input", reply.usage->input},
                            {"output", reply.usage->output},
                            {"cache_read", reply.usage->cache_read},
                            {"reasoning", reply.usage->reasoning}});
    return Json::object({{"text", std::move(text)},
                         {"thinking", std::move(thinking)},
                         {"refusal", std::move(refusal)},
                         {"finish", std::move(finish)},
                         {"calls", Json(std::move(calls))},
                         {"usage", std::move(usage)}});
  }

 private:
  std::ofstream file_;
};

}  // namespace sighter::wire
