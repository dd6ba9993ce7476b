#include "ledger/store.h"

#include <fcntl.h>
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

namespace cunzheng::ledger {
namespace {

constexpr size_t kTableFileBytes = 8u << 20;  // bounds how long one compaction keeps the next from starting
constexpr int kOpenTablesMax = 500;
constexpr int kBloomBitsPerKey = 10;

leveldb::Slice AsSlice(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view FromSlice(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

Error ReadError(const leveldb::Status& status) {
  return {status.IsCorruption() ? Errc::kStoreCorrupt : Errc::kIo, "store: " + status.ToString()};
}

// Bloom bits for transaction ids alone: they are the only keys that are asked for and mostly absent, and
// leaving out the two index keys of every record keeps the filters' memory from growing with records.
class TransactionFilter : public leveldb::FilterPolicy {
 public:
  const char* Name() const override { return "cunzheng.TransactionFilter.v1"; }

  void CreateFilter(const leveldb::Slice* keys, int n, std::string* out) const override {
    std::vector<leveldb::Slice> ids;
    for (int i = 0; i < n; ++i) {
      if (IsId(keys[i])) ids.push_back(keys[i]);
    }
    if (ids.empty()) {
      out->push_back('\0');  // LevelDB takes an empty filter to match nothing
    } else {
      bloom_->CreateFilter(ids.data(), static_cast<int>(ids.size()), out);
    }
  }
  bool KeyMayMatch(const leveldb::Slice& key, const leveldb::Slice& filter) const override {
    return !IsId(key) || bloom_->KeyMayMatch(key, filter);
  }

 private:
  static bool IsId(const leveldb::Slice& key) { return !key.empty() && key[0] == kTransactionSection; }
  const std::unique_ptr<const leveldb::FilterPolicy> bloom_{leveldb::NewBloomFilterPolicy(kBloomBitsPerKey)};
};

class SilentLogger : public leveldb::Logger {
 public:
  void Logv(const char*, std::va_list) override {}
};

// The file system as one LevelDB instance sees it: stops at the first failed write, so that nothing is ever
// written behind a torn record or a sync that did not happen.
class FailStopEnv : public leveldb::EnvWrapper {
 public:
  explicit FailStopEnv(leveldb::Env* target) : leveldb::EnvWrapper(target) {}
  ~FailStopEnv() override { WaitForBackground(); }

  bool failed() const { return failed_.load(); }
  std::string reason() const {
    std::lock_guard lock(mutex_);
    return reason_;
  }
  // Nothing reaches the disk from here on, removals included. Returns when no background work is left that
  // might have passed the check before.
  void Seal() {
    Fail("sealed");
    sealed_ = true;
    WaitForBackground();
  }

  template <typename Operation>
  leveldb::Status Guard(const Operation& operation) {
    if (failed()) return leveldb::Status::IOError("stopped after an earlier error", reason());
    leveldb::Status status = operation();
    if (!status.ok()) Fail(status.ToString());
    return status;
  }

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** result) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override {
    return Guard([&] { return target()->RenameFile(from, to); });
  }
  leveldb::Status RemoveFile(const std::string& name) override {
    if (sealed_) return leveldb::Status::IOError("sealed", name);
    return target()->RemoveFile(name);
  }
  // The store holds the lock for as long as it lives, across instances.
  leveldb::Status LockFile(const std::string&, leveldb::FileLock** lock) override {
    *lock = new leveldb::FileLock;
    return leveldb::Status::OK();
  }
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override {
    delete lock;
    return leveldb::Status::OK();
  }
  void Schedule(void (*function)(void*), void* argument) override {
    {
      std::lock_guard lock(background_->mutex);
      ++background_->jobs;
    }
    target()->Schedule(&RunJob, new Job{function, argument, background_});
  }

 private:
  struct Background {
    std::mutex mutex;
    std::condition_variable idle;
    int jobs = 0;
  };
  struct Job {
    void (*function)(void*);
    void* argument;
    std::shared_ptr<Background> background;
  };
  static void RunJob(void* pointer) {
    const std::unique_ptr<Job> job(static_cast<Job*>(pointer));
    job->function(job->argument);
    std::lock_guard lock(job->background->mutex);
    if (--job->background->jobs == 0) job->background->idle.notify_all();
  }
  void WaitForBackground() {
    std::unique_lock lock(background_->mutex);
    background_->idle.wait(lock, [this] { return background_->jobs == 0; });
  }
  void Fail(const std::string& reason) {
    std::lock_guard lock(mutex_);
    if (!failed_) reason_ = reason;
    failed_ = true;
  }

  const std::shared_ptr<Background> background_ = std::make_shared<Background>();
  mutable std::mutex mutex_;
  std::string reason_;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> sealed_ = false;
};

class FailStopFile : public leveldb::WritableFile {
 public:
  FailStopFile(FailStopEnv* env, leveldb::WritableFile* target) : env_(env), target_(target) {}
  leveldb::Status Append(const leveldb::Slice& data) override {
    return env_->Guard([&] { return target_->Append(data); });
  }
  leveldb::Status Close() override {
    return env_->Guard([&] { return target_->Close(); });
  }
  leveldb::Status Flush() override {
    return env_->Guard([&] { return target_->Flush(); });
  }
  leveldb::Status Sync() override {
    return env_->Guard([&] { return target_->Sync(); });
  }

 private:
  FailStopEnv* const env_;
  const std::unique_ptr<leveldb::WritableFile> target_;
};

leveldb::Status FailStopEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** result) {
  *result = nullptr;
  return Guard([&] {
    // A file of its own: an instance that failed may still hold the one of this name open.
    if (target()->FileExists(name)) target()->RemoveFile(name);
    leveldb::WritableFile* file = nullptr;
    leveldb::Status status = target()->NewWritableFile(name, &file);
    if (status.ok()) *result = new FailStopFile(this, file);
    return status;
  });
}

leveldb::Status FailStopEnv::NewAppendableFile(const std::string& name, leveldb::WritableFile** result) {
  *result = nullptr;
  return Guard([&] {
    leveldb::WritableFile* file = nullptr;
    leveldb::Status status = target()->NewAppendableFile(name, &file);
    if (status.ok()) *result = new FailStopFile(this, file);
    return status;
  });
}

// One LevelDB instance; readers share it, so that it outlives its replacement until the last has left.
struct Instance {
  explicit Instance(leveldb::Env* env) : env(env) {}
  FailStopEnv env;
  std::unique_ptr<leveldb::DB> db;  // destroyed before the env
};

class DbCursor : public Cursor {
 public:
  DbCursor(std::shared_ptr<Instance> instance, const leveldb::ReadOptions& options)
      : instance_(std::move(instance)), iterator_(instance_->db->NewIterator(options)) {}
  void Seek(std::string_view key) override { iterator_->Seek(AsSlice(key)); }
  void SeekBefore(std::string_view key) override {
    iterator_->Seek(AsSlice(key));
    if (iterator_->Valid()) {
      iterator_->Prev();
    } else if (iterator_->status().ok()) {
      iterator_->SeekToLast();
    }
  }
  void Next() override { iterator_->Next(); }
  bool Valid() const override { return iterator_->Valid(); }
  std::string_view key() const override { return FromSlice(iterator_->key()); }
  std::string_view value() const override { return FromSlice(iterator_->value()); }
  Result<void> status() const override {
    if (iterator_->status().ok()) return {};
    return ReadError(iterator_->status());
  }

