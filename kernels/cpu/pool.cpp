#include "pool.h"

#include <chrono>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif
#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace mlpcore {
namespace {

void pause_briefly() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    asm volatile("yield");
#endif
}

// Longer than it takes to wake a thread: with less, each would find the other asleep at the end of
// every stage from the first sleep on. Longer, too, than the interpreter needs between two epochs,
// or two predictions. Far shorter than a time slice, should another process hold the processor.
constexpr std::chrono::microseconds polite_time{20}, spin_time{200};

class Pool {
  public:
    void run(int threads, const std::function<void(int)>& body) {
        std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
        if (!lock.owns_lock()) return body(0);
        hire(threads - 1);
        body_ = &body;
        wanted_ = threads;
        call_.fetch_add(1);
        call_.notify_all();
        attempt(body, 0);
        call_.fetch_add(1);
        for (int inside; (inside = inside_.load()) != 0;) wait_while(inside_, inside);
        if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
    }

  private:
    // Where the system gives no more threads, those that are there do the work.
    void hire(int count) try {
        while ((int)workers_.size() < count) {
            const int index = (int)workers_.size() + 1;
            workers_.emplace_back([this, index, seen = call_.load()] { work(index, seen); });
            workers_.back().detach();
        }
    } catch (const std::system_error&) {
    }

    // Whoever comes when a call is over, or another one has begun, only looks in.
    void work(int index, int seen) {
        for (;;) {
            wait_while(call_, seen);
            seen = call_.load();
            if (seen % 2 == 0) continue;
            inside_.fetch_add(1);
            if (call_.load() == seen && index < wanted_) attempt(*body_, index);
            if (inside_.fetch_sub(1) == 1) inside_.notify_all();
        }
    }

    // The first fault, such as a lack of memory, is the caller's; nobody else sees it.
    void attempt(const std::function<void(int)>& body, int index) {
        try {
            body(index);
        } catch (...) {
            std::lock_guard<std::mutex> lock(faulty_);
            if (!fault_) fault_ = std::current_exception();
        }
    }

    std::mutex busy_, faulty_;
    std::exception_ptr fault_;
    std::vector<std::thread> workers_;
    const std::function<void(int)>* body_ = nullptr;
    int wanted_ = 0;
    alignas(64) std::atomic<int> call_{0};  // odd while one is under way
    alignas(64) std::atomic<int> inside_{0};
};

// Never destroyed: its threads may be asleep in it when the process ends. After a fork the child
// has none of them, and starts a pool of its own.
Pool* pool = nullptr;
std::once_flag fork_handler;

Pool& the_pool() {
    static std::mutex creation;
#if !defined(_WIN32)
    std::call_once(fork_handler, [] { pthread_atfork(nullptr, nullptr, [] { pool = nullptr; }); });
#endif
    std::lock_guard<std::mutex> lock(creation);
    if (!pool) pool = new Pool;
    return *pool;
}

}  // namespace

int available_processors() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    const unsigned count = std::thread::hardware_concurrency();
    return count == 0 ? 1 : (int)count;
}

void run_on_threads(int threads, const std::function<void(int)>& body) {
    if (threads <= 1)
        body(0);
    else
        the_pool().run(threads, body);
}

void wait_while(const std::atomic<int>& value, int old) {
    std::chrono::steady_clock::time_point start{}, now{};
    do {
        for (int i = 0; i < 32; ++i) {
            if (value.load(std::memory_order_acquire) != old) return;
            pause_briefly();
        }
        now = std::chrono::steady_clock::now();
        if (start == std::chrono::steady_clock::time_point{}) start = now;
        // Should the system have put who is waited for on this very processor, it runs now instead
        // of after all the spinning.
        if (now > start + polite_time) std::this_thread::yield();
    } while (now < start + spin_time);
    while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace mlpcore
