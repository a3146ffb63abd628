#pragma once
// The arguments of a function call that Vertex streams leaf by leaf (`partialArgs`, where the
// request has functionCallingConfig.streamFunctionCallArguments), put together.

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"

namespace sighter::wire::gemini {

class PartialArguments {
 public:
  // One `partialArgs` list: each element names a place ("$.a.b[0]['c d']") and a value for it;
  // strings of one place follow each other. An element without a value says nothing. kUpstream,
  // naming the place, where it cannot be reached: no such path, another type there, an element of a
  // list whose predecessors are missing.
  Status add(Json& partials);
  // All arguments at once (`args`), in the place of what came before.
  void replace(Json arguments) { whole_ = std::move(arguments); }
  // A JSON object; "{}" where nothing came.
  std::string text() const { return json_write(whole_); }

 private:
  Status add_one(Json& partial);

  Json whole_ = Json::object();
};

}  // namespace sighter::wire::gemini