 private:
  const std::shared_ptr<Instance> instance_;
  const std::unique_ptr<leveldb::Iterator> iterator_;
};

leveldb::ReadOptions Reading(bool fill_cache = true) {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = fill_cache;
  return options;
}

}  // namespace

struct Store::Impl {
  std::string path;
  leveldb::Env* env = nullptr;
  leveldb::FileLock* lock = nullptr;
  SilentLogger logger;
  TransactionFilter filter;
  std::unique_ptr<leveldb::Cache> cache;
  leveldb::Options options;
  std::chrono::milliseconds reopen_pause{0};
  std::optional<std::chrono::steady_clock::time_point> reopen_failed;

  mutable std::mutex mutex;  // guards the pointer, not the instance
  std::shared_ptr<Instance> instance;

  ~Impl() {
    instance.reset();
    if (lock) env->UnlockFile(lock);
  }

  std::shared_ptr<Instance> Current() const {
    std::lock_guard guard(mutex);
    return instance;
  }

  leveldb::Status OpenInstance() {
    auto fresh = std::make_shared<Instance>(env);
    options.env = &fresh->env;
    leveldb::DB* db = nullptr;
    leveldb::Status status = leveldb::DB::Open(options, path, &db);
    if (!status.ok()) return status;
    fresh->db.reset(db);
    std::lock_guard guard(mutex);
    instance.swap(fresh);
    return status;
  }

