// Layer normalization, and normalization with running statistics. The axis is the rows.
#pragma once

#include "loops/tile.h"

MLPCORE_BEGIN

// inputs x, gamma, beta, mean, variance (of the columns); outputs y; parameter epsilon
template <class T>
void normalize(const Work& w) {
    const int64_t k = w.extents[1];
    const T epsilon = T(w.values[0].real);
    const T *gamma = w.array<T>(1), *beta = w.array<T>(2), *mean = w.array<T>(3),
            *variance = w.array<T>(4);
    T* scale = (T*)w.scratch;
    for (int64_t j = 0; j < k; ++j) scale[j] = gamma[j] * inverse_deviation(variance[j], epsilon);
    for (int64_t r = w.begin; r < w.end; ++r) {
        const T* x = w.array<T>(0) + r * k;
        T* y = w.array<T>(5) + r * k;
        MLPCORE_INDEPENDENT
        for (int64_t j = 0; j < k; ++j) y[j] = normalize_of(x[j], mean[j], T(1), scale[j], beta[j]);
    }
}

// inputs x, gamma, beta; outputs y, mean, variance (of the rows); parameter epsilon
template <class T>
void layer_norm(const Work& w) {
    const Tile<T> tile(w.extents[1]);
    constexpr int width = Tile<T>::width;
    const T epsilon = T(w.values[0].real), k = T(tile.columns);
    const T *gamma = w.array<T>(1), *beta = w.array<T>(2);
    T *x = (T*)w.scratch, mean[width], variance[width], inverse[width];
    auto inside = [&](int64_t s, int l) { return tile.column(s, l) < tile.columns; };
    for (int64_t r = w.begin; r < w.end;) {
        const int count = tile.rows(r, w.end);
        const int64_t offset = r * tile.columns;
        tile.load(x, w.array<T>(0) + offset, count, T(0));
        tile.sum(mean, [&](int64_t s, int l) { return x[s * width + l]; });
        tile.lanes([&](int l) { mean[l] /= k; });
        tile.sum(variance, [&](int64_t s, int l) {
            const T d = x[s * width + l] - mean[l];
            return inside(s, l) ? d * d : T(0);
        });
        tile.lanes([&](int l) {
            variance[l] /= k;
            inverse[l] = inverse_deviation(variance[l], epsilon);
        });
        tile.each(
            x, [&](int64_t s, int l) { return normalized(x[s * width + l], mean[l], inverse[l]); });
        T* y = w.array<T>(3) + offset;
        tile.save(x, y, count);
        for (int i = 0; i < count; ++i) {
            MLPCORE_INDEPENDENT
            for (int64_t j = 0; j < tile.columns; ++j) {
                T& element = y[i * tile.columns + j];
                element = normalize_of(element, T(0), T(1), gamma[j], beta[j]);
            }
        }
        tile.save_values(mean, w.array<T>(4) + r, count);
        tile.save_values(variance, w.array<T>(5) + r, count);
        r += count;
    }
}

// The rows' part of the derivative: dx. inputs dy, x, gamma, mean, variance; outputs dx, dgamma,
// dbeta
template <class T>
void layer_norm_backward(const Work& w) {
    const Tile<T> tile(w.extents[1]);
    constexpr int width = Tile<T>::width;
    const T epsilon = T(w.values[0].real), k = T(tile.columns);
    const T* gamma = w.array<T>(2);
    T *x = (T*)w.scratch, *h = x + tile.size(), *g = h + tile.size();
    T mean[width], inverse[width], mean_h[width], mean_h_x[width];
    for (int64_t s = 0; s < tile.steps; ++s)
        tile.lanes([&](int l) {
            const int64_t j = tile.column(s, l);
            g[s * width + l] = j < tile.columns ? gamma[j] : T(0);
        });
    for (int64_t r = w.begin; r < w.end;) {
        const int count = tile.rows(r, w.end);
        const int64_t offset = r * tile.columns;
        tile.load(h, w.array<T>(0) + offset, count, T(0));
        tile.load(x, w.array<T>(1) + offset, count, T(0));
        tile.load_values(mean, w.array<T>(3) + r, count);
        tile.load_values(inverse, w.array<T>(4) + r, count);
        tile.lanes([&](int l) { inverse[l] = inverse_deviation(inverse[l], epsilon); });
        tile.each(h, [&](int64_t s, int l) { return h[s * width + l] * g[s * width + l]; });
        tile.each(
            x, [&](int64_t s, int l) { return normalized(x[s * width + l], mean[l], inverse[l]); });
        tile.sum(mean_h, [&](int64_t s, int l) { return h[s * width + l]; });
        tile.sum(mean_h_x, [&](int64_t s, int l) { return h[s * width + l] * x[s * width + l]; });
        tile.lanes([&](int l) { mean_h[l] /= k, mean_h_x[l] /= k; });
        tile.each(h, [&](int64_t s, int l) {
            return normalize_backward(h[s * width + l], x[s * width + l], inverse[l], mean_h[l],
                                      mean_h_x[l]);
        });
        tile.save(h, w.array<T>(5) + offset, count);
        r += count;
    }
}

MLPCORE_END
