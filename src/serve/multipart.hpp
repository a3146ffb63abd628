#pragma once
// The one field of a multipart/form-data body (RFC 7578) that the door reads. No state.

#include <cstddef>
#include <optional>
#include <string_view>

namespace sighter::serve {

struct FormField {
  std::size_t begin = 0;  // of its value in the body: [begin, end)
  std::size_t end = 0;
};
// Where the value of the first field of that name stands; nullopt: there is none, or `content_type`
// names no boundary. A field that is a file is none.
std::optional<FormField> find_form_field(std::string_view content_type, std::string_view body,
                                         std::string_view name);

}  // namespace sighter::serve
