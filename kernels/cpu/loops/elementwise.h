// Loops without a reduction: activations and their derivatives, dropout, running averages.
// The axis is the rows of an (n, k) matrix. An output may be one of the inputs.
#pragma once

#include <string.h>

#include "kernel.h"
#include "loops/hints.h"
#include "mlpcore/activations.h"
#include "mlpcore/dropout.h"
#include "mlpcore/normalization.h"

MLPCORE_BEGIN

template <bool Wide, class T>
struct Arithmetic {
    using type = T;
};
template <class T>
struct Arithmetic<true, T> {
    using type = double;
};

// inputs x; outputs y
template <template <class> class F, class T>
void activation(const Work& w) {
    using A = typename Arithmetic<F<T>::value_cancels, T>::type;
    const F<A> f(w.values);
    const int64_t k = w.extents[1], end = w.end * k;
    const T* x = w.array<T>(0);
    T* y = w.array<T>(1);
    MLPCORE_INDEPENDENT
    for (int64_t i = w.begin * k; i < end; ++i) y[i] = T(f.value(A(x[i])));
}

// inputs dy, x, y; outputs dx. Either of x and y may be absent where the derivative needs it not.
template <template <class> class F, class T>
void activation_backward(const Work& w) {
    using A = typename Arithmetic<F<T>::backward_cancels, T>::type;
    const F<A> f(w.values);
    const int64_t k = w.extents[1], end = w.end * k;
    const T* dy = w.array<T>(0);
    const T* x = F<T>::reads_x ? w.array<T>(1) : dy;
    const T* y = F<T>::reads_y ? w.array<T>(2) : dy;
    T* dx = w.array<T>(3);
    MLPCORE_INDEPENDENT
    for (int64_t i = w.begin * k; i < end; ++i) dx[i] = T(f.backward(A(dy[i]), A(x[i]), A(y[i])));
}

// How many of k columns a member has; the rest is padding.
inline int64_t width_of(Value width, int64_t k) {
    return width.integer < (uint64_t)k ? (int64_t)width.integer : k;
}

// 0 in the padding of rows [begin, end)
template <class T>
void clear_padding(T* y, int64_t begin, int64_t end, int64_t width, int64_t k) {
    for (int64_t r = begin; r < end && width < k; ++r)
        memset(y + r * k + width, 0, (size_t)(k - width) * sizeof(T));
}

// inputs x; outputs y; parameters the width
template <class T>
void mask_columns(const Work& w) {
    const int64_t k = w.extents[1], width = width_of(w.values[0], k);
    const T* x = w.array<T>(0);
    T* y = w.array<T>(1);
    if (x != y)
        memcpy(y + w.begin * k, x + w.begin * k, (size_t)((w.end - w.begin) * k) * sizeof(T));
    clear_padding(y, w.begin, w.end, width, k);
}

// inputs x; outputs y
template <class T>
void dropout(const Work& w) {
    const Dropout<T> drop(w.values);
    const int64_t k = w.extents[1], width = width_of(w.values[5], k);
    const int64_t begin = w.begin * width, end = w.end * width;
    const T* x = w.array<T>(0);
    T* y = w.array<T>(1);
    constexpr int block = 64;
    uint32_t words[block];
    for (int64_t start = begin / block * block; start < end; start += block) {
        MLPCORE_INDEPENDENT
        for (int c = 0; c < block / 4; ++c) {
            const Words drawn = drop.stream((uint32_t)(start / 4 + c));
            for (int i = 0; i < 4; ++i) words[4 * c + i] = drawn.word[i];
        }
        const int64_t from = start < begin ? begin : start;
        const int64_t to = start + block < end ? start + block : end;
        // Without padding the elements lie side by side; else as far as their row goes.
        for (int64_t i = from, run; i < to; i += run) {
            const int64_t column = width < k ? i % width : 0;
            const int64_t place = width < k ? i / width * k + column : i;
            run = width < k && width - column < to - i ? width - column : to - i;
            MLPCORE_INDEPENDENT
            for (int64_t j = 0; j < run; ++j)
                y[place + j] = drop.value(x[place + j], words[i - start + j]);
        }
    }
    clear_padding(y, w.begin, w.end, width, k);
}

// inputs running, value; outputs the new average; parameters momentum, scale
template <class T>
void running_average(const Work& w) {
    const T momentum = T(w.values[0].real), scale = T(w.values[1].real);
    const int64_t k = w.extents[1], end = w.end * k;
    const T *running = w.array<T>(0), *value = w.array<T>(1);
    T* out = w.array<T>(2);
    MLPCORE_INDEPENDENT
    for (int64_t i = w.begin * k; i < end; ++i)
        out[i] = running_average_of(running[i], value[i], momentum, scale);
}

MLPCORE_END
