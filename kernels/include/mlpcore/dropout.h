// Inverted dropout. No mask is stored: forward and backward draw the same words again.
#pragma once

#include "mlpcore/parameters.h"
#include "mlpcore/philox.h"

MLPCORE_BEGIN

template <class T>
struct Dropout {
    uint64_t threshold;  // a word below it drops the element
    T kept;              // 1 - rate
    Stream stream;
    // Parameters: rate, seed, member, step, layer; and the width, which is the loop's concern.
    MLPCORE_HD explicit Dropout(const Value* p)
        : threshold((uint64_t)(p[0].real * 4294967296.0)),
          kept(T(1.0 - p[0].real)),
          stream{p[1].integer, (uint32_t)p[3].integer,
                 (uint32_t)(purpose_dropout + 256 * p[4].integer), (uint32_t)p[2].integer} {}
    MLPCORE_HD T value(T x, uint32_t word) const { return word >= threshold ? x / kept : T(0); }
};

MLPCORE_END
