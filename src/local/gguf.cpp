#include "local/gguf.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <system_error>
#include <vector>

namespace sighter::local {

namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read as little-endian");

constexpr std::uint64_t kStringBytesMax = 16u << 20;  // a chat template or a token, amply
constexpr std::uint64_t kEntriesMax = 1u << 20;       // of key/value pairs, of tensors
constexpr std::uint64_t kArrayMax = 1u << 28;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;

// Bytes of a value type, by its number; 0: variable.
constexpr std::array<int, 13> kValueBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

struct Blocks {
  std::uint32_t type;
  std::uint64_t values;
  std::uint64_t bytes;
};
// Tensor types: values a block, bytes a block. One that is not listed is not checked for length.
constexpr std::array kTensorTypes = {
    Blocks{0, 1, 4},      Blocks{1, 1, 2},      Blocks{2, 32, 18},    Blocks{3, 32, 20},
    Blocks{6, 32, 22},    Blocks{7, 32, 24},    Blocks{8, 32, 34},    Blocks{9, 32, 36},
    Blocks{10, 256, 84},  Blocks{11, 256, 110}, Blocks{12, 256, 144}, Blocks{13, 256, 176},
    Blocks{14, 256, 210}, Blocks{15, 256, 292}, Blocks{16, 256, 66},  Blocks{17, 256, 74},
    Blocks{18, 256, 98},  Blocks{19, 256, 50},  Blocks{20, 32, 18},   Blocks{21, 256, 110},
    Blocks{22, 256, 82},  Blocks{23, 256, 136}, Blocks{24, 1, 1},     Blocks{25, 1, 2},
    Blocks{26, 1, 4},     Blocks{27, 1, 8},     Blocks{28, 1, 8},     Blocks{29, 256, 56},
    Blocks{30, 1, 2},     Blocks{34, 256, 54},  Blocks{35, 256, 66},  Blocks{39, 32, 17}};

// Reads on until something is missing or impossible; then everything it returns is zero or empty.
class Reader {
 public:
  Reader(const std::filesystem::path& file, std::uint64_t size)
      : in_(file, std::ios::binary), size_(size) {}

  bool open() const { return in_.is_open(); }
  bool cut() const { return cut_; }
  const std::string& broken() const { return broken_; }
  bool good() const { return !cut_ && broken_.empty(); }
  std::uint64_t at() const { return at_; }

  void skip(std::uint64_t bytes) {
    if (!good()) return;
    if (bytes > size_ - at_) {
      cut_ = true;
      return;
    }
    at_ += bytes;
    in_.ignore(static_cast<std::streamsize>(bytes));
  }

  template <class T>
  T number() {
    T value{};
    take(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }

  std::string string() {
    const auto length = number<std::uint64_t>();
    if (length > kStringBytesMax) breaks(fmt::format("a string of {} bytes", length));
    if (!good()) return {};
    std::string text;
    if (length > size_ - at_) {
      cut_ = true;
      return {};
    }
    text.resize(length);
    take(text.data(), length);
    return text;
  }

  void breaks(std::string why) {
    if (good()) broken_ = fmt::format("{} at byte {}", why, at_);
  }

 private:
  void take(char* out, std::uint64_t bytes) {
    if (!good()) return;
    if (bytes > size_ - at_ || !in_.read(out, static_cast<std::streamsize>(bytes))) {
      std::memset(out, 0, bytes);
      cut_ = true;
      return;
    }
    at_ += bytes;
  }

  std::ifstream in_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  bool cut_ = false;
  std::string broken_;
};

std::int64_t read_integer(Reader& in, std::uint32_t type) {
  switch (type) {
    case 0:
      return in.number<std::uint8_t>();
    case 1:
      return in.number<std::int8_t>();
    case 2:
      return in.number<std::uint16_t>();
    case 3:
      return in.number<std::int16_t>();
    case 4:
      return in.number<std::uint32_t>();
    case 5:
      return in.number<std::int32_t>();
    case 7:
      return in.number<std::uint8_t>() != 0;
    default:
      return static_cast<std::int64_t>(in.number<std::uint64_t>());
  }
}

void skip_array(Reader& in) {
  const auto type = in.number<std::uint32_t>();
  const auto count = in.number<std::uint64_t>();
  if (type >= kValueBytes.size() || type == kArray) return in.breaks("an array of an unknown type");
  if (count > kArrayMax) return in.breaks(fmt::format("an array of {} values", count));
  if (type != kString) return in.skip(count * static_cast<std::uint64_t>(kValueBytes[type]));
  for (std::uint64_t i = 0; i < count && in.good(); ++i) in.skip(in.number<std::uint64_t>());
}

void read_pairs(Reader& in, std::uint64_t count, GgufHeader& header) {
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    std::string key = in.string();
    const auto type = in.number<std::uint32_t>();
    if (type >= kValueBytes.size())
      return in.breaks(fmt::format("a value of unknown type {}", type));
    if (type == kString) {
      header.strings[std::move(key)] = in.string();
    } else if (type == kArray) {
      skip_array(in);
    } else if (type == 6 || type == 12) {  // floating point: nobody asks for them
      in.skip(static_cast<std::uint64_t>(kValueBytes[type]));
    } else {
      header.integers[std::move(key)] = read_integer(in, type);
    }
  }
}

std::uint64_t tensor_bytes(std::uint32_t type, std::uint64_t values) {
  for (const Blocks& blocks : kTensorTypes)
    if (blocks.type == type) return (values + blocks.values - 1) / blocks.values * blocks.bytes;
  return 0;
}

// Bytes of the data section that the tensors need.
std::uint64_t read_tensors(Reader& in, std::uint64_t count) {
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    const std::string name = in.string();
    const auto dimensions = in.number<std::uint32_t>();
    if (dimensions > 4) {
      in.breaks(fmt::format("a tensor of {} dimensions", dimensions));
      return end;
    }
    std::uint64_t values = 1;
    for (std::uint32_t d = 0; d < dimensions; ++d) {
      const auto length = in.number<std::uint64_t>();
      if (length != 0 && values > std::numeric_limits<std::uint64_t>::max() / 1024 / length) {
        in.breaks(fmt::format("tensor '{}' is impossibly large", name));
        return end;
      }
      values *= length;
    }
    const auto type = in.number<std::uint32_t>();
    const auto offset = in.number<std::uint64_t>();
    if (offset > std::numeric_limits<std::uint64_t>::max() / 4)
      in.breaks("a tensor beyond any file");
    if (in.good()) end = std::max(end, offset + tensor_bytes(type, values));
  }
  return end;
}

