// The shuffle: rows in the order of a stable sort of their random words.
#pragma once

#include "loops/elementwise.h"

MLPCORE_BEGIN

// inputs rows; outputs the rows permuted; parameters seed, member, epoch
inline void permutation(const Work& w) {
    const int64_t n = w.extents[0];
    const Stream stream{w.values[0].integer, (uint32_t)w.values[2].integer, purpose_shuffle,
                        (uint32_t)w.values[1].integer};
    const int64_t* rows = w.array<int64_t>(0);
    int64_t* out = w.array<int64_t>(1);
    // Word and position in one number: sorting by the word's bytes, least first, keeps ties in
    // order.
    struct Item {
        uint32_t word, position;
    };
    Item *items = (Item*)w.scratch, *sorted = items + n;
    for (int64_t i = 0; i < n; i += 4) {
        const Words drawn = stream((uint32_t)(i / 4));
        for (int j = 0; j < 4 && i + j < n; ++j)
            items[i + j] = Item{drawn.word[j], (uint32_t)(i + j)};
    }
    constexpr int bits = 11, buckets = 1 << bits;
    for (int shift = 0; shift < 32; shift += bits) {
        int64_t start[buckets] = {};
        for (int64_t i = 0; i < n; ++i) ++start[items[i].word >> shift & (buckets - 1)];
        int64_t total = 0;
        for (int b = 0; b < buckets; ++b) {
            const int64_t size = start[b];
            start[b] = total, total += size;
        }
        for (int64_t i = 0; i < n; ++i)
            sorted[start[items[i].word >> shift & (buckets - 1)]++] = items[i];
        Item* swap = items;
        items = sorted, sorted = swap;
    }
    for (int64_t i = 0; i < n; ++i) out[i] = rows[items[i].position];
}

MLPCORE_END
