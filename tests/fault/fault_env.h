// A file system in memory that fails on demand, fills up, and forgets what was not synced.
//
// Every call that changes something counts as one operation: creating, appending, flushing, syncing,
// closing, renaming, removing. Power loss is that of a journalling file system: a file keeps its synced
// bytes and some of the rest; names change in the order in which they were changed, as far as the last sync
// of any file at least. Safe from any thread but for LosePower, which needs all files closed.
#pragma once

#include <leveldb/env.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace cunzheng::ledger::testing {

class FaultEnv : public leveldb::EnvWrapper {
 public:
  FaultEnv() : leveldb::EnvWrapper(leveldb::Env::Default()) {}

  // Operations number `first` to `first + count - 1`, counted from 1 since the start, fail. A failing append
  // leaves half of its bytes behind; a failing sync leaves all of them, unsynced.
  void FailOperations(uint64_t first, uint64_t count);
  // Appends that would take all files together past `bytes` fail.
  void SetCapacity(uint64_t bytes);
  // No more failures, and all the space there is.
  void Heal();
  uint64_t operations() const;
  uint64_t failures() const;
  uint64_t used_bytes() const;

  // Forgets what was not synced, as far as `random` has it, and heals.
  void LosePower(std::mt19937_64& random);

  leveldb::Status NewSequentialFile(const std::string& name, leveldb::SequentialFile** result) override;
  leveldb::Status NewRandomAccessFile(const std::string& name, leveldb::RandomAccessFile** result) override;
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** result) override;
  bool FileExists(const std::string& name) override;
  leveldb::Status GetChildren(const std::string& folder, std::vector<std::string>* result) override;
  leveldb::Status RemoveFile(const std::string& name) override;
  leveldb::Status CreateDir(const std::string&) override { return leveldb::Status::OK(); }
  leveldb::Status GetFileSize(const std::string& name, uint64_t* size) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status LockFile(const std::string& name, leveldb::FileLock** lock) override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override;

 private:
  struct File {
    std::string data;
    size_t synced_length = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  // A change of names that a power loss may undo: `file` null removes.
  struct NameChange {
    std::string name;
    std::shared_ptr<File> file;
  };
  class Sequential;
  class RandomAccess;
  class Writable;
  class Lock;

  // Counts one operation; an error when it is to fail. With the mutex held.
  leveldb::Status Operate(const std::string& what);
  void ChangeName(const std::string& name, std::shared_ptr<File> file);
  uint64_t UsedBytes() const;

  mutable std::mutex mutex_;
  Names names_, durable_names_;
  std::vector<NameChange> pending_;
  std::set<std::string> locks_;
  uint64_t operations_ = 0, failures_ = 0;
  uint64_t fail_first_ = 0, fail_end_ = 0;
  uint64_t capacity_bytes_ = UINT64_MAX;
};

}  // namespace cunzheng::ledger::testing
