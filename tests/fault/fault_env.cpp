#include "tests/fault/fault_env.h"

#include <algorithm>
#include <cstring>

namespace cunzheng::ledger::testing {

using leveldb::Slice;
using leveldb::Status;

class FaultEnv::Sequential : public leveldb::SequentialFile {
 public:
  Sequential(FaultEnv* env, std::shared_ptr<File> file) : env_(env), file_(std::move(file)) {}
  Status Read(size_t length, Slice* result, char* scratch) override {
    const std::lock_guard lock(env_->mutex_);
    length = std::min(length, file_->data.size() - std::min(at_, file_->data.size()));
    std::memcpy(scratch, file_->data.data() + at_, length);
    at_ += length;
    *result = Slice(scratch, length);
    return Status::OK();
  }
  Status Skip(uint64_t length) override {
    at_ += length;
    return Status::OK();
  }

 private:
  FaultEnv* const env_;
  const std::shared_ptr<File> file_;
  size_t at_ = 0;
};

class FaultEnv::RandomAccess : public leveldb::RandomAccessFile {
 public:
  RandomAccess(FaultEnv* env, std::shared_ptr<File> file) : env_(env), file_(std::move(file)) {}
  Status Read(uint64_t offset, size_t length, Slice* result, char* scratch) const override {
    const std::lock_guard lock(env_->mutex_);
    if (offset > file_->data.size()) return Status::IOError("offset beyond the file");
    length = std::min<size_t>(length, file_->data.size() - offset);
    std::memcpy(scratch, file_->data.data() + offset, length);
    *result = Slice(scratch, length);
    return Status::OK();
  }

 private:
  FaultEnv* const env_;
  const std::shared_ptr<File> file_;
};

class FaultEnv::Writable : public leveldb::WritableFile {
 public:
  Writable(FaultEnv* env, std::string name, std::shared_ptr<File> file)
      : env_(env), name_(std::move(name)), file_(std::move(file)) {}

  Status Append(const Slice& data) override {
    const std::lock_guard lock(env_->mutex_);
    Status status = env_->Operate("append " + name_);
    size_t length = data.size();
    if (!status.ok()) length /= 2;
    const uint64_t used = env_->UsedBytes();
    const uint64_t free = env_->capacity_bytes_ - std::min(env_->capacity_bytes_, used);
    if (length > free) {
      length = free;
      ++env_->failures_;
      status = Status::IOError("append " + name_, "No space left on device");
    }
    file_->data.append(data.data(), length);
    return status;
  }
  Status Close() override {
    const std::lock_guard lock(env_->mutex_);
    return env_->Operate("close " + name_);
  }
  Status Flush() override {
    const std::lock_guard lock(env_->mutex_);
    return env_->Operate("flush " + name_);
  }
  Status Sync() override {
    const std::lock_guard lock(env_->mutex_);
    if (Status status = env_->Operate("sync " + name_); !status.ok()) return status;
    file_->synced_length = file_->data.size();
    // The journal commits in order, and so with all that came before.
    for (const NameChange& change : env_->pending_) {
      if (change.file) {
        env_->durable_names_[change.name] = change.file;
      } else {
        env_->durable_names_.erase(change.name);
      }
    }
    env_->pending_.clear();
    return Status::OK();
  }

 private:
  FaultEnv* const env_;
  const std::string name_;
  const std::shared_ptr<File> file_;
};

class FaultEnv::Lock : public leveldb::FileLock {
 public:
  explicit Lock(std::string name) : name(std::move(name)) {}
  const std::string name;
};

void FaultEnv::FailOperations(uint64_t first, uint64_t count) {
  const std::lock_guard lock(mutex_);
  fail_first_ = first;
  fail_end_ = first + count;
}

void FaultEnv::SetCapacity(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_bytes_ = bytes;
}

void FaultEnv::Heal() {
  FailOperations(0, 0);
  SetCapacity(UINT64_MAX);
}

uint64_t FaultEnv::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

uint64_t FaultEnv::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

uint64_t FaultEnv::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return UsedBytes();
}

uint64_t FaultEnv::UsedBytes() const {
  uint64_t used = 0;
  for (const auto& [name, file] : names_) used += file->data.size();
  return used;
}

