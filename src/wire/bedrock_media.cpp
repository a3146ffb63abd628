#include "wire/bedrock_media.hpp"

namespace sighter::wire::bedrock {
namespace {

struct Row {
  Media::Kind kind;
  std::string_view format;
  std::string_view type;
};
// The first row of a type is what is written; the first of a format is what is read.
constexpr Row kRows[] = {
    {Media::Kind::kImage, "png", "image/png"},
    {Media::Kind::kImage, "jpeg", "image/jpeg"},
    {Media::Kind::kImage, "jpeg", "image/jpg"},
    {Media::Kind::kImage, "gif", "image/gif"},
    {Media::Kind::kImage, "webp", "image/webp"},
    {Media::Kind::kDocument, "pdf", "application/pdf"},
    {Media::Kind::kDocument, "csv", "text/csv"},
    {Media::Kind::kDocument, "doc", "application/msword"},
    {Media::Kind::kDocument, "docx",
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {Media::Kind::kDocument, "xls", "application/vnd.ms-excel"},
    {Media::Kind::kDocument, "xlsx",
     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {Media::Kind::kDocument, "html", "text/html"},
    {Media::Kind::kDocument, "txt", "text/plain"},
    {Media::Kind::kDocument, "md", "text/markdown"},
    {Media::Kind::kVideo, "mp4", "video/mp4"},
    {Media::Kind::kVideo, "webm", "video/webm"},
    {Media::Kind::kVideo, "mov", "video/quicktime"},
    {Media::Kind::kVideo, "mkv", "video/x-matroska"},
    {Media::Kind::kVideo, "flv", "video/x-flv"},
    {Media::Kind::kVideo, "mpeg", "video/mpeg"},
    {Media::Kind::kVideo, "mpg", "video/mpg"},
    {Media::Kind::kVideo, "wmv", "video/x-ms-wmv"},
    {Media::Kind::kVideo, "three_gp", "video/3gpp"},
    {Media::Kind::kAudio, "mp3", "audio/mpeg"},
    {Media::Kind::kAudio, "mp3", "audio/mp3"},
    {Media::Kind::kAudio, "wav", "audio/wav"},
    {Media::Kind::kAudio, "wav", "audio/x-wav"},
    {Media::Kind::kAudio, "flac", "audio/flac"},
    {Media::Kind::kAudio, "aac", "audio/aac"},
    {Media::Kind::kAudio, "ogg", "audio/ogg"},
    {Media::Kind::kAudio, "opus", "audio/opus"},
    {Media::Kind::kAudio, "webm", "audio/webm"},
    {Media::Kind::kAudio, "m4a", "audio/mp4"},
};

}  // namespace

std::string_view type_of_format(Media::Kind kind, std::string_view format) {
  for (const Row& row : kRows) {
    if (row.kind == kind && row.format == format) return row.type;
  }
  return {};
}

std::string_view format_of(const Media& media) {
  std::string_view type = media.media_type;
  type = type.substr(0, type.find(';'));
  for (const Row& row : kRows) {
    if (row.kind == media.kind && row.type == type) return row.format;
  }
  if (!type.empty()) return {};
  for (const Row& row : kRows) {
    if (row.kind == media.kind && row.format == media.format) return row.format;
  }
  if (media.kind != Media::Kind::kDocument) return {};
  return media.text.empty() ? "pdf" : "txt";
}

std::string document_name(std::string_view name) {
  constexpr std::string_view kOthers = "-()[]";
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kOthers.find(c) != kOthers.npos;
    if (plain) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace sighter::wire::bedrock
