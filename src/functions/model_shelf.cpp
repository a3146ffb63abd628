#include "functions/model_shelf.hpp"

#include "base/file.hpp"

namespace sighter::functions {
namespace {

constexpr std::size_t kModelBytesMax = std::size_t{4} << 30;
constexpr std::size_t kDigits = 16;  // of the key, in the name
constexpr std::string_view kEnding = ".model";

}  // namespace

ModelShelf::ModelShelf(std::filesystem::path folder, const std::string& name, const Digest& key,
                       Log& log)
    : folder_(std::move(folder)), prefix_(name + "-"), log_(log) {
  file_ = folder_ / (prefix_ + hex(key).substr(0, kDigits) + std::string(kEnding));
}

std::optional<learn::Model> ModelShelf::take(const std::vector<std::string>& labels) const {
  if (folder_.empty()) return std::nullopt;
  const Result<std::string> bytes = read_file(file_, kModelBytesMax);
  std::error_code code;
  if (!bytes && !std::filesystem::exists(file_, code)) return std::nullopt;
  Result<learn::Model> model =
      bytes ? learn::Model::load(*bytes) : Result<learn::Model>(std::unexpected(bytes.error()));
  if (model && model->info().labels == labels) return std::move(*model);
  const std::string what = model ? "it was made for other labels" : model.error().what;
  log_.warning("functions", fmt::format("{}: {}; fitted again", file_.string(), what));
  return std::nullopt;
}

void ModelShelf::put(const learn::Model& model) const {
  if (folder_.empty()) return;
  Status saved = make_folders(folder_);
  if (saved) saved = write_file(file_, model.save());
  if (!saved) {
    log_.warning("functions", saved.error().what);
    return;
  }
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, code)) {
    const std::string name = entry.path().filename().string();
    const bool of_this = name.starts_with(prefix_) && name.ends_with(kEnding) &&
                         name.size() == prefix_.size() + kDigits + kEnding.size();
    if (of_this && entry.path() != file_) std::filesystem::remove(entry.path(), code);
  }
}

}  // namespace sighter::functions