void FaultEnv::LosePower(std::mt19937_64& random) {
  Heal();
  const std::lock_guard lock(mutex_);
  const size_t kept = random() % (pending_.size() + 1);
  for (size_t i = 0; i < kept; ++i) {
    if (pending_[i].file) {
      durable_names_[pending_[i].name] = pending_[i].file;
    } else {
      durable_names_.erase(pending_[i].name);
    }
  }
  pending_.clear();
  names_ = durable_names_;
  for (const auto& [name, file] : names_) {
    const size_t unsynced = file->data.size() - file->synced_length;
    // All, none, or a torn part of it.
    const size_t survives = random() % 3 == 0 ? unsynced : random() % 2 == 0 ? 0 : random() % (unsynced + 1);
    file->data.resize(file->synced_length + survives);
    file->synced_length = file->data.size();
  }
}

Status FaultEnv::Operate(const std::string& what) {
  ++operations_;
  if (operations_ < fail_first_ || operations_ >= fail_end_) return Status::OK();
  ++failures_;
  return Status::IOError(what, "injected failure of operation " + std::to_string(operations_));
}

void FaultEnv::ChangeName(const std::string& name, std::shared_ptr<File> file) {
  if (file) {
    names_[name] = file;
  } else {
    names_.erase(name);
  }
  pending_.push_back({name, std::move(file)});
}

Status FaultEnv::NewSequentialFile(const std::string& name, leveldb::SequentialFile** result) {
  const std::lock_guard lock(mutex_);
  *result = nullptr;
  const auto it = names_.find(name);
  if (it == names_.end()) return Status::NotFound(name);
  *result = new Sequential(this, it->second);
  return Status::OK();
}

Status FaultEnv::NewRandomAccessFile(const std::string& name, leveldb::RandomAccessFile** result) {
  const std::lock_guard lock(mutex_);
  *result = nullptr;
  const auto it = names_.find(name);
  if (it == names_.end()) return Status::NotFound(name);
  *result = new RandomAccess(this, it->second);
  return Status::OK();
}

Status FaultEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** result) {
  const std::lock_guard lock(mutex_);
  *result = nullptr;
  if (Status status = Operate("create " + name); !status.ok()) return status;
  auto file = std::make_shared<File>();
  ChangeName(name, file);
  *result = new Writable(this, name, std::move(file));
  return Status::OK();
}

Status FaultEnv::NewAppendableFile(const std::string& name, leveldb::WritableFile** result) {
  *result = nullptr;
  return Status::NotSupported("appending", name);
}

bool FaultEnv::FileExists(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return names_.contains(name);
}

Status FaultEnv::GetChildren(const std::string& folder, std::vector<std::string>* result) {
  const std::lock_guard lock(mutex_);
  result->clear();
  for (const auto& [name, file] : names_) {
    if (name.starts_with(folder + "/")) result->push_back(name.substr(folder.size() + 1));
  }
  return Status::OK();
}

Status FaultEnv::RemoveFile(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!names_.contains(name)) return Status::NotFound(name);
  if (Status status = Operate("remove " + name); !status.ok()) return status;
  ChangeName(name, nullptr);
  return Status::OK();
}

Status FaultEnv::GetFileSize(const std::string& name, uint64_t* size) {
  const std::lock_guard lock(mutex_);
  const auto it = names_.find(name);
  if (it == names_.end()) return Status::NotFound(name);
  *size = it->second->data.size();
  return Status::OK();
}

Status FaultEnv::RenameFile(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const auto it = names_.find(from);
  if (it == names_.end()) return Status::NotFound(from);
  if (Status status = Operate("rename " + from); !status.ok()) return status;
  // Both names change in one step: the new one first can only leave the file under both.
  const std::shared_ptr<File> file = it->second;
  ChangeName(to, file);
  ChangeName(from, nullptr);
  return Status::OK();
}

Status FaultEnv::LockFile(const std::string& name, leveldb::FileLock** lock) {
  const std::lock_guard guard(mutex_);
  *lock = nullptr;
  if (!locks_.insert(name).second) return Status::IOError("lock " + name, "already held by process");
  *lock = new Lock(name);
  return Status::OK();
}

Status FaultEnv::UnlockFile(leveldb::FileLock* lock) {
  const std::lock_guard guard(mutex_);
  locks_.erase(static_cast<Lock*>(lock)->name);
  delete lock;
  return Status::OK();
}

}  // namespace cunzheng::ledger::testing
