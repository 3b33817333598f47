// Softmax, its logarithm, and the logarithm of the sum of exponentials, with their Jacobian
// products.
#pragma once

#include "loops/tile.h"

MLPCORE_BEGIN

// inputs x; outputs y
template <bool Log, class T>
void softmax(const Work& w) {
    const Tile<T> tile(w.extents[1]);
    constexpr int width = Tile<T>::width;
    T *x = (T*)w.scratch, *e = x + tile.size(), top[width], total[width];
    for (int64_t r = w.begin; r < w.end;) {
        const int count = tile.rows(r, w.end);
        tile.load(x, w.array<T>(0) + r * tile.columns, count, minus_infinity<T>);
        shifted_exponentials(tile, x, e, top, total);
        if (Log) {
            tile.lanes([&](int l) { total[l] = logarithm_of(total[l]); });
            tile.each(e, [&](int64_t s, int l) { return (x[s * width + l] - top[l]) - total[l]; });
        } else {
            tile.lanes([&](int l) { total[l] = T(1) / total[l]; });
            tile.each(e, [&](int64_t s, int l) { return e[s * width + l] * total[l]; });
        }
        tile.save(e, w.array<T>(1) + r * tile.columns, count);
        r += count;
    }
}

// inputs dy, x, y; outputs dx = y (dy - sum dy y), or of the logarithm dy - e^y sum dy
template <bool Log, class T>
void softmax_backward(const Work& w) {
    const Tile<T> tile(w.extents[1]);
    constexpr int width = Tile<T>::width;
    T *dy = (T*)w.scratch, *y = dy + tile.size(), total[width];
    for (int64_t r = w.begin; r < w.end;) {
        const int count = tile.rows(r, w.end);
        const int64_t offset = r * tile.columns;
        tile.load(dy, w.array<T>(0) + offset, count, T(0));
        tile.load(y, w.array<T>(2) + offset, count, T(0));
        if (Log) {
            tile.sum(total, [&](int64_t s, int l) { return dy[s * width + l]; });
            tile.each(dy, [&](int64_t s, int l) {
                return dy[s * width + l] - exponential_of(y[s * width + l]) * total[l];
            });
        } else {
            tile.sum(total, [&](int64_t s, int l) { return dy[s * width + l] * y[s * width + l]; });
            tile.each(dy, [&](int64_t s, int l) {
                return y[s * width + l] * (dy[s * width + l] - total[l]);
            });
        }
        tile.save(dy, w.array<T>(3) + offset, count);
        r += count;
    }
}

// inputs x; outputs a value for each row
template <class T>
void logsumexp(const Work& w) {
    const Tile<T> tile(w.extents[1]);
    constexpr int width = Tile<T>::width;
    T *x = (T*)w.scratch, *e = x + tile.size(), top[width], total[width];
    for (int64_t r = w.begin; r < w.end;) {
        const int count = tile.rows(r, w.end);
        tile.load(x, w.array<T>(0) + r * tile.columns, count, minus_infinity<T>);
        shifted_exponentials(tile, x, e, top, total);
        tile.lanes([&](int l) {
            const bool infinite = top[l] == top[l] && top[l] - top[l] != T(0);
            total[l] = infinite ? top[l] : top[l] + logarithm_of(total[l]);
        });
        tile.save_values(total, w.array<T>(1) + r, count);
        r += count;
    }
}

// inputs dy (one for each row), x, y; outputs dx = dy softmax(x)
template <class T>
void logsumexp_backward(const Work& w) {
    const Tile<T> tile(w.extents[1]);
    constexpr int width = Tile<T>::width;
    T *x = (T*)w.scratch, *e = x + tile.size(), top[width], total[width], dy[width];
    for (int64_t r = w.begin; r < w.end;) {
        const int count = tile.rows(r, w.end);
        tile.load(x, w.array<T>(1) + r * tile.columns, count, minus_infinity<T>);
        tile.load_values(dy, w.array<T>(0) + r, count);
        shifted_exponentials(tile, x, e, top, total);
        tile.each(e, [&](int64_t s, int l) { return dy[l] * (e[s * width + l] / total[l]); });
        tile.save(e, w.array<T>(3) + r * tile.columns, count);
        r += count;
    }
}

MLPCORE_END
