// Rows of a data set in the order of a shuffle.
#pragma once

#include <string.h>

#include "kernel.h"
#include "loops/hints.h"

MLPCORE_BEGIN

// The numbers in a cache line.
template <class T>
constexpr int64_t line = 64 / (int64_t)sizeof(T);

// A call of memcpy costs more than a short row; whole cache lines need none.
template <class T>
MLPCORE_HD void copy_row(T* to, const T* from, int64_t count) {
    if (count < line<T>) {
        memcpy(to, from, (size_t)count * sizeof(T));
        return;
    }
    for (int64_t j = 0; j < count - line<T>; j += line<T>) memcpy(to + j, from + j, 64);
    memcpy(to + count - line<T>, from + count - line<T>, 64);
}

template <class T>
MLPCORE_HD void fetch_row(const T* from, int64_t count) {
    for (int64_t j = 0; j < count; j += line<T>) MLPCORE_PREFETCH(from + j);
}

MLPCORE_HD bool names_row(int64_t index, int64_t rows) {
    return index >= 0 && index < rows;
}

// inputs x, index; outputs the rows of x that index names. The rows of a shuffle lie anywhere: long
// ones are fetched while those before them are copied.
template <class T>
void gather_rows(const Work& w) {
    constexpr int64_t ahead = 4;
    const int64_t k = w.extents[1], rows = w.extents[2];
    const T* x = w.array<T>(0);
    const int64_t* index = w.array<int64_t>(1);
    T* y = w.array<T>(2);
    for (int64_t r = w.begin; r < w.end; ++r) {
        if (k > line<T> && r + ahead < w.end && names_row(index[r + ahead], rows))
            fetch_row(x + index[r + ahead] * k, k);
        if (!names_row(index[r], rows)) {
            *w.out_of_range = true;
            continue;
        }
        if (k == 1)
            y[r] = x[index[r]];
        else
            copy_row(y + r * k, x + index[r] * k, k);
    }
}

MLPCORE_END
