// Matrices copied into the order in which a product reads them: B into panels of columns, A into
// groups of rows.
#pragma once

#include <utility>

#include "kernel.h"
#include "loops/gather.h"
#include "loops/vector.h"
#include "products.h"

MLPCORE_BEGIN

// Registers hold a block of `block_rows` by `block_panels` vectors, one row of B and one broadcast;
// on ARM one for each row, since compilers load them all ahead there.
#if defined(__AVX512F__)
constexpr int block_rows = 8, block_panels = 3;
#elif defined(__aarch64__)
constexpr int block_rows = 5, block_panels = 4;
#else
constexpr int block_rows = 4, block_panels = 3;
#endif

// Rows of memory are read in bands, so that neither they nor what they are copied to are many pages
// at a time.
constexpr int64_t band = 16;

// to[l * Rows + r] = from[r][i + l], for one vector of columns.
template <class T, int Rows>
void transpose(const T* const* from, int64_t i, T* to) {
    for (int l = 0; l < lanes<T>; ++l)
        for (int r = 0; r < Rows; ++r) to[l * Rows + r] = from[r][i + l];
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define MLPCORE_SHUFFLES

// x0 y0 x1 y1 ..., from lane `First` on.
template <class T, int First, int... I>
Vector<T> interleave(const Vector<T>& x, const Vector<T>& y, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(x, y, (First + I / 2 + I % 2 * lanes<T>)...);
}

// The same in registers. Each round moves the highest bit of an element's place, row and lane in
// one number, to the lowest; after log2(Rows) of them the row is the faster index.
template <class T, int Rows>
void transpose_powers(const T* const* from, int64_t i, T* to) {
    constexpr auto every = std::make_integer_sequence<int, lanes<T>>{};
    Vector<T> v[Rows], w[Rows];
    MLPCORE_UNROLL
    for (int r = 0; r < Rows; ++r) v[r] = load(from[r] + i);
    MLPCORE_UNROLL
    for (int round = 1; round < Rows; round *= 2) {
        MLPCORE_UNROLL
        for (int r = 0; r < Rows / 2; ++r) {
            w[2 * r] = interleave<T, 0>(v[r], v[r + Rows / 2], every);
            w[2 * r + 1] = interleave<T, lanes<T> / 2>(v[r], v[r + Rows / 2], every);
        }
        MLPCORE_UNROLL
        for (int r = 0; r < Rows; ++r) v[r] = w[r];
    }
    MLPCORE_UNROLL
    for (int r = 0; r < Rows; ++r) store(to + r * lanes<T>, v[r]);
}
#endif
#endif

template <class T, int Rows>
void transpose_block(const T* const* from, int64_t i, T* to) {
#if defined(MLPCORE_SHUFFLES)
    if constexpr ((Rows & (Rows - 1)) == 0) return transpose_powers<T, Rows>(from, i, to);
#endif
    transpose<T, Rows>(from, i, to);
}

// `Rows` rows of A, or columns of B, that are contiguous along k; missing ones are zeros.
template <class T, int Rows>
void pack_transposed(const T* const* from, int count, int64_t k, T* to) {
    int64_t i = 0;
    if (count == Rows)
        for (; i + lanes<T> <= k; i += lanes<T>) transpose_block<T, Rows>(from, i, to + i * Rows);
    for (; i < k; ++i)
        for (int r = 0; r < Rows; ++r) to[i * Rows + r] = r < count ? from[r][i] : T(0);
}

// For B whose rows are contiguous. The next band is fetched while one is copied, since so many rows
// side by side are not foreseen (measured on Zen 3). Sums go from row to row, so that bands, slices
// and cuts of the product change no bit of them.
template <class T, bool Sums>
void pack_bands(const T* b, int64_t b_row, int64_t k, int64_t n, T* to, T* sums, bool adds) {
    const int width = lanes<T>;
    for (int64_t j = 0; Sums && !adds && j < n; ++j) sums[j] = T(0);
    for (int64_t first = 0; first < k; first += band) {
        const int64_t end = first + band < k ? first + band : k;
        for (int64_t j = 0; j < n; j += width) {
            const int count = n - j < width ? (int)(n - j) : width;
            Vector<T> sum = {};
            if (Sums) sum = load_first(sums + j, count);
            for (int64_t i = first; i < end; ++i) {
                MLPCORE_PREFETCH(b + (i + band) * b_row + j);
                const Vector<T> v = load_first(b + i * b_row + j, count);
                store(to + j * k + i * width, v);
                if (Sums) sum += v;
            }
            if (Sums) store_first(sums + j, sum, count);
        }
    }
}

// Either the rows or the columns of B are contiguous; sums are of contiguous rows.
template <class T>
void pack(const void* b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, void* panels,
          void* sums, bool adds) {
    const T* from = (const T*)b;
    T* to = (T*)panels;
    if (b_column == 1 && sums)
        return pack_bands<T, true>(from, b_row, k, n, to, (T*)sums, adds);
    if (b_column == 1) return pack_bands<T, false>(from, b_row, k, n, to, nullptr, false);
    const int width = lanes<T>;
    for (int64_t j = 0; j < n; j += width, to += k * width) {
        const T* columns[width];
        const int count = n - j < width ? (int)(n - j) : width;
        for (int c = 0; c < count; ++c) columns[c] = from + (j + c) * b_column;
        pack_transposed<T, width>(columns, count, k, to);
    }
}

// Where A's rows lie, or its columns, from the i-th on.
template <class T>
void find_lines(const Factor& a, int64_t i, int64_t count, const T** lines) {
    const int64_t stride = a.column == 1 ? a.row : a.column;
    for (int64_t r = 0; r < count; ++r)
        lines[r] = (const T*)a.data + (a.index ? a.index[i + r] : i + r) * stride;
}

// For A whose columns are contiguous.
template <class T>
void pack_columns(const Factor& a, int64_t m, int64_t k, T* to) {
    for (int64_t first = 0; first < k; first += band) {
        const int64_t count = k - first < band ? k - first : band;
        const T* columns[band];
        find_lines(a, first, count, columns);
        for (int64_t i = 0; i < m; i += block_rows)
            for (int64_t x = 0; x < count; ++x) {
                const T* column = columns[x] + i;
                T* group = to + i * k + (first + x) * block_rows;
                if (i + block_rows <= m)
                    memcpy(group, column, block_rows * sizeof(T));
                else
                    for (int r = 0; i + r < m; ++r) group[r] = column[r];
            }
    }
}

// For A whose rows are contiguous. Those of a shuffle lie anywhere, and are fetched while the group
// before them is copied.
template <class T>
void pack_contiguous_rows(const Factor& a, int64_t m, int64_t k, T* to) {
    for (int64_t i = 0; i < m; i += block_rows, to += k * block_rows) {
        const int64_t left = m - i, count = left < block_rows ? left : block_rows;
        const T* rows[2 * block_rows];
        find_lines(a, i, left < 2 * block_rows ? left : 2 * block_rows, rows);
        for (int64_t r = block_rows; a.index && r < 2 * block_rows && r < left; ++r)
            fetch_row(rows[r], k);
        pack_transposed<T, block_rows>(rows, (int)count, k, to);
    }
}

template <class T>
bool pack_rows(const Factor& a, int64_t m, int64_t k, void* groups) {
    for (int64_t i = 0; a.index && i < (a.column == 1 ? m : k); ++i)
        if (!names_row(a.index[i], a.rows)) return false;
    a.column == 1 ? pack_contiguous_rows(a, m, k, (T*)groups) : pack_columns(a, m, k, (T*)groups);
    return true;
}

// inputs a, index or null; outputs all of A, one slice of k after the other, each with all groups of
// rows.
template <class T>
void pack_slices(const Work& w) {
    const Factor a{w.array<char>(0), w.extents[2], w.extents[3], w.array<int64_t>(1), w.extents[6]};
    const int64_t m = w.extents[0], k = w.extents[1], slice = w.extents[4], groups = w.extents[5];
    const int64_t first = w.begin * block_rows;
    const int64_t last = w.end * block_rows < m ? w.end * block_rows : m;
    for (int64_t x = 0; x < k; x += slice) {
        const int64_t length = k - x < slice ? k - x : slice;
        T* to = w.array<T>(2) + x * groups * block_rows + first * length;
        if (!pack_rows<T>(a.from(first, x, sizeof(T)), last - first, length, to))
            *w.out_of_range = true;
    }
}

MLPCORE_END
