#pragma once
// Reads a JSON object member by member and keeps what nobody asked for.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "wire/message.hpp"

namespace sighter::wire {

// Where in a document something is: a chain on the stack, put into words only for an error.
struct Place {
  const Place* parent = nullptr;
  std::string_view name = {};
  std::int64_t index = -1;
  std::string text() const;  // "messages[2].content"; "the body" for the root
};

// Members that are null, or an empty string, stay with the rest: the typed form cannot tell them
// from absent ones. A member of another type than asked for is an error in kStrict (what a client
// sends) and stays with the rest in kLenient (what a provider answers).
//
// The object is emptied by and by: strings, lists and objects are moved out. Names are compared
// linearly; objects of the dialects have few members.
class ObjectReader {
 public:
  enum class Mode { kStrict, kLenient };
  ObjectReader(JsonObject& object, const Place& place, Mode mode)
      : object_(object), place_(place), mode_(mode) {}

  // The member that is there, not null and not taken; nothing is taken.
  Json* peek(std::string_view name);
  void take(const Json* member);

  bool string(std::string_view name, std::string& out);
  bool string(std::string_view name, std::optional<std::string>& out);
  bool boolean(std::string_view name, std::optional<bool>& out);
  bool integer(std::string_view name, std::optional<std::int64_t>& out);
  bool number(std::string_view name, std::optional<Number>& out);
  bool any(std::string_view name, std::optional<Json>& out);
  // Not taken yet: the caller takes it once it is understood.
  JsonArray* array(std::string_view name);
  JsonObject* object(std::string_view name);
  // Takes the member when it is that very string.
  bool constant(std::string_view name, std::string_view value);

  // Everything that was not taken.
  Extra rest(Dialect dialect, std::uint32_t forms = 0);

  void fail(std::string_view name, std::string_view must);
  bool ok() const { return !error_.has_value(); }
  const Error& error() const { return *error_; }
  Mode mode() const { return mode_; }
  const Place& place() const { return place_; }

 private:
  bool taken(std::size_t index) const;
  void wrong(std::string_view name, const Json& value, std::string_view wanted);

  JsonObject& object_;
  const Place& place_;
  Mode mode_;
  std::uint64_t taken_ = 0;  // the first 64 members
  std::vector<std::size_t> taken_more_;
  std::optional<Error> error_;
};

// Copies what `object` has beside `known` into `into`, where it is an object at all.
void copy_others(const Json* object, std::initializer_list<std::string_view> known,
                 JsonObject& into);

// What an inner object had left over goes under its own name into the rest of the outer one.
void keep_inner(Extra& outer, std::string_view name, Extra inner);

}  // namespace sighter::wire
