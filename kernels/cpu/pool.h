// The threads: started once, asleep when idle, restarted after a fork.
#pragma once

#include <atomic>
#include <functional>

namespace mlpcore {

int available_processors();

// Runs body(thread) on the caller, which is thread 0, and on those of `threads` - 1 others that
// come before the caller is through with it; returns when all that began are done. Which of them
// come is the system's choice, so the body takes its work from what all share. Where the pool is at
// work for someone else, the caller runs alone.
void run_on_threads(int threads, const std::function<void(int thread)>& body);

// Waits until `value` is no longer `old`: a short spin, then sleep.
void wait_while(const std::atomic<int>& value, int old);

}  // namespace mlpcore
