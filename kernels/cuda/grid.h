// How the threads of a grid share elements, columns and rows, and how they join their sums.
#pragma once

#include "cuda/call.h"

MLPCORE_BEGIN

constexpr int warp_size = 32;

MLPCORE_DEVICE int64_t thread_index() {
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}
MLPCORE_DEVICE int64_t thread_count() {
    return (int64_t)gridDim.x * blockDim.x;
}

// run(chunk) for this thread's share of a flat array.
template <class S, class F>
MLPCORE_DEVICE void each_chunk(int64_t n, bool packed, F run) {
    constexpr int size = Chunk<S>::size;
    for (int64_t i = thread_index() * size; i < n; i += thread_count() * size)
        run(chunk_of<S>(i, n, packed));
}

// run(chunk, part, parts) for this thread's columns of an (n, k) matrix: chunk lies in row 0, and
// of the rows part, part + parts, ... are this thread's. Without a number of parts, as many as
// there are threads for.
template <class S, class F>
MLPCORE_DEVICE void each_column(const Call& call, int64_t parts, bool packed, F run) {
    constexpr int size = Chunk<S>::size;
    const int64_t k = call.columns, chunks = (k + size - 1) / size;
    if (parts == 0) parts = thread_count() > chunks ? thread_count() / chunks : 1;
    packed = packed && (k % size == 0 || call.rows == 1);
    for (int64_t i = thread_index(); i < chunks * parts; i += thread_count())
        run(chunk_of<S>(i % chunks * size, k, packed), i / chunks, parts);
}

// What a part has summed over its rows goes into scratch; a single part's is the result.
template <class S, class A>
MLPCORE_DEVICE void store_part(Chunk<S> columns, int64_t k, int64_t part, int64_t parts, A* result,
                               A* scratch, const A* sum) {
    const bool single = parts == 1;
    columns.moved(single ? 0 : part * k).store(single ? result : scratch, [&](int j) {
        return sum[j];
    });
}

template <class T>
MLPCORE_DEVICE T larger_or_nan(T a, T b) {
    return a > b || a != a ? a : b;
}

// Neighbouring lanes of a warp, a power of two, that share a row. Every lane of the warp must call.
struct Team {
    int size;
    MLPCORE_DEVICE explicit Team(int64_t size) : size((int)size) {}
    MLPCORE_DEVICE int lane() const { return (int)threadIdx.x & (size - 1); }

    template <class T, class F>
    MLPCORE_DEVICE T join(T value, F merge) const {
        for (int distance = size / 2; distance > 0; distance /= 2)
            value = merge(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
        return value;
    }
    template <class T>
    MLPCORE_DEVICE T sum(T value) const {
        return join(value, [](T a, T b) { return a + b; });
    }
    template <class T>
    MLPCORE_DEVICE T maximum(T value) const {
        return join(value, [](T a, T b) { return larger_or_nan(a, b); });
    }

    // run(row, live): a team without a row of its own repeats the last, for it must not miss a sum,
    // but writes nothing.
    template <class F>
    MLPCORE_DEVICE void each_row(int64_t n, F run) const {
        const int64_t own = thread_index() / size,
                      first = thread_index() / warp_size * (warp_size / size);
        for (int64_t offset = 0; first + offset < n; offset += thread_count() / size)
            run(own + offset < n ? own + offset : n - 1, own + offset < n);
    }

    // run(chunk) for this lane's columns of a row.
    template <class S, class F>
    MLPCORE_DEVICE void each_chunk(int64_t k, bool packed, F run) const {
        constexpr int width = Chunk<S>::size;
        packed = packed && k % width == 0;
        for (int64_t j = (int64_t)lane() * width; j < k; j += size * width)
            run(chunk_of<S>(j, k, packed));
    }
};

// The sum over a block's threads, in thread 0. Its order is fixed: the same bits each time.
template <class R, class F>
MLPCORE_DEVICE R block_join(R value, F merge) {
    __shared__ R of_warp[warp_size];
    const Team warp(warp_size);
    const int warps = (int)blockDim.x / warp_size;
    value = merge(warp, value);
    if (warp.lane() == 0) of_warp[threadIdx.x / warp_size] = value;
    __syncthreads();
    const R zero = {};
    value = merge(warp, (int)threadIdx.x < warps ? of_warp[threadIdx.x] : zero);
    __syncthreads();
    return value;
}

template <class T>
MLPCORE_DEVICE T block_sum(T value) {
    return block_join(value, [](const Team& warp, T v) { return warp.sum(v); });
}

// Joins the parts of each column: a lane a column, a warp every so many parts.
// load(part, column) -> R with R::merge, store(column, R).
template <class R, class Load, class Store>
MLPCORE_DEVICE void join_parts(int64_t k, int64_t parts, Load load_part, Store store_total) {
    __shared__ R of_warp[warp_size][warp_size];
    const int lane = (int)threadIdx.x % warp_size, warp = (int)threadIdx.x / warp_size;
    const int warps = (int)blockDim.x / warp_size;
    for (int64_t first = (int64_t)blockIdx.x * warp_size; first < k;
         first += (int64_t)gridDim.x * warp_size) {
        const int64_t column = first + lane;
        R total = {};
        if (column < k)
            for (int64_t part = warp; part < parts; part += warps)
                total.merge(load_part(part, column));
        of_warp[warp][lane] = total;
        __syncthreads();
        if (warp == 0 && column < k) {
            for (int w = 1; w < warps; ++w) total.merge(of_warp[w][lane]);
            store_total(column, total);
        }
        __syncthreads();
    }
}

MLPCORE_END
