// The shuffle: rows in the order of a stable sort of their random words.
#pragma once

#include "loops/elementwise.h"

MLPCORE_BEGIN

// inputs rows; outputs the rows permuted; parameters seed, member, epoch
inline void permutation(const Work& w) {
    const int64_t n = w.extents[0];
    const Stream stream{w.values[0].integer, (uint32_t)w.values[2].integer, purpose_shuffle,
                        (uint32_t)w.values[1].integer};
    struct Item {
        uint32_t word, position;
    };
    static_assert(sizeof(Item) == sizeof(int64_t), "the results' memory holds the items first");
    const int64_t* rows = w.array<int64_t>(0);
    int64_t* out = w.array<int64_t>(1);
    Item* drawn = (Item*)w.scratch;
    Item* sorted = (Item*)out;

    // By the upper bits in two rounds, least digit first. The words are uniform: with some bits
    // more than it takes to count the rows, few are left out of order, and those are neighbours.
    int digit = 4;
    while (digit < 11 && n >> (2 * digit - 7) != 0) ++digit;
    const uint32_t buckets = 1u << digit;
    const auto upper = [digit](uint32_t word) { return word >> (32 - digit); };
    const auto lower = [=](uint32_t word) { return word >> (32 - 2 * digit) & (buckets - 1); };
    constexpr int most = 1 << 11;
    uint32_t low[most], high[most];
    memset(low, 0, sizeof(uint32_t) << digit), memset(high, 0, sizeof(uint32_t) << digit);

    constexpr int block = 64;
    uint32_t words[block];
    for (int64_t begin = 0; begin < n; begin += block) {
        MLPCORE_INDEPENDENT
        for (int c = 0; c < block / 4; ++c) {
            const Words four = stream((uint32_t)(begin / 4 + c));
            for (int i = 0; i < 4; ++i) words[4 * c + i] = four.word[i];
        }
        const int64_t end = begin + block < n ? begin + block : n;
        for (int64_t i = begin; i < end; ++i) {
            const uint32_t word = words[i - begin];
            sorted[i] = Item{word, (uint32_t)i};
            ++low[lower(word)], ++high[upper(word)];
        }
    }
    uint32_t low_total = 0, high_total = 0;
    for (uint32_t b = 0; b < buckets; ++b) {
        const uint32_t low_size = low[b], high_size = high[b];
        low[b] = low_total, low_total += low_size;
        high[b] = high_total, high_total += high_size;
    }
    for (int64_t i = 0; i < n; ++i) drawn[low[lower(sorted[i].word)]++] = sorted[i];
    for (int64_t i = 0; i < n; ++i) sorted[high[upper(drawn[i].word)]++] = drawn[i];
    for (int64_t i = 1; i < n; ++i) {
        const Item item = sorted[i];
        int64_t j = i;
        for (; j > 0 && sorted[j - 1].word > item.word; --j) sorted[j] = sorted[j - 1];
        if (j != i) sorted[j] = item;
    }
    for (int64_t i = 0; i < n; ++i) {
        Item item;
        memcpy(&item, out + i, sizeof item);
        out[i] = rows[item.position];
    }
}

MLPCORE_END
