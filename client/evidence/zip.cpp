#include "client/evidence/zip.h"

#include <zlib.h>

#include <algorithm>
#include <set>

#include "client/evidence/little_endian.h"
#include "crypto/file.h"

namespace cunzheng::evidence {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint16_t kVersion = 20;
constexpr uint16_t kFlags = 0x0800;  // names are UTF-8
constexpr uint16_t kStored = 0;
constexpr uint16_t kTime = 0, kDate = 0x0021;  // 1980-01-01, the first there is
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr size_t kNameBytesMax = 512, kComponentBytesMax = 255;

uint64_t Load(std::string_view bytes, size_t offset, size_t length) {
  uint64_t value = 0;
  for (size_t i = length; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[offset + i]);
  return value;
}

// What the local header and the central one have in common.
void AppendFacts(const ZipMember& member, std::string* out) {
  for (const uint16_t value : {kVersion, kFlags, kStored, kTime, kDate}) Append16(value, out);
  Append32(member.crc, out);
  Append32(member.length, out);
  Append32(member.length, out);
  Append16(member.name.size(), out);
  Append16(0, out);  // extra fields
}

std::string LocalHeader(const ZipMember& member) {
  std::string out;
  Append32(kLocalSignature, &out);
  AppendFacts(member, &out);
  return out + member.name;
}

uint64_t HeaderOffset(const ZipMember& member) {
  return member.offset - kLocalBytes - member.name.size();
}

std::string CentralHeader(const ZipMember& member) {
  std::string out;
  Append32(kCentralSignature, &out);
  Append16(kVersion, &out);  // made by: system 0
  AppendFacts(member, &out);
  Append16(0, &out);  // comment
  Append16(0, &out);  // disk
  Append16(0, &out);  // internal attributes
  Append32(0, &out);  // external attributes
  Append32(HeaderOffset(member), &out);
  return out + member.name;
}

std::string EndRecord(size_t count, uint64_t directory_length, uint64_t directory_offset) {
  std::string out;
  Append32(kEndSignature, &out);
  Append16(0, &out);  // this disk
  Append16(0, &out);  // the directory's disk
  Append16(count, &out);
  Append16(count, &out);
  Append32(directory_length, &out);
  Append32(directory_offset, &out);
  Append16(0, &out);  // comment
  return out;
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

Error Wrong(const std::string& what) {
  return {Errc::kInvalidValue, what};
}

// Which names an archive has: none twice and none that is another's folder, so that unpacking it anywhere,
// also where case does not count, gives every member its own file.
class Names {
 public:
  Result<void> Take(std::string_view name) {
    RETURN_IF_ERROR(CheckZipName(name));
    std::string key(name);
    std::transform(key.begin(), key.end(), key.begin(), Lower);
    if (names_.contains(key)) return Wrong(std::string(name) + ": there twice");
    if (folders_.contains(key)) return Wrong(std::string(name) + ": is also a folder");
    for (size_t slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1)) {
      if (names_.contains(key.substr(0, slash)))
        return Wrong(std::string(name) + ": its folder is also a member");
      folders_.insert(key.substr(0, slash));
    }
    names_.insert(std::move(key));
    return {};
  }

 private:
  std::set<std::string, std::less<>> names_, folders_;
};

uint32_t Crc(uint32_t before, std::string_view bytes) {
  return static_cast<uint32_t>(crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// The most that a member may end at, so that the directory and the end record still fit.
bool Fits(uint64_t members_end, uint64_t directory_length) {
  return members_end + directory_length + kEndBytes <= kZipBytesMax;
}

}  // namespace

Result<void> CheckZipName(std::string_view name) {
  const std::string what = "name " + std::string(name.substr(0, kNameBytesMax)) + ": ";
  if (name.empty() || name.size() > kNameBytesMax) return Wrong(what + "must be 1 to 512 bytes");
  for (const char c : name) {
    const char lower = Lower(c);
    const bool fine = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
                      std::string_view("._@+=-/").find(c) != std::string_view::npos;
    if (!fine) return Wrong("a name has a byte outside [A-Za-z0-9._@+=/-]");
  }
  while (true) {
    const size_t slash = name.find('/');
    const std::string_view component = name.substr(0, slash);
    if (component.empty() || component.size() > kComponentBytesMax) {
      return Wrong(what + "its components must be 1 to 255 bytes");
    }
    if (component == "." || component == "..") return Wrong(what + "must not have . or .. as a component");
    if (slash == std::string_view::npos) return {};
    name.remove_prefix(slash + 1);
  }
}

struct ZipWriter::Impl {
  NewFile file;
  std::vector<ZipMember> members;
  Names names;
  uint64_t directory_length = 0;
  bool within_member = false;  // also after one that failed, which nothing can follow

  explicit Impl(NewFile new_file) : file(std::move(new_file)) {}

  // Writes the header, with a CRC-32 that Close() mends.
  Result<void> Open(std::string_view name, uint64_t length) {
    RETURN_IF_ERROR(CheckWhole());
    if (members.size() == kZipMembersMax) {
      return Error{Errc::kTooLarge, std::string(name) + ": an archive has at most 65,534 members"};
    }
    RETURN_IF_ERROR(names.Take(name));
    const ZipMember member{
        .name = std::string(name), .offset = file.length() + kLocalBytes + name.size(), .length = length};
    const uint64_t directory_after = directory_length + kCentralBytes + name.size();
    if (length > kZipBytesMax || !Fits(member.offset + length, directory_after)) {
      return Error{Errc::kTooLarge, std::string(name) + ": an archive must stay below 4 GiB"};
    }
    within_member = true;
    RETURN_IF_ERROR(file.Append(LocalHeader(member)));
    directory_length = directory_after;
    members.push_back(member);
    return {};
  }
  Result<void> Append(std::string_view bytes) {
    members.back().crc = Crc(members.back().crc, bytes);
    return file.Append(bytes);
  }
  Result<void> Close() {
    RETURN_IF_ERROR(file.Overwrite(HeaderOffset(members.back()), LocalHeader(members.back())));
    within_member = false;
    return {};
  }
  Result<void> CheckWhole() const {
    if (within_member) return Error{Errc::kIo, "an earlier member could not be written"};
    return {};
  }
};

Result<ZipWriter> ZipWriter::Create(std::string path) {
  ASSIGN_OR_RETURN(NewFile file, NewFile::Create(std::move(path), 0600));
  return ZipWriter(std::make_unique<Impl>(std::move(file)));
}

ZipWriter::ZipWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ZipWriter::ZipWriter(ZipWriter&&) noexcept = default;
ZipWriter& ZipWriter::operator=(ZipWriter&&) noexcept = default;
ZipWriter::~ZipWriter() = default;

Result<void> ZipWriter::Add(std::string_view name, std::string_view bytes) {
  RETURN_IF_ERROR(impl_->Open(name, bytes.size()));
  RETURN_IF_ERROR(impl_->Append(bytes));
  return impl_->Close();
}

Result<void> ZipWriter::Add(std::string_view name, const ByteSource& source) {
  RETURN_IF_ERROR(impl_->Open(name, source.length()));
  RETURN_IF_ERROR(ReadInPieces(source, [this](std::string_view bytes) { return impl_->Append(bytes); }));
  return impl_->Close();
}

Result<void> ZipWriter::AddFile(std::string_view name, const std::string& path) {
  ASSIGN_OR_RETURN(const auto source, OpenFileSource(path));
  return Add(name, *source);
}

Result<void> ZipWriter::Finish(bool replace) {
  RETURN_IF_ERROR(impl_->CheckWhole());
  const uint64_t directory_offset = impl_->file.length();
  std::string directory;
  directory.reserve(impl_->directory_length);
  for (const auto& member : impl_->members) directory += CentralHeader(member);
  RETURN_IF_ERROR(impl_->file.Append(directory));
  RETURN_IF_ERROR(impl_->file.Append(EndRecord(impl_->members.size(), directory.size(), directory_offset)));
  return impl_->file.Finish(replace);
}

Result<ZipReader> ZipReader::Open(std::shared_ptr<ByteSource> source) {
  const uint64_t length = source->length();
  if (length < kEndBytes) return Wrong("is no ZIP archive: shorter than its end record");
  if (length > kZipBytesMax) return Wrong("must stay below 4 GiB");
  ASSIGN_OR_RETURN(const std::string end, source->Read(length - kEndBytes, kEndBytes));
  const auto count = static_cast<size_t>(Load(end, 10, 2));
  const uint64_t directory_length = Load(end, 12, 4), directory_offset = Load(end, 16, 4);
  if (end != EndRecord(count, directory_length, directory_offset) || count > kZipMembersMax ||
      directory_offset + directory_length != length - kEndBytes ||
      directory_length > count * (kCentralBytes + kNameBytesMax)) {
    return Wrong(
        "is no ZIP archive of the one shape: its last 22 bytes must be an end record without comment");
  }
  ASSIGN_OR_RETURN(const std::string directory,
                   source->Read(directory_offset, static_cast<size_t>(directory_length)));

  ZipReader reader;
  Names names;
  uint64_t next = 0;  // where the next local header begins
  std::string_view rest = directory;
  for (size_t i = 0; i < count; ++i) {
    const std::string which = "member " + std::to_string(i + 1);
    const size_t name_length = rest.size() < kCentralBytes ? 0 : static_cast<size_t>(Load(rest, 28, 2));
    if (rest.size() < kCentralBytes + name_length) return Wrong(which + ": its central header is cut off");
    ZipMember member{.name = std::string(rest.substr(kCentralBytes, name_length)),
                     .length = Load(rest, 24, 4),
                     .crc = static_cast<uint32_t>(Load(rest, 16, 4))};
    member.offset = next + kLocalBytes + name_length;
    const auto taken = names.Take(member.name);
    if (!taken) return Wrong(which + ": " + taken.error().detail);
    if (rest.substr(0, kCentralBytes + name_length) != CentralHeader(member)) {
      return Wrong(member.name +
                   ": its central header is not of the one shape, or not in the order of the members");
    }
    rest.remove_prefix(kCentralBytes + name_length);
    next = member.offset + member.length;
    if (next > directory_offset) return Wrong(member.name + ": reaches beyond the members");
    reader.members_.push_back(std::move(member));
  }
  if (!rest.empty()) return Wrong("has bytes between its central directory and its end record");
  if (next != directory_offset) return Wrong("has bytes between its members and its central directory");
  for (const auto& member : reader.members_) {
    const std::string expected = LocalHeader(member);
    ASSIGN_OR_RETURN(const std::string header, source->Read(HeaderOffset(member), expected.size()));
    if (header != expected) return Wrong(member.name + ": its local header is not that of its central one");
  }
  reader.source_ = std::move(source);
  return reader;
}

const ZipMember* ZipReader::Find(std::string_view name) const {
  const auto found =
      std::find_if(members_.begin(), members_.end(), [name](const auto& m) { return m.name == name; });
  return found == members_.end() ? nullptr : &*found;
}

Result<std::string> ZipReader::Read(const ZipMember& member, size_t length_max) const {
  if (member.length > length_max) {
    return Error{Errc::kTooLarge, member.name + ": must be at most " + std::to_string(length_max) + " bytes"};
  }
  return source_->Read(member.offset, static_cast<size_t>(member.length));
}

std::shared_ptr<ByteSource> ZipReader::Source(const ZipMember& member) const {
  return PartOf(source_, member.offset, member.length);
}

Result<void> ZipReader::CheckCrc(const ZipMember& member, const DigestProgress& progress) const {
  uint32_t crc = 0;
  uint64_t done = 0;
  RETURN_IF_ERROR(ReadInPieces(*Source(member), [&](std::string_view bytes) -> Result<void> {
    crc = Crc(crc, bytes);
    done += bytes.size();
    if (progress && !progress(done))
      return Error{Errc::kInterrupted, member.name + ": stopped before the end"};
    return {};
  }));
  if (crc != member.crc)
    return Error{Errc::kDigestMismatch, member.name + ": its bytes do not have its CRC-32"};
  return {};
}

}  // namespace cunzheng::evidence
