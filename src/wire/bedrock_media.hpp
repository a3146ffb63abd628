#pragma once
// Formats of media as Converse names them. Inside of the room.

#include <string>
#include <string_view>

#include "wire/message.hpp"

namespace sighter::wire::bedrock {

// "png" of an image -> "image/png"; empty for a word that is not in the table.
std::string_view type_of_format(Media::Kind kind, std::string_view format);
// The inverse, also of other names for the same ("image/jpg"); empty where Converse has none.
std::string_view format_of(const Media& media);
// A name as Converse takes it for a document: letters, digits, single blanks, '-', '(', ')', '[',
// ']'. Other characters become blanks.
std::string document_name(std::string_view name);

}  // namespace sighter::wire::bedrock
