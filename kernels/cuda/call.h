// What a kernel is called with: one argument, passed by value, whose layout mlpcore/backend/cuda
// knows.
#pragma once

#include "cuda/storage.h"
#include "mlpcore/parameters.h"

MLPCORE_BEGIN

struct Operand {
    char* data;             // null: absent
    int64_t member_stride;  // bytes; 0: all members share it
    int64_t step_stride;    // bytes from one step of a plan to the next; 0: all steps share it
};

// A parameter: a number, or read from memory for each member, so that a captured graph sees it
// change.
struct Setting {
    enum Kind : int64_t { real, integer, integer_as_real };
    Value fixed;
    const char* data;  // null: fixed
    int64_t member_stride, step_stride;
    Kind kind;

    MLPCORE_DEVICE Value at(int64_t member, const int64_t* step) const {
        if (!data) return fixed;
        const int64_t offset = step_stride ? *step * step_stride : 0;
        Value value = *(const Value*)(data + member * member_stride + offset);
        if (kind == integer_as_real) value.real = (double)(int64_t)value.integer;
        return value;
    }
};

struct Call {
    Operand operands[12];  // inputs, outputs, scratch
    Setting settings[10];
    int64_t rows, columns;
    int64_t parts;  // into which a reduction is cut; their results lie in scratch
    int64_t team;   // lanes that share a row
    int64_t members;
    const int64_t* step;  // the number of the step, where anything is stepped
    const int64_t* live;  // for each member whether it may be changed; null: every one may

    template <class T>
    MLPCORE_DEVICE T* array(int i, int64_t member) const {
        const Operand& own = operands[i];
        if (!own.data) return nullptr;
        const int64_t offset = own.step_stride ? *step * own.step_stride : 0;
        return (T*)(own.data + member * own.member_stride + offset);
    }
};

static_assert(sizeof(Call) == 93 * 8, "mlpcore/backend/cuda packs 93 words");

// The settings of one member, as the functions of kernels/include take them.
template <int N>
struct Values {
    Value value[N];
    MLPCORE_DEVICE Values(const Call& call, int64_t member) {
        MLPCORE_UNROLL
        for (int i = 0; i < N; ++i) value[i] = call.settings[i].at(member, call.step);
    }
    MLPCORE_DEVICE operator const Value*() const { return value; }
};

// Members lie along the grid's second axis.
template <class F>
MLPCORE_DEVICE void each_member(const Call& call, F run) {
    for (int64_t member = blockIdx.y; member < call.members; member += gridDim.y)
        if (!call.live || call.live[member]) run(member);
}

MLPCORE_END

// A file is compiled for one storage type at a time, MLPCORE_STORAGE: f32, f64, f16, bf16 or i64.
// MLPCORE_ONLY names the one function to compile of a file with many, as in "relu, Relu".
#ifndef MLPCORE_STORAGE
#define MLPCORE_STORAGE f32
#endif
namespace mlpcore {
using f32 = float;
using f64 = double;
using f16 = Half;
using bf16 = BFloat;
using i64 = int64_t;
using Storage = MLPCORE_STORAGE;
}  // namespace mlpcore

#define MLPCORE_EXPAND(macro, ...) macro(__VA_ARGS__)
#define MLPCORE_JOIN_(name, storage) name##_##storage
#define MLPCORE_JOIN(name, storage) MLPCORE_JOIN_(name, storage)
// KERNEL(relu, 256, body) defines relu_f32 and its like, for blocks of at most 256 threads.
#define KERNEL(name, threads, ...)                             \
    extern "C" __global__ void __launch_bounds__(threads)      \
        MLPCORE_JOIN(name, MLPCORE_STORAGE)(const Call call) { \
        __VA_ARGS__(call);                                     \
    }
