// A tile of rows in scratch, as `steps` vectors of `width` lanes, so that reductions over a row
// need no change in the order of additions. Narrow rows: a lane is a row. Wide rows: one row, cut
// in lanes.
#pragma once

#include <math.h>

#include "loops/elementwise.h"

MLPCORE_BEGIN

// Transposes a full tile of rows with K columns; a count the compiler knows spares the inner loop.
template <class T, int Width, int K>
void load_columns(T* tile, const T* rows, int64_t k) {
    if (k != K) {
        if constexpr (K > 1) load_columns<T, Width, K - 1>(tile, rows, k);
        return;
    }
    for (int l = 0; l < Width; ++l)
        for (int j = 0; j < K; ++j) tile[j * Width + l] = rows[l * K + j];
}
template <class T, int Width, int K>
void save_columns(const T* tile, T* rows, int64_t k) {
    if (k != K) {
        if constexpr (K > 1) save_columns<T, Width, K - 1>(tile, rows, k);
        return;
    }
    for (int l = 0; l < Width; ++l)
        for (int j = 0; j < K; ++j) rows[l * K + j] = tile[j * Width + l];
}

template <class T>
struct Tile {
    static constexpr int width = 64 / (int)sizeof(T);
    static constexpr int64_t narrow_limit = 48;
    static constexpr int known_columns = 10;

    int64_t columns, steps;
    bool narrow;

    MLPCORE_HD explicit Tile(int64_t k)
        : columns(k),
          steps(k <= narrow_limit ? k : (k + width - 1) / width),
          narrow(k <= narrow_limit) {}

    MLPCORE_HD int64_t size() const { return steps * width; }
    // How many rows the tile that starts at `row` holds.
    MLPCORE_HD int rows(int64_t row, int64_t end) const {
        return !narrow ? 1 : end - row < width ? (int)(end - row) : width;
    }
    MLPCORE_HD int64_t column(int64_t step, int lane) const {
        return narrow ? step : step * width + lane;
    }

    // Lanes without a row repeat the last one; lanes beyond the last column hold `filler`.
    MLPCORE_HD void load(T* tile, const T* rows_of_x, int count, T filler) const {
        if (columns <= known_columns && count == width) {
            load_columns<T, width, known_columns>(tile, rows_of_x, columns);
        } else if (narrow) {
            for (int l = 0; l < width; ++l) {
                const T* row = rows_of_x + (l < count ? l : count - 1) * columns;
                MLPCORE_UNROLLED_BY_4
                for (int64_t j = 0; j < columns; ++j) tile[j * width + l] = row[j];
            }
        } else {
            for (int64_t j = 0; j < columns; ++j) tile[j] = rows_of_x[j];
            for (int64_t j = columns; j < size(); ++j) tile[j] = filler;
        }
    }
    MLPCORE_HD void save(const T* tile, T* rows_of_y, int count) const {
        if (columns <= known_columns && count == width) {
            save_columns<T, width, known_columns>(tile, rows_of_y, columns);
        } else if (narrow) {
            for (int l = 0; l < count; ++l) {
                T* row = rows_of_y + l * columns;
                MLPCORE_INDEPENDENT MLPCORE_UNROLLED_BY_4 for (int64_t j = 0; j < columns; ++j)
                    row[j] = tile[j * width + l];
            }
        } else {
            for (int64_t j = 0; j < columns; ++j) rows_of_y[j] = tile[j];
        }
    }

    // A value for each row, spread over its lanes.
    template <class S>
    MLPCORE_HD void load_values(T* lane, const S* values, int count) const {
        for (int l = 0; l < width; ++l)
            lane[l] = T(values[!narrow ? 0 : l < count ? l : count - 1]);
    }
    MLPCORE_HD void save_values(const T* lane, T* values, int count) const {
        for (int l = 0; l < count; ++l) values[l] = lane[l];
    }

    // Not unrolled, or the compiler would see single numbers and no vector.
    template <class F>
    MLPCORE_HD static void lanes(F run) {
        MLPCORE_INDEPENDENT MLPCORE_NOT_UNROLLED for (int l = 0; l < width; ++l) run(l);
    }
    // tile = term(step, lane) everywhere
    template <class F>
    MLPCORE_HD void each(T* tile, F term) const {
        for (int64_t s = 0; s < steps; ++s) lanes([&](int l) { tile[s * width + l] = term(s, l); });
    }

    // Reductions: each lane over its steps, then, where the lanes are one row, over the lanes.
    template <class F>
    MLPCORE_HD void sum(T* lane, F term) const {
        lanes([&](int l) { lane[l] = T(0); });
        for (int64_t s = 0; s < steps; ++s) lanes([&](int l) { lane[l] += term(s, l); });
        if (narrow) return;
        T total = T(0);
        for (int l = 0; l < width; ++l) total += lane[l];
        lanes([&](int l) { lane[l] = total; });
    }
    // NaN wins, and stays.
    MLPCORE_HD static T larger(T x, T top) { return ((x > top) | (x != x)) ? x : top; }
    MLPCORE_HD void maximum(T* lane, const T* tile) const {
        lanes([&](int l) { lane[l] = tile[l]; });
        for (int64_t s = 1; s < steps; ++s)
            lanes([&](int l) { lane[l] = larger(tile[s * width + l], lane[l]); });
        if (narrow) return;
        T top = lane[0];
        for (int l = 1; l < width; ++l) top = larger(lane[l], top);
        lanes([&](int l) { lane[l] = top; });
    }
};

// The exponentials of x minus the row's maximum; leaves their sums in `total`, the maximum in
// `top`.
template <class T>
MLPCORE_HD void shifted_exponentials(const Tile<T>& tile, const T* x, T* e, T* top, T* total) {
    constexpr int width = Tile<T>::width;
    tile.maximum(top, x);
    tile.lanes([&](int l) { total[l] = T(0); });
    for (int64_t s = 0; s < tile.steps; ++s)
        tile.lanes([&](int l) {
            e[s * width + l] = exponential_nonpositive(x[s * width + l] - top[l]);
            total[l] += e[s * width + l];
        });
    if (!tile.narrow) tile.sum(total, [&](int64_t s, int l) { return e[s * width + l]; });
}

template <class T>
constexpr T minus_infinity = -T(INFINITY);

MLPCORE_END