Error cut_short(const std::filesystem::path& file, std::uint64_t bytes, std::string expected) {
  return {Kind::kInvalid,
          fmt::format("{} is cut short: it has {} bytes{}", file.string(), bytes, expected),
          "the download was probably interrupted: fetch the file again"};
}

Result<std::uint64_t> size_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found)
    return fail(Kind::kNotFound, fmt::format("there is no model file {}", file.string()),
                "name a GGUF file that exists");
  if (std::filesystem::is_directory(status))
    return fail(Kind::kInvalid, fmt::format("{} is a folder, not a GGUF file", file.string()),
                "name the .gguf file in it");
  const auto size = std::filesystem::file_size(file, error);
  if (error)
    return fail(Kind::kIo, fmt::format("cannot read {}: {}", file.string(), error.message()));
  return size;
}

}  // namespace

std::string GgufHeader::string(const std::string& key) const {
  const auto found = strings.find(key);
  return found == strings.end() ? std::string() : found->second;
}

std::optional<std::int64_t> GgufHeader::integer(const std::string& key) const {
  const auto found = integers.find(key);
  if (found == integers.end()) return std::nullopt;
  return found->second;
}

Result<GgufHeader> read_gguf_header(const std::filesystem::path& file) {
  auto size = size_of(file);
  if (!size) return std::unexpected(size.error());
  Reader in(file, *size);
  if (!in.open())
    return fail(Kind::kIo, fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)),
                "is it readable for this user?");
  GgufHeader header;
  header.file_bytes = *size;
  if (in.number<std::uint32_t>() != 0x46554747u)  // "GGUF"
    return fail(Kind::kInvalid, fmt::format("{} is not a GGUF file", file.string()),
                "models in the process are GGUF files; other formats have to be converted first");
  const auto version = in.number<std::uint32_t>();
  if (in.good() && version != 2 && version != 3)
    return fail(Kind::kInvalid, fmt::format("{} has GGUF version {}", file.string(), version),
                "versions 2 and 3 are read, in little-endian order");
  const auto tensors = in.number<std::uint64_t>();
  const auto pairs = in.number<std::uint64_t>();
  if (tensors > kEntriesMax || pairs > kEntriesMax) in.breaks("an impossible number of entries");
  read_pairs(in, pairs, header);
  const std::uint64_t data = read_tensors(in, tensors);
  if (!in.broken().empty())
    return fail(Kind::kInvalid, fmt::format("{} is damaged: {}", file.string(), in.broken()),
                "fetch the file again");
  if (in.cut())
    return std::unexpected(cut_short(file, *size, ", which is not even its description"));
  header.tensors = static_cast<std::int64_t>(tensors);
  const auto alignment = static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, header.integer("general.alignment").value_or(32)));
  const std::uint64_t needed = (in.at() + alignment - 1) / alignment * alignment + data;
  if (tensors > 0 && needed > *size)
    return std::unexpected(
        cut_short(file, *size, fmt::format(", its description needs {}", needed)));
  return header;
}

}  // namespace sighter::local
