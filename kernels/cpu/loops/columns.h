// Loops over columns: the bias gradient, and batch normalization. The axis is the columns.
#pragma once

#include "loops/elementwise.h"
#include "loops/vector.h"

MLPCORE_BEGIN

// A strip of columns is summed at a time: its sums stay in registers.
constexpr int strip = 64;

template <class T, class F>
MLPCORE_HD void column_sums(int64_t rows, int width, T* sums, F term) {
    for (int j = 0; j < strip; ++j) sums[j] = T(0);
    if (width == strip) {
        for (int64_t r = 0; r < rows; ++r)
            for (int j = 0; j < strip; ++j) sums[j] += term(r, j);
    } else {
        for (int64_t r = 0; r < rows; ++r)
            for (int j = 0; j < width; ++j) sums[j] += term(r, j);
    }
}

template <class F>
MLPCORE_HD void each_strip(const Work& w, F run) {
    for (int64_t j = w.begin; j < w.end; j += strip)
        run(j, w.end - j < strip ? (int)(w.end - j) : strip);
}

// inputs dz; outputs db. Four rows at a time, so that the additions do not wait for each other.
template <class T>
void bias_gradient(const Work& w) {
    const int64_t n = w.extents[0], k = w.extents[1];
    for (int64_t j = w.begin; j < w.end; j += lanes<T>) {
        const int count = w.end - j < lanes<T> ? (int)(w.end - j) : lanes<T>;
        const T* dz = w.array<T>(0) + j;
        Vector<T> sums[4] = {};
        int64_t r = 0;
        for (; r + 4 <= n; r += 4)
            for (int i = 0; i < 4; ++i) sums[i] += load_first(dz + (r + i) * k, count);
        for (; r < n; ++r) sums[0] += load_first(dz + r * k, count);
        sums[0] += sums[1], sums[2] += sums[3], sums[0] += sums[2];
        store_first(w.array<T>(1) + j, sums[0], count);
    }
}

// y += each row of x, in columns [begin, end)
template <class T>
void add_rows(const T* x, T* y, int64_t rows, int64_t columns, int64_t begin, int64_t end) {
    for (int64_t r = 0; r < rows; ++r) {
        MLPCORE_INDEPENDENT
        for (int64_t j = begin; j < end; ++j) y[j] += x[r * columns + j];
    }
}

// inputs the other parts' results and sums; outputs the first part's, which become all parts'
template <class T>
void join_parts(const Work& w) {
    const int64_t others = w.extents[0], size = w.extents[1], sums = w.extents[2];
    add_rows(w.array<T>(0), w.array<T>(2), others, size, w.begin, w.end);
    if (w.begin == 0) add_rows(w.array<T>(1), w.array<T>(3), others, sums, 0, sums);
}

// inputs x, gamma, beta; outputs y, mean, variance; parameter epsilon
template <class T>
void batch_norm(const Work& w) {
    const int64_t n = w.extents[0], k = w.extents[1];
    const T epsilon = T(w.values[0].real), count = T(n);
    const T *x = w.array<T>(0), *gamma = w.array<T>(1), *beta = w.array<T>(2);
    T *y = w.array<T>(3), *mean = w.array<T>(4), *variance = w.array<T>(5);
    each_strip(w, [&](int64_t start, int width) {
        T m[strip], v[strip], scale[strip] = {}, offset[strip] = {};
        const T* from = x + start;
        column_sums(n, width, m, [&](int64_t r, int j) { return from[r * k + j]; });
        for (int j = 0; j < strip; ++j) m[j] /= count;
        column_sums(n, width, v, [&](int64_t r, int j) {
            const T d = from[r * k + j] - m[j];
            return d * d;
        });
        for (int j = 0; j < width; ++j) {
            v[j] /= count;
            mean[start + j] = m[j], variance[start + j] = v[j];
            scale[j] = gamma[start + j] * inverse_deviation(v[j], epsilon),
            offset[j] = beta[start + j];
        }
        for (int64_t r = 0; r < n; ++r) {
            MLPCORE_INDEPENDENT
            for (int j = 0; j < width; ++j)
                y[r * k + start + j] =
                    normalize_of(from[r * k + j], m[j], T(1), scale[j], offset[j]);
        }
    });
}

// inputs dy, x, gamma, mean, variance; outputs dx, dgamma, dbeta; parameter epsilon
template <class T>
void batch_norm_backward(const Work& w) {
    const int64_t n = w.extents[0], k = w.extents[1];
    const T epsilon = T(w.values[0].real), count = T(n);
    const T *dy = w.array<T>(0), *x = w.array<T>(1), *gamma = w.array<T>(2);
    const T *mean = w.array<T>(3), *variance = w.array<T>(4);
    T *dx = w.array<T>(5), *dgamma = w.array<T>(6), *dbeta = w.array<T>(7);
    each_strip(w, [&](int64_t start, int width) {
        T m[strip] = {}, inverse[strip] = {}, g[strip] = {}, gain[strip], shift[strip];
        for (int j = 0; j < width; ++j) {
            m[j] = mean[start + j], g[j] = gamma[start + j];
            inverse[j] = inverse_deviation(variance[start + j], epsilon);
        }
        auto x_hat = [&](int64_t r, int j) {
            return normalized(x[r * k + start + j], m[j], inverse[j]);
        };
        column_sums(n, width, shift, [&](int64_t r, int j) { return dy[r * k + start + j]; });
        column_sums(n, width, gain,
                    [&](int64_t r, int j) { return dy[r * k + start + j] * x_hat(r, j); });
        for (int j = 0; j < width; ++j) dgamma[start + j] = gain[j], dbeta[start + j] = shift[j];
        for (int j = 0; j < strip; ++j) gain[j] /= count, shift[j] /= count, g[j] *= inverse[j];
        for (int64_t r = 0; r < n; ++r) {
            MLPCORE_INDEPENDENT
            for (int j = 0; j < width; ++j)
                dx[r * k + start + j] =
                    normalize_backward(dy[r * k + start + j], x_hat(r, j), g[j], shift[j], gain[j]);
        }
    });
}

// The columns' part of layer normalization's derivative: dgamma and dbeta.
// inputs dy, x, gamma, mean, variance (of the rows); outputs dx, dgamma, dbeta
template <class T>
void layer_norm_parameters(const Work& w) {
    const int64_t n = w.extents[0], k = w.extents[1];
    const T epsilon = T(w.values[0].real);
    const T *dy = w.array<T>(0), *x = w.array<T>(1), *mean = w.array<T>(3),
            *variance = w.array<T>(4);
    T *dgamma = w.array<T>(6), *dbeta = w.array<T>(7), *inverse = (T*)w.scratch;
    for (int64_t r = 0; r < n; ++r) inverse[r] = inverse_deviation(variance[r], epsilon);
    each_strip(w, [&](int64_t start, int width) {
        T gain[strip], shift[strip];
        column_sums(n, width, shift, [&](int64_t r, int j) { return dy[r * k + start + j]; });
        column_sums(n, width, gain, [&](int64_t r, int j) {
            return dy[r * k + start + j] * normalized(x[r * k + start + j], mean[r], inverse[r]);
        });
        for (int j = 0; j < width; ++j) dgamma[start + j] = gain[j], dbeta[start + j] = shift[j];
    });
}

MLPCORE_END
