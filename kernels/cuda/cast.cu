// Matrices in a smaller type, as products read them.

#include "cuda/grid.h"

MLPCORE_BEGIN

template <class S>
MLPCORE_DEVICE S narrow(Computed<S> x) {
    return S(x);
}
// Beyond 65504 lie float16's infinities. An activation may make them finite again, but not NaN.
template <>
MLPCORE_DEVICE Half narrow<Half>(float x) {
    const Half y(x);
    return float(y) - float(y) == 0 ? y : Half(from_bits((uint32_t)0x7FC00000u));
}

// inputs x in the computing type, and two empty places, so that the scale lies where all totals do;
// outputs the scale or none, y = scale x
template <class S>
MLPCORE_DEVICE void cast(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const A *x = call.array<A>(0, member), *own = call.array<A>(3, member);
        const A scale = own ? *own : A(1);
        S* y = call.array<S>(4, member);
        each_column<S>(call, 0, aligned(x, y), [&](Chunk<S> columns, int64_t part, int64_t parts) {
            for (int64_t row = part; row < call.rows; row += parts) {
                const Chunk<S> here = columns.moved(row * call.columns);
                const auto in = here.load(x);
                here.store(y, [&](int j) { return narrow<S>(scale * in[j]); });
            }
        });
    });
}

// The largest magnitude that each warp finds in x goes into scratch.
template <class S>
MLPCORE_DEVICE void largest(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const A* x = call.array<A>(0, member);
        A top = 0;
        each_chunk<S>(call.rows * call.columns, aligned(x), [&](Chunk<S> here) {
            const auto in = here.load(x);
            MLPCORE_UNROLL
            for (int j = 0; j < Chunk<S>::size; ++j)
                top = larger_or_nan(top, sign_bit_cleared(in[j]));
        });
        const Team warp(warp_size);
        top = warp.maximum(top);
        if (warp.lane() == 0) call.array<A>(5, member)[thread_index() / warp_size] = top;
    });
}

// The power of two that brings the largest of them to [2^14, 2^15), or as near as a float32 whose
// inverse is a normal number can.
template <class S>
MLPCORE_DEVICE void scale(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        A top = 0;
        for (int64_t part = threadIdx.x; part < call.parts; part += blockDim.x)
            top = larger_or_nan(top, call.array<A>(5, member)[part]);
        top = block_join(top, [](const Team& warp, A value) { return warp.maximum(value); });
        const uint32_t exponent = bits_of(float(top)) >> 23, wanted = 14 + 2 * 127 - exponent;
        if (threadIdx.x == 0)
            *call.array<A>(3, member) = A(from_bits((wanted < 253 ? wanted : 253) << 23));
    });
}

// inputs x, the scale; outputs x / scale
template <class S>
MLPCORE_DEVICE void unscale(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const S* x = call.array<S>(0, member);
        const A inverse = A(1) / *call.array<A>(1, member);
        S* y = call.array<S>(2, member);
        each_chunk<S>(call.rows * call.columns, aligned(x, y), [&](Chunk<S> here) {
            const auto in = here.load(x);
            here.store(y, [&](int j) { return S(A(in[j]) * inverse); });
        });
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(cast, 256, cast<Storage>)
KERNEL(largest, 256, largest<Storage>)
KERNEL(scale, 1024, scale<Storage>)
KERNEL(unscale, 256, unscale<Storage>)
