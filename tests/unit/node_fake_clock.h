// A clock that a test sets, and that can hold the engine's thread where it asks for the time.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>

#include "node/clock.h"

namespace cunzheng::node::testing {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(uint64_t wall_ms) : wall_ms_(wall_ms) {}

  uint64_t WallMs() const override {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
    return wall_ms_;
  }
  uint64_t BootMs() const override { return Get(boot_ms_); }
  bool Synchronised() const override { return Get(synchronised_); }
  std::string BootId() const override { return Get(boot_id_); }

  // Both clocks run on.
  void Advance(uint64_t ms) {
    Change([&] { wall_ms_ += ms, boot_ms_ += ms; });
  }
  // The wall clock alone is set forward or back.
  void Leap(int64_t ms) {
    Change([&] { wall_ms_ = static_cast<uint64_t>(static_cast<int64_t>(wall_ms_) + ms); });
  }
  void SetSynchronised(bool value) {
    Change([&] { synchronised_ = value; });
  }
  void Reboot(const std::string& id) {
    Change([&] { boot_id_ = id, boot_ms_ = 1'000; });
  }
  uint64_t wall_ms() const { return Get(wall_ms_); }

  // While closed, whoever asks for the time waits.
  void Close() {
    Change([&] { open_ = false; });
  }
  void Open() {
    Change([&] { open_ = true; });
  }
  void AwaitWaiting() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0 && !open_; });
  }

 private:
  template <class T>
  T Get(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  template <class F>
  void Change(const F& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int waiting_ = 0;
  bool open_ = true;
  uint64_t wall_ms_;
  uint64_t boot_ms_ = 5'000;
  bool synchronised_ = true;
  std::string boot_id_ = "boot-1";
};

}  // namespace cunzheng::node::testing
