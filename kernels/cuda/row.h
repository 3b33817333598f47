// What the softmax of a row and its losses share.
#pragma once

#include "cuda/grid.h"
#include "mlpcore/exponential.h"

MLPCORE_BEGIN

// A row's maximum, and the sum of the exponentials of what the elements lie below it.
template <class A>
struct RowExponentials {
    A top, total;

    template <class S>
    MLPCORE_DEVICE RowExponentials(const Team& team, const S* x, int64_t k, bool packed)
        : top(minus_infinity<A>()), total(0) {
        team.each_chunk<S>(k, packed, [&](Chunk<S> here) {
            const auto in = here.load(x);
            MLPCORE_UNROLL
            for (int j = 0; j < Chunk<S>::size; ++j)
                if (j < here.count) top = larger_or_nan(top, A(in[j]));
        });
        top = team.maximum(top);
        team.each_chunk<S>(k, packed, [&](Chunk<S> here) {
            const auto in = here.load(x);
            MLPCORE_UNROLL
            for (int j = 0; j < Chunk<S>::size; ++j)
                total += j < here.count ? exponential_nonpositive(A(in[j]) - top) : A(0);
        });
        total = team.sum(total);
    }
};

MLPCORE_END
