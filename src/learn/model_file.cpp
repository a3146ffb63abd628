#include "learn/model_file.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/utf8.hpp"
#include "learn/bytes.hpp"
#include "learn/scorer.hpp"

namespace sighter::learn {
namespace {

constexpr std::string_view kMagic = "sightmod";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHead = 8 + 4 + 8, kChecksum = 32;

std::unexpected<Error> senseless() {
  return fail(Kind::kInvalid, "the model file's content makes no sense",
              "fit the model again and save it");
}

}  // namespace

std::string seal(std::string_view payload) {
  ByteWriter head;
  head.u32(kVersion);
  head.u64(payload.size());
  std::string file(kMagic);
  file += head.take();
  file += payload;
  const Digest digest = sha256(file);
  file.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return file;
}

Result<std::string_view> unseal(std::string_view file) {
  if (file.substr(0, kMagic.size()) != kMagic.substr(0, std::min(file.size(), kMagic.size())) ||
      file.empty()) {
    return fail(Kind::kInvalid, "this is not a model file", "give a file that Model::save made");
  }
  const auto cut = [&](std::uint64_t expected) {
    return fail(Kind::kInvalid,
                fmt::format("the model file has {} bytes where {} belong", file.size(), expected),
                "it was cut or something was added: copy it again, or fit and save it again");
  };
  if (file.size() < kHead + kChecksum) return cut(kHead + kChecksum);
  ByteReader head(file.substr(kMagic.size(), kHead - kMagic.size()));
  const std::uint32_t version = head.u32();
  const std::uint64_t payload = head.u64();
  if (version > kVersion) {
    return fail(Kind::kConflict,
                fmt::format("the model file is of version {}, this program reads up to {}", version,
                            kVersion),
                "use the newer program, or fit the model again with this one");
  }
  if (payload != file.size() - kHead - kChecksum) return cut(payload + kHead + kChecksum);
  const std::string_view sealed = file.substr(0, file.size() - kChecksum);
  const Digest digest = sha256(sealed);
  const std::string_view stored = file.substr(sealed.size());
  if (version == 0 ||
      stored != std::string_view(reinterpret_cast<const char*>(digest.data()), kChecksum)) {
    return fail(Kind::kInvalid, "the model file was altered: its checksum does not fit its content",
                "copy it again, or fit and save it again");
  }
  return sealed.substr(kHead);
}

std::string Model::save() const {
  const ModelInfo& info = body_->info;
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(info.learner));
  out.u8(static_cast<std::uint8_t>(info.features));
  out.varint(info.labels.size());
  for (const std::string& label : info.labels) out.text(label);
  for (const std::uint64_t count : body_->counts) out.varint(count);
  out.f64(info.temperature);
  if (body_->scorer) body_->scorer->write(out);
  return seal(out.take());
}

Result<Model> Model::load(std::string_view bytes) {
  const auto payload = unseal(bytes);
  if (!payload) return std::unexpected(payload.error());
  ByteReader in(*payload);
  const std::uint8_t learner = in.u8(), features = in.u8();
  const std::uint64_t labels = in.varint(kLabelsMax);
  if (!in.ok() || learner > 2 || features > 1 || labels == 0) return senseless();

  auto body = std::make_shared<Body>();
  ModelInfo& info = body->info;
  info.learner = static_cast<LearnerKind>(learner);
  info.features = static_cast<FeatureKind>(features);
  for (std::uint64_t i = 0; i < labels && in.ok(); ++i) {
    info.labels.emplace_back(in.text());
    if (find_invalid_utf8(info.labels.back())) return senseless();
  }
  for (std::uint64_t i = 0; i < labels; ++i) {
    const std::uint64_t count = in.varint(UINT32_MAX);
    body->counts.push_back(count);
    info.examples += count;
    info.labels_seen += count > 0 ? 1 : 0;
  }
  info.temperature = in.f64();
  const bool plausible = in.ok() && info.examples > 0 && labels_differ(info.labels) &&
                         info.temperature >= 1e-3 && info.temperature <= 1e3;
  if (!plausible) return senseless();
  if (info.learner != LearnerKind::kMajority) {
    body->scorer = info.learner == LearnerKind::kLinear
                       ? read_linear(in, info.features, body->counts)
                       : read_nearest(in, info.features, body->counts);
    if (!body->scorer) return senseless();
    info.feature_count = body->scorer->feature_count();
    info.dimensions = body->scorer->dimensions();
  }
  if (!in.ok() || in.left() != 0) return senseless();
  info.file_bytes = bytes.size();
  return Model(std::move(body));
}

}  // namespace sighter::learn
