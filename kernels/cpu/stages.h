// Work in stages. The parts of a stage go to whichever thread is free, and the next stage begins
// when the last of them is done: within a run, a thread that the system holds back delays no other
// by more than the part that it has begun.
#pragma once

#include <stdint.h>

#include <atomic>
#include <vector>

namespace mlpcore {

class Stages {
  public:
    explicit Stages(int threads) : shares_((size_t)threads) {}

    int current() const { return current_.load(std::memory_order_acquire); }
    // One of the stage's parts, or -1 where all are taken: first of the thread's own, which are
    // neighbours and the same ones in every stage, so that they are in its caches.
    int take(int stage, int thread, int parts);
    // Says that a part is done. Whoever is told that it was the last one opens the next stage.
    bool finish(int parts);
    void open(int stage);
    // Waits until another stage is open.
    void wait_beyond(int stage) const;

  private:
    // The stage in which parts were last taken of it, and how many.
    struct alignas(64) Share {
        std::atomic<int64_t> taken{0};
    };
    std::vector<Share> shares_;
    alignas(64) std::atomic<int> current_{0};
    alignas(64) std::atomic<int> done_{0};
};

}  // namespace mlpcore
