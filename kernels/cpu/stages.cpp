#include "stages.h"

#include "pool.h"

namespace mlpcore {

int Stages::take(int stage, int thread, int parts) {
    constexpr int bits = 16;
    const int threads = (int)shares_.size();
    for (int i = 0; i < threads; ++i) {
        const int owner = (thread + i) % threads;
        const int first = parts * owner / threads;
        const int size = parts * (owner + 1) / threads - first;
        std::atomic<int64_t>& taken = shares_[(size_t)owner].taken;
        int64_t seen = taken.load(std::memory_order_relaxed);
        // What was taken in an earlier stage counts no more; a later stage means that this one is
        // over.
        while (seen >> bits <= stage) {
            const int64_t next = seen >> bits < stage ? 0 : seen & ((1 << bits) - 1);
            if (next >= size) break;
            if (taken.compare_exchange_weak(seen, (int64_t)stage << bits | (next + 1),
                                            std::memory_order_relaxed))
                return first + (int)next;
        }
    }
    return -1;
}

bool Stages::finish(int parts) {
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 != parts) return false;
    done_.store(0, std::memory_order_relaxed);
    return true;
}

void Stages::open(int stage) {
    current_.store(stage, std::memory_order_release);
    current_.notify_all();
}

void Stages::wait_beyond(int stage) const {
    wait_while(current_, stage);
}

}  // namespace mlpcore
