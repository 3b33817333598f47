// Runs a CUDA kernel on the CPU: each thread of a block is a fibre that runs until it must wait.
#pragma once

#include <stddef.h>
#include <ucontext.h>

#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(threads)
#define __shared__ static

struct Dimensions {
    unsigned x, y, z;
};
static Dimensions threadIdx, blockIdx, blockDim, gridDim;

namespace shim {

struct Fibre {
    ucontext_t context;
    bool done;
    // What the shuffles hand over. In five rounds a lane has heard of all others, so none is
    // further ahead of its partner than that.
    alignas(16) char value[8][16];
    int rounds;
};

static std::vector<Fibre> fibres;
static std::vector<char> stacks;
static ucontext_t scheduler;
static unsigned waiting, alive, barrier;

constexpr size_t stack_size = 64 * 1024;

static void yield() {
    const unsigned self = threadIdx.x;
    swapcontext(&fibres[self].context, &scheduler);
    threadIdx.x = self;
}

template <class F>
static void run_block(F& kernel) {
    static F* current;
    current = &kernel;
    fibres.resize(blockDim.x);
    stacks.resize(blockDim.x * stack_size);
    waiting = 0, alive = blockDim.x;
    for (unsigned i = 0; i < blockDim.x; ++i) {
        Fibre& fibre = fibres[i];
        fibre.done = false, fibre.rounds = 0;
        getcontext(&fibre.context);
        fibre.context.uc_stack.ss_sp = &stacks[i * stack_size];
        fibre.context.uc_stack.ss_size = stack_size;
        fibre.context.uc_link = &scheduler;
        makecontext(
            &fibre.context, +[] { (*current)(), fibres[threadIdx.x].done = true, --alive; }, 0);
    }
    while (alive)
        for (unsigned i = 0; i < blockDim.x; ++i)
            if (!fibres[i].done) threadIdx = {i, 0, 0}, swapcontext(&scheduler, &fibres[i].context);
}

}  // namespace shim

static void __syncthreads() {
    const unsigned own = shim::barrier;
    if (++shim::waiting == blockDim.x) shim::waiting = 0, ++shim::barrier;
    while (shim::barrier == own) shim::yield();
}

// All lanes of a warp must call, as on a device.
template <class T>
static T __shfl_xor_sync(unsigned, T value, int distance) {
    const unsigned self = threadIdx.x, other = self ^ (unsigned)distance;
    shim::Fibre& own = shim::fibres[self];
    const int round = own.rounds++;
    __builtin_memcpy(own.value[round % 8], &value, sizeof value);
    while (shim::fibres[other].rounds <= round) shim::yield();
    __builtin_memcpy(&value, shim::fibres[other].value[round % 8], sizeof value);
    return value;
}
