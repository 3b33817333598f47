// Products of matrices: a block of C stays in registers while A is broadcast over panels of B.
#pragma once

#include "loops/pack.h"

MLPCORE_BEGIN

// How many columns of packed A, and rows of B beside them, are fetched ahead. With narrower vectors
// that cost more than it saved (measured on Zen 3).
constexpr int fetched_ahead = MLPCORE_VECTOR_BYTES == 64 ? 16 : 0;

template <class T, int Rows, int Panels, bool Packed>
void multiply_block(const Product& p, const T* a, const T* panels, int64_t column, T* c) {
    const int64_t panel = p.k * lanes<T>, c_row = p.c_row;
    const int64_t left = p.n - column - (Panels - 1) * lanes<T>;
    const int last = left < lanes<T> ? (int)left : lanes<T>;
    Vector<T> sum[Rows][Panels];
    MLPCORE_UNROLL
    for (int v = 0; v < Panels; ++v) {
        const int count = v == Panels - 1 ? last : lanes<T>;
        const Vector<T> start =
            p.bias ? load_first((const T*)p.bias + column + v * lanes<T>, count) : Vector<T>{};
        MLPCORE_UNROLL
        for (int i = 0; i < Rows; ++i)
            sum[i][v] = p.accumulate ? load_first(c + i * c_row + v * lanes<T>, count) : start;
    }
    if (Packed) {
        // What the next group adds to comes while this one is multiplied.
        MLPCORE_UNROLL
        for (int i = 0; i < Rows; ++i) {
            MLPCORE_UNROLL
            for (int v = 0; v < Panels; ++v) MLPCORE_PREFETCH(c + (Rows + i) * c_row + v * lanes<T>);
        }
    }
    constexpr bool fetches = Packed && fetched_ahead > 0;
    const int64_t row = Packed ? 1 : p.a_row, step = Packed ? block_rows : p.a_column;
    MLPCORE_UNROLLED_BY_4
    for (int64_t k = 0; k < p.k; ++k) {
        if (fetches) MLPCORE_PREFETCH(a + (k + fetched_ahead) * step);
        Vector<T> b[Panels];
        MLPCORE_UNROLL
        for (int v = 0; v < Panels; ++v) {
            const T* row = panels + v * panel + k * lanes<T>;
            if (fetches) MLPCORE_PREFETCH(row + fetched_ahead * lanes<T>);
            b[v] = load(row);
        }
        MLPCORE_UNROLL
        for (int i = 0; i < Rows; ++i) {
            const T factor = a[i * row + k * step];
            MLPCORE_UNROLL
            for (int v = 0; v < Panels; ++v) sum[i][v] += factor * b[v];
        }
    }
    MLPCORE_UNROLL
    for (int i = 0; i < Rows; ++i) {
        MLPCORE_UNROLL
        for (int v = 0; v < Panels - 1; ++v) store(c + i * c_row + v * lanes<T>, sum[i][v]);
        store_first(c + i * c_row + (Panels - 1) * lanes<T>, sum[i][Panels - 1], last);
    }
}

template <class T, int Panels, bool Packed, int Rows>
void multiply_rest(const Product& p, const T* a, const T* panels, int64_t column, T* c,
                   int64_t rows) {
    if (rows == Rows)
        multiply_block<T, Rows, Panels, Packed>(p, a, panels, column, c);
    else if constexpr (Rows > 1)
        multiply_rest<T, Panels, Packed, Rows - 1>(p, a, panels, column, c, rows);
}

template <class T, int Panels, bool Packed>
void multiply_panels(const Product& p, const T* panels, int64_t column) {
    // What is added to a sum waits for what was added before. Eight sums side by side fill that
    // time (four cycles, two units): fewer panels need more rows.
    constexpr int most = block_rows * block_panels / Panels;
    constexpr int rows = Packed ? block_rows : most < 8 ? most : 8;
    const T* a = (const T*)p.a;
    T* c = (T*)p.c + column;
    const int64_t group = Packed ? rows * p.k : rows * p.a_row;
    int64_t i = 0;
    for (; i + rows <= p.m; i += rows, a += group)
        multiply_block<T, rows, Panels, Packed>(p, a, panels, column, c + i * p.c_row);
    if (i < p.m)
        multiply_rest<T, Panels, Packed, rows - 1>(p, a, panels, column, c + i * p.c_row, p.m - i);
}

