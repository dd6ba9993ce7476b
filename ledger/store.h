// The key-value store under a ledger (specs/store.md). Internal to ledger/: store.cpp is the only code that
// includes LevelDB.
//
// Thread safety: Write and Reopen belong to one thread at a time; everything else is safe from any thread
// at any time, also while the other two run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/result.h"
#include "ledger/ledger.h"
#include "ledger/tile_tree.h"

namespace leveldb {
class WriteBatch;
}

namespace cunzheng::ledger {

// A key in place, since a block makes thousands.
class Key {
 public:
  explicit Key(char section) { bytes_[length_++] = section; }
  Key& Append(ByteSpan bytes);                         // at most 32 bytes in all after the section
  Key& AppendBe(uint64_t value, unsigned byte_count);  // the low bytes, big-endian
  operator std::string_view() const { return {bytes_, length_}; }

 private:
  char bytes_[33];
  uint8_t length_ = 0;
};

inline constexpr std::string_view kStoreFormat = "cunzheng/store/v1";
inline constexpr std::string_view kFormatKey = "f";
inline constexpr std::string_view kHeadKey = "h";
inline constexpr std::string_view kParamsKey = "p";
inline constexpr std::string_view kMembersKey = "m";
inline constexpr std::string_view kEngineKey = "x";
inline constexpr std::string_view kRunKey = "i";
inline constexpr std::string_view kGovernanceKey = "g";
inline constexpr std::string_view kRestoreKey = "o";
inline constexpr char kEntrySection = 'e';
inline constexpr char kTransactionSection = 'b';
inline constexpr char kRecordsSection = 'B';
inline constexpr char kDigestSection = 'd';
inline constexpr char kRecordSection = 'r';
inline constexpr char kTileSection = 't';
inline constexpr char kCheckpointSection = 'c';
inline constexpr char kAccountSection = 'a';
inline constexpr char kPendingSection = 'n';
inline constexpr char kTrustSection = 'v';
inline constexpr char kTrustSignatureSection = 's';
inline constexpr char kSnapshotSection = 'y';
inline constexpr char kSnapshotStateSection = 'z';

// e, B, c, n, v, s, y, z: a section of be64 numbers.
Key NumberKey(char section, uint64_t number);
// b, a: a section of 32-byte ids.
Key IdKey(char section, const Hash& id);
// d, r: 8 bytes of the hash, be48 entry index, be16 record index.
Key PositionKey(char section, const Hash& hash, RecordPosition position);
Key TileKey(TileId id);
// The number or position at the end of a key; nullopt when the key is of another length.
std::optional<uint64_t> NumberOfKey(std::string_view key);
std::optional<RecordPosition> PositionOfKey(std::string_view key);
// "e 17", "b 1f3a…": a key as people read it in errors.
std::string KeyName(std::string_view key);

std::string EncodeNumber(uint64_t number);                                    // the value of b
Result<uint64_t> DecodeNumber(std::string_view key, std::string_view value);  // kStoreCorrupt

// Changes that are written together or not at all.
class WriteSet {
 public:
  WriteSet();
  ~WriteSet();
  void Clear();  // keeps the memory for the next block
  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);

 private:
  friend class Store;
  std::unique_ptr<leveldb::WriteBatch> batch_;
};

// Walks the keys in order as they were when the cursor was made. Not thread-safe. Keys and values are views
// until the next move.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void Seek(std::string_view key) = 0;        // the first key at or after `key`
  virtual void SeekBefore(std::string_view key) = 0;  // the last key before `key`
  virtual void Next() = 0;
  virtual bool Valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual Result<void> status() const = 0;  // why Valid() turned false too early: kIo, kStoreCorrupt
};

// One database. After a write has failed nothing further is written through the same LevelDB instance: what
// it left behind is known only to a recovery. Reopen() recovers into a second instance while the first goes
// on serving reads, so that a full disk costs no reader anything.
class Store {
 public:
  enum class Mode { kOpen, kCreate };

  // Errors: kNotFound (kOpen: nothing there), kStoreLocked, kStoreCorrupt, kIo.
  static Result<std::unique_ptr<Store>> Open(const std::string& path, const OpenOptions& options, Mode mode);
  ~Store();

  Result<std::optional<std::string>> Get(std::string_view key) const;  // kIo, kStoreCorrupt
  std::unique_ptr<Cursor> Scan() const;
  // A cursor that leaves the block cache alone, for walks over everything.
  std::unique_ptr<Cursor> ScanAll() const;

  // Writes all or nothing; with `sync` it is durable on success. After an error (kReadOnly) the set may
  // nevertheless turn out to be there after Reopen().
  Result<void> Write(const WriteSet& set, bool sync);
  // A write failed, here or in LevelDB's background; Write refuses until Reopen() has succeeded.
  bool failed() const;
  // Recovers after a failure. The caller then reads anew what it holds in memory. Errors: kReadOnly.
  Result<void> Reopen();

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cunzheng::ledger
