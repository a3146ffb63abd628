#include "functions/vectors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/file.hpp"

namespace sighter::functions {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "sightvec";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kFileBytesMax = std::size_t{4} << 30;

std::string raw(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T get(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

std::string embedding_identity(const models::ModelSpec& spec) {
  std::string identity = spec.name;
  for (const models::Route& route : spec.routes) identity += "\n" + route.name();
  if (!spec.local) return identity;
  std::error_code code;
  const auto size = std::filesystem::file_size(spec.local->path, code);
  const auto time =
      std::filesystem::last_write_time(spec.local->path, code).time_since_epoch().count();
  return fmt::format("{}\n{}\n{}\n{}", identity, spec.local->path.string(), size, time);
}

VectorCache::VectorCache(const std::filesystem::path& folder, const std::string& identity) {
  if (folder.empty()) return;
  path_ = folder / fmt::format("vectors-{}.bin", hex(sha256(identity)).substr(0, 24));
  load();
}

void VectorCache::load() {
  const Result<std::string> bytes = read_file(path_, kFileBytesMax);
  if (!bytes || bytes->size() < kHeaderBytes + kDigestBytes || !bytes->starts_with(kMagic)) return;
  const std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - kDigestBytes);
  if (raw(sha256(body)) != bytes->substr(body.size()) || get<std::uint32_t>(body, 8) != kVersion)
    return;
  const std::size_t dimensions = get<std::uint32_t>(body, 12);
  const std::uint64_t count = get<std::uint64_t>(body, 16);
  const std::size_t entry = kDigestBytes + dimensions * sizeof(float);
  if ((body.size() - kHeaderBytes) % entry != 0 || (body.size() - kHeaderBytes) / entry != count)
    return;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t at = kHeaderBytes + i * entry;
    std::vector<float> vector(dimensions);
    std::memcpy(vector.data(), body.data() + at + kDigestBytes, dimensions * sizeof(float));
    vectors_.emplace(std::string(body.substr(at, kDigestBytes)), std::move(vector));
  }
}

const std::vector<float>* VectorCache::find(std::string_view text) const {
  const auto found = vectors_.find(raw(sha256(text)));
  return found == vectors_.end() ? nullptr : &found->second;
}

void VectorCache::add(std::string_view text, std::vector<float> vector) {
  vectors_.insert_or_assign(raw(sha256(text)), std::move(vector));
  changed_ = true;
}

Status VectorCache::save() {
  if (!changed_ || path_.empty() || vectors_.empty()) return {};
  const std::size_t dimensions = vectors_.begin()->second.size();
  std::uint64_t count = 0;
  std::string entries;
  for (const auto& [digest, vector] : vectors_) {
    if (vector.size() != dimensions) continue;
    entries += digest;
    entries.append(reinterpret_cast<const char*>(vector.data()), dimensions * sizeof(float));
    ++count;
  }
  std::string file(kMagic);
  put(file, kVersion);
  put(file, static_cast<std::uint32_t>(dimensions));
  put(file, count);
  file += entries;
  file += raw(sha256(file));
  if (Status made = make_folders(path_.parent_path()); !made) return made;
  changed_ = false;
  return write_file(path_, file);
}

}  // namespace sighter::functions
