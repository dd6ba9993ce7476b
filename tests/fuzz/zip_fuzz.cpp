// ZIP archives: what the reader accepts is, byte for byte, what the writer makes of it, and what the writer
// accepts is what the reader finds.
//
// Input: one byte that says what follows: 0 an archive; else members to write, each a name, NUL, bytes, NUL.
#include <cstdlib>
#include <filesystem>

#include "client/evidence/zip.h"
#include "crypto/file.h"

using namespace cunzheng;
using namespace cunzheng::evidence;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

// In memory where there is such a folder: syncing to a disk would take all the time.
struct Folder {
  std::string path = std::string(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp") +
                     "/cunzheng-zip-fuzz-XXXXXX";
  Folder() { CHECK_INVARIANT(mkdtemp(path.data()) != nullptr); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

const std::string& Path() {
  static const Folder folder;
  static const std::string path = folder.path + "/a.zip";
  return path;
}

std::string Written(const Members& members, Members* accepted) {
  auto writer = ZipWriter::Create(Path());
  CHECK_INVARIANT(writer.has_value());
  for (const auto& member : members) {
    if (writer->Add(member.first, member.second)) accepted->push_back(member);
  }
  CHECK_INVARIANT(writer->Finish(true).has_value());
  const auto bytes = ReadWholeFile(Path(), 16u << 20);
  CHECK_INVARIANT(bytes.has_value());
  return *bytes;
}

// Nothing when it is no archive.
std::optional<Members> Read(std::string_view bytes, bool* sound) {
  const auto reader = ZipReader::Open(MemorySource(std::string(bytes)));
  if (!reader) {
    CHECK_INVARIANT(reader.error().code == Errc::kInvalidValue && !reader.error().detail.empty());
    return std::nullopt;
  }
  Members members;
  for (const auto& member : reader->members()) {
    *sound = *sound && reader->CheckCrc(member).has_value();
    const auto found = reader->Read(member, bytes.size());
    CHECK_INVARIANT(found.has_value() && reader->Find(member.name)->offset == member.offset);
    members.emplace_back(member.name, *found);
  }
  return members;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text = AsText({data + 1, size - 1});
  Members accepted;
  bool sound = true;
  if (data[0] == 0) {
    const auto members = Read(text, &sound);
    // A wrong CRC-32 is found by CheckCrc alone; the writer would make the right one.
    if (members && sound) CHECK_INVARIANT(Written(*members, &accepted) == text && accepted == *members);
    return 0;
  }
  Members members;
  const auto take = [&text] {
    const std::string_view part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return std::string(part);
  };
  while (!text.empty()) {
    std::string name = take();
    members.emplace_back(std::move(name), take());
  }
  const auto again = Read(Written(members, &accepted), &sound);
  CHECK_INVARIANT(again && sound && *again == accepted);
  return 0;
}
