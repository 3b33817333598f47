// The losses: the weighted mean over the rows and, in the same pass, its gradient.
// inputs z, target, sample_weight or none; outputs the loss and the gradient, either may be absent.
// Each part leaves its share of the mean; `loss_total` joins them.
#pragma once

#include "loops/tile.h"
#include "mlpcore/losses.h"

MLPCORE_BEGIN

// A row's share of the mean: its weight over the sum of all weights, or 1/n.
template <class T>
struct Shares {
    const T* weight;
    T scale;
    MLPCORE_HD explicit Shares(const Work& w) : weight(w.array<T>(2)) {
        const int64_t n = w.extents[0];
        if (!weight) {
            scale = T(1.0 / (double)n);
            return;
        }
        double total = 0;
        for (int64_t r = 0; r < n; ++r) total += (double)weight[r];
        scale = total == 0 ? T(1) : T(total);
    }
    MLPCORE_HD T operator()(int64_t row) const { return weight ? weight[row] / scale : scale; }
};

// A loss that is a sum over the elements: runs over the flat (n, k) matrix in blocks.
template <template <class> class F, class T>
void elementwise_loss(const Work& w) {
    const F<T> f(w.values);
    const Shares<T> shares(w);
    const int64_t k = w.extents[1], end = w.end * k;
    const T *z = w.array<T>(0), *y = w.array<T>(1);
    T* dz = w.array<T>(4);
    constexpr int block = 256, width = Tile<T>::width;
    T share[block];
    double lane[width] = {};
    int64_t row = w.begin, column = 0;
    for (int64_t start = w.begin * k; start < end; start += block) {
        const int size = end - start < block ? (int)(end - start) : block;
        for (int i = 0; i < size; ++i) {
            share[i] = shares(row);
            if (++column == k) column = 0, ++row;
        }
        auto term = [&](int i) {
            const T value = f.value(z[start + i], y[start + i]);
            return (double)(share[i] == T(0) ? T(0) : share[i] * value);
        };
        const int whole = size / width * width;
        if (w.arrays[3]) {
            for (int i = 0; i < whole; i += width)
                Tile<T>::lanes([&](int l) { lane[l] += term(i + l); });
            for (int i = whole; i < size; ++i) lane[i - whole] += term(i);
        }
        if (!dz) continue;
        MLPCORE_INDEPENDENT
        for (int i = 0; i < size; ++i) {
            const T gradient = f.gradient(z[start + i], y[start + i]);
            dz[start + i] = share[i] == T(0) ? T(0) : share[i] * gradient;
        }
    }
    w.partial[0] = 0;
    for (int l = 0; l < width; ++l) w.partial[0] += lane[l];
}

// Target: one label for each row, or a distribution over the columns.
template <bool Labels, class T>
void softmax_cross_entropy(const Work& w) {
    const Tile<T> tile(w.extents[1]);
    const SoftmaxCrossEntropy<T> f(w.values, tile.columns);
    const Shares<T> shares(w);
    constexpr int width = Tile<T>::width;
    T *x = (T*)w.scratch, *e = x + tile.size(), *y = e + tile.size();
    T top[width], total[width], loss[width], share[width], label[width];
    T* dz = w.array<T>(4);
    double sum[width] = {};
    for (int64_t r = w.begin; r < w.end;) {
        const int count = tile.rows(r, w.end);
        const int64_t offset = r * tile.columns;
        tile.load(x, w.array<T>(0) + offset, count, minus_infinity<T>);
        if (Labels)
            tile.load_values(label, w.array<int64_t>(1) + r, count);
        else
            tile.load(y, w.array<T>(1) + offset, count, T(0));
        tile.lanes([&](int l) { share[l] = shares(r + (l < count ? l : count - 1)); });
        auto target = [&](int64_t s, int l) {
            return f.target(Labels ? T(T(tile.column(s, l)) == label[l]) : y[s * width + l]);
        };
        shifted_exponentials(tile, x, e, top, total);
        if (w.arrays[3]) {
            T log_total[width];
            tile.lanes([&](int l) { log_total[l] = logarithm_of(total[l]); });
            if (Labels && f.spread == T(0)) {
                // Only the label's own term is not 0.
                T own[width], known[width];
                int place[width];
                tile.lanes([&](int l) {
                    const bool valid = (label[l] >= T(0)) & (label[l] < T(tile.columns));
                    const T column = valid ? label[l] : T(0);
                    place[l] = tile.narrow ? (int)column * width + l : (int)column;
                    known[l] = valid ? f.kept : T(0);
                });
                for (int l = 0; l < width; ++l) own[l] = x[place[l]];
                tile.lanes([&](int l) {
                    loss[l] = f.value(known[l], (own[l] - top[l]) - log_total[l]);
                });
            } else {
                tile.sum(loss, [&](int64_t s, int l) {
                    const T log_p = (x[s * width + l] - top[l]) - log_total[l];
                    const T term = f.value(target(s, l), log_p);
                    return tile.column(s, l) < tile.columns ? term : T(0);
                });
            }
            tile.lanes([&](int l) {
                const T term = l < count && share[l] != T(0) ? share[l] * loss[l] : T(0);
                sum[l] += (double)term;
            });
        }
        if (dz) {
            tile.lanes([&](int l) { total[l] = T(1) / total[l]; });
            tile.each(e, [&](int64_t s, int l) {
                const T gradient = f.gradient(e[s * width + l] * total[l], target(s, l));
                return share[l] == T(0) ? T(0) : share[l] * gradient;
            });
            tile.save(e, dz + offset, count);
        }
        r += count;
    }
    w.partial[0] = 0;
    for (int l = 0; l < width; ++l) w.partial[0] += sum[l];
}

// The shares of the parts together are the loss.
template <class T>
void loss_total(const Work& w) {
    if (!w.arrays[3]) return;
    double sum = 0;
    for (int part = 0; part < w.parts; ++part) sum += w.partial[part * partial_size];
    *w.array<T>(3) = T(sum);
}

MLPCORE_END