template <class T, bool Packed>
void multiply_all(const Product& p) {
    const int64_t width = lanes<T>, count = (p.n + width - 1) / width;
    const T* panels = (const T*)p.panels;
    for (int64_t j = 0; j < count;) {
        const T* first = panels + j * p.k * width;
        const int64_t column = j * width, left = count - j;
        if (block_panels >= 4 && (left == 4 || left >= 7)) {
            if constexpr (block_panels >= 4) multiply_panels<T, 4, Packed>(p, first, column);
            j += 4;
        } else if (left == 3 || left >= 5) {
            multiply_panels<T, 3, Packed>(p, first, column), j += 3;
        } else if (left >= 2) {
            multiply_panels<T, 2, Packed>(p, first, column), j += 2;
        } else {
            multiply_panels<T, 1, Packed>(p, first, column), j += 1;
        }
    }
}

// C += the product of Depth columns of A and as many rows of B; `sums` += these rows.
template <class T, int Rows, int Depth>
void add_products(const Product& p, const T* b, int64_t b_row, T* sums, int64_t k) {
    T factor[Rows][Depth];
    for (int i = 0; i < Rows; ++i)
        for (int d = 0; d < Depth; ++d)
            factor[i][d] = ((const T*)p.a)[i * p.a_row + (k + d) * p.a_column];
    const int width = lanes<T>;
    for (int64_t j = 0; j < p.n; j += width) {
        const int count = p.n - j < width ? (int)(p.n - j) : width;
        Vector<T> row[Depth];
        MLPCORE_UNROLL
        for (int d = 0; d < Depth; ++d) row[d] = load_first(b + (k + d) * b_row + j, count);
        MLPCORE_UNROLL
        for (int i = 0; i < Rows; ++i) {
            T* to = (T*)p.c + i * p.c_row + j;
            Vector<T> sum = load_first((const T*)to, count);
            MLPCORE_UNROLL
            for (int d = 0; d < Depth; ++d) sum += factor[i][d] * row[d];
            store_first(to, sum, count);
        }
        if (!sums) continue;
        Vector<T> sum = load_first((const T*)sums + j, count);
        MLPCORE_UNROLL
        for (int d = 0; d < Depth; ++d) sum += row[d];
        store_first(sums + j, sum, count);
    }
}

template <class T, int Rows>
void multiply_rows(const Product& p, const T* b, int64_t b_row, T* sums) {
    if constexpr (Rows > 1)
        if (p.m < Rows) return multiply_rows<T, Rows - 1>(p, b, b_row, sums);
    for (int64_t i = 0; i < p.m && !p.accumulate; ++i)
        for (int64_t j = 0; j < p.n; ++j)
            ((T*)p.c)[i * p.c_row + j] = p.bias ? ((const T*)p.bias)[j] : T(0);
    for (int64_t j = 0; j < p.n && sums; ++j) sums[j] = T(0);
    constexpr int depth = 8;
    int64_t k = 0;
    for (; k + depth <= p.k; k += depth) add_products<T, Rows, depth>(p, b, b_row, sums, k);
    for (; k < p.k; ++k) add_products<T, Rows, 1>(p, b, b_row, sums, k);
}

template <class T>
void multiply_few(const Product& p, const void* b, int64_t b_row, void* sums) {
    if (p.m > 0) multiply_rows<T, few_rows>(p, (const T*)b, b_row, (T*)sums);
}

template <class T>
void multiply(const Product& p) {
    p.packed ? multiply_all<T, true>(p) : multiply_all<T, false>(p);
}

template <class T>
constexpr ProductKernels product_kernels = {
    lanes<T>,     block_rows,  block_panels * lanes<T>, pack<T>,
    pack_rows<T>, multiply<T>, multiply_few<T>};

MLPCORE_END
