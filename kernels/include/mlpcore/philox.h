// Philox 4x32-10, the counter-based generator that draws the same numbers on every backend.
// Source: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include "mlpcore/platform.h"

MLPCORE_BEGIN

struct Words {
    uint32_t word[4];
};

enum Purpose : uint32_t { purpose_weights = 0, purpose_shuffle = 1, purpose_dropout = 2 };

MLPCORE_HD void philox(uint32_t& c0, uint32_t& c1, uint32_t& c2, uint32_t& c3, uint64_t key) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    MLPCORE_UNROLL
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = (uint64_t)c0 * 0xD2511F53u, b = (uint64_t)c2 * 0xCD9E8D57u;
        const uint32_t next0 = (uint32_t)(b >> 32) ^ c1 ^ k0, next2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c0 = next0, c1 = (uint32_t)b, c2 = next2, c3 = (uint32_t)a;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
}

// The draws of one (seed, member, purpose, step): four words for each value of the first counter.
struct Stream {
    uint64_t key;
    uint32_t step, purpose, member;
    MLPCORE_HD Words operator()(uint32_t index) const {
        uint32_t c0 = index, c1 = step, c2 = purpose, c3 = member;
        philox(c0, c1, c2, c3, key);
        return Words{{c0, c1, c2, c3}};
    }
};

MLPCORE_END