  // Makes durable what recovery found: LevelDB has synced its tables, but not the name CURRENT, and until
  // then a power loss brings back the log as it was last synced. The sync of the new log does it where the
  // file system's journal is ordered, that of the folder everywhere else.
  leveldb::Status SettleRecovery() {
    return Current()->env.Guard([&] {
      if (env == leveldb::Env::Default()) {
        const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const bool synced = folder >= 0 && fsync(folder) == 0;
        const int reason = errno;
        if (folder >= 0) close(folder);
        if (!synced) return leveldb::Status::IOError(path, std::strerror(reason));
      }
      leveldb::WriteOptions synced;
      synced.sync = true;
      leveldb::WriteBatch nothing;
      return Current()->db->Write(synced, &nothing);
    });
  }
};

Result<std::unique_ptr<Store>> Store::Open(const std::string& path, const OpenOptions& options, Mode mode) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->env = options.env ? options.env : leveldb::Env::Default();
  if (mode == Mode::kOpen && !impl->env->FileExists(path + "/CURRENT")) {
    return Error{Errc::kNotFound, "store: no ledger in " + path};
  }
  impl->env->CreateDir(path);  // fails where it exists; LockFile tells when it could not be made
  if (const leveldb::Status status = impl->env->LockFile(path + "/LOCK", &impl->lock); !status.ok()) {
    const std::string reason = status.ToString();
    if (reason.find(": lock ") == std::string::npos) return Error{Errc::kIo, "store: " + reason};
    return Error{Errc::kStoreLocked, "store: " + path + " is in use by another process; stop it first"};
  }
  impl->cache.reset(leveldb::NewLRUCache(options.cache_bytes));
  impl->reopen_pause = std::chrono::milliseconds(options.reopen_pause_ms);
  impl->options.create_if_missing = mode == Mode::kCreate;
  impl->options.info_log = &impl->logger;
  impl->options.block_cache = impl->cache.get();
  impl->options.filter_policy = &impl->filter;
  impl->options.write_buffer_size = options.write_buffer_bytes;
  impl->options.max_file_size = kTableFileBytes;
  impl->options.max_open_files = kOpenTablesMax;
  // Recovery rewrites the log as synced tables: a sync that failed may have left pages that only look
  // written, and they must not count once they have been adopted.
  impl->options.reuse_logs = false;
  if (const leveldb::Status status = impl->OpenInstance(); !status.ok()) return ReadError(status);
  if (const leveldb::Status status = impl->SettleRecovery(); !status.ok()) return ReadError(status);
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::optional<std::string>> Store::Get(std::string_view key) const {
  for (;;) {
    const std::shared_ptr<Instance> instance = impl_->Current();
    std::string value;
    const leveldb::Status status = instance->db->Get(Reading(), AsSlice(key), &value);
    if (status.ok()) return std::optional(std::move(value));
    if (status.IsNotFound()) return std::optional<std::string>();
    // A replaced instance may miss files that its successor has compacted away.
    if (instance == impl_->Current()) return ReadError(status);
  }
}

std::unique_ptr<Cursor> Store::Scan() const {
  return std::make_unique<DbCursor>(impl_->Current(), Reading());
}

std::unique_ptr<Cursor> Store::ScanAll() const {
  return std::make_unique<DbCursor>(impl_->Current(), Reading(false));
}

Result<void> Store::Write(const WriteSet& set, bool sync) {
  const std::shared_ptr<Instance> instance = impl_->Current();
  leveldb::Status status;
  if (!instance->env.failed()) {
    leveldb::WriteOptions options;
    options.sync = sync;
    status = instance->db->Write(options, set.batch_.get());
    if (status.ok()) return {};
    instance->env.Guard([&] { return status; });  // LevelDB's own refusals count as failures too
  }
  return Error{Errc::kReadOnly, "store: cannot write: " + instance->env.reason()};
}

bool Store::failed() const {
  return impl_->Current()->env.failed();
}

Result<void> Store::Reopen() {
  const auto now = std::chrono::steady_clock::now();
  const std::shared_ptr<Instance> old = impl_->Current();
  if (impl_->reopen_failed && now - *impl_->reopen_failed < impl_->reopen_pause) {
    return Error{Errc::kReadOnly, "store: cannot write: " + old->env.reason()};
  }
  old->env.Seal();
  leveldb::Status status = impl_->OpenInstance();
  if (status.ok()) status = impl_->SettleRecovery();
  if (!status.ok()) {
    impl_->reopen_failed = std::chrono::steady_clock::now();
    return Error{Errc::kReadOnly, "store: cannot write: " + status.ToString()};
  }
  impl_->reopen_failed.reset();
  return {};
}

WriteSet::WriteSet() : batch_(std::make_unique<leveldb::WriteBatch>()) {}
WriteSet::~WriteSet() = default;

void WriteSet::Clear() {
  batch_->Clear();
}

void WriteSet::Delete(std::string_view key) {
  batch_->Delete(leveldb::Slice(key.data(), key.size()));
}

void WriteSet::Put(std::string_view key, std::string_view value) {
  batch_->Put(AsSlice(key), AsSlice(value));
}

}  // namespace cunzheng::ledger
