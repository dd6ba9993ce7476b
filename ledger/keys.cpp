// Keys of specs/store.md, to and from bytes.
#include <cstring>

#include "ledger/store.h"

namespace cunzheng::ledger {

Key& Key::Append(ByteSpan bytes) {
  CHECK_INVARIANT(length_ + bytes.size() <= sizeof(bytes_));
  std::memcpy(bytes_ + length_, bytes.data(), bytes.size());
  length_ = static_cast<uint8_t>(length_ + bytes.size());
  return *this;
}

Key& Key::AppendBe(uint64_t value, unsigned byte_count) {
  CHECK_INVARIANT(length_ + byte_count <= sizeof(bytes_));
  for (unsigned i = byte_count; i-- > 0;) bytes_[length_++] = static_cast<char>(value >> (8 * i));
  return *this;
}

Key NumberKey(char section, uint64_t number) {
  return Key(section).AppendBe(number, 8);
}

Key IdKey(char section, const Hash& id) {
  return Key(section).Append(id);
}

Key PositionKey(char section, const Hash& hash, RecordPosition position) {
  return Key(section)
      .Append(ByteSpan(hash).first(8))
      .AppendBe(position.index, 6)
      .AppendBe(position.record, 2);
}

Key TileKey(TileId id) {
  return Key(kTileSection).AppendBe(id.level, 1).AppendBe(id.index, 8);
}

namespace {

uint64_t LoadBe(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace

std::optional<uint64_t> NumberOfKey(std::string_view key) {
  if (key.size() != 9) return std::nullopt;
  return LoadBe(key.substr(1));
}

std::optional<RecordPosition> PositionOfKey(std::string_view key) {
  if (key.size() != 17) return std::nullopt;
  return RecordPosition{LoadBe(key.substr(9, 6)), LoadBe(key.substr(15, 2))};
}

std::string KeyName(std::string_view key) {
  if (key.empty()) return "the empty key";
  std::string name(1, key[0]);
  if (key[0] < 'A' || key[0] > 'z') name = "0x" + ToHex(AsBytes(key.substr(0, 1)));
  if (key.size() == 1) return name;
  const std::string_view rest = key.substr(1);
  const bool numbered = key[0] == kEntrySection || key[0] == kRecordsSection ||
                        key[0] == kCheckpointSection || key[0] == kPendingSection ||
                        key[0] == kTrustSection || key[0] == kTrustSignatureSection ||
                        key[0] == kSnapshotSection || key[0] == kSnapshotStateSection;
  if (numbered && rest.size() == 8) return name + " " + std::to_string(LoadBe(rest));
  if (key[0] == kTileSection && rest.size() == 9) {
    return name + " " + std::to_string(LoadBe(rest.substr(0, 1))) + " " +
           std::to_string(LoadBe(rest.substr(1)));
  }
  if (const auto position = PositionOfKey(key); position && (key[0] == 'd' || key[0] == 'r')) {
    return name + " " + ToHex(AsBytes(rest.substr(0, 8))) + " " + std::to_string(position->index) + " " +
           std::to_string(position->record);
  }
  return name + " " + ToHex(AsBytes(rest));
}

std::string EncodeNumber(uint64_t number) {
  std::string value;
  AppendBe64(number, &value);
  return value;
}

Result<uint64_t> DecodeNumber(std::string_view key, std::string_view value) {
  if (value.size() != 8) {
    return Error{Errc::kStoreCorrupt, KeyName(key) + ": must be 8 bytes, is " + std::to_string(value.size())};
  }
  return LoadBe(value);
}

}  // namespace cunzheng::ledger
