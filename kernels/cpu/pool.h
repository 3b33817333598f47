// The threads: started once, asleep when idle, restarted after a fork.
#pragma once

#include <atomic>
#include <functional>

namespace mlpcore {

int available_processors();

// Runs body(thread, count) on `threads` threads, the caller among them, and returns when all are
// done. Where the pool is at work for someone else, the caller runs alone: body(0, 1).
void run_on_threads(int threads, const std::function<void(int thread, int count)>& body);

// Threads meet here. Whoever comes early spins for some microseconds, then sleeps.
class Barrier {
  public:
    explicit Barrier(int count) : count_(count) {}
    void wait();

  private:
    const int count_;
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<int> phase_{0};
};

// Waits until `value` is no longer `old`: a short spin, then sleep.
void wait_while(const std::atomic<int>& value, int old);

}  // namespace mlpcore
