// Dropout; the backward draws the same words again. And zeros in the padding of narrow members.

#include "cuda/grid.h"
#include "mlpcore/dropout.h"

MLPCORE_BEGIN

// How many of the columns a member has; the rest is padding.
MLPCORE_DEVICE int64_t width_of(Value width, const Call& call) {
    return width.integer < (uint64_t)call.columns ? (int64_t)width.integer : call.columns;
}

// inputs x; outputs y; parameters the width
template <class S>
MLPCORE_DEVICE void mask_columns(const Call& call) {
    each_member(call, [&](int64_t member) {
        const int64_t width = width_of(Values<1>(call, member).value[0], call);
        const S* x = call.array<S>(0, member);
        S* y = call.array<S>(1, member);
        each_chunk<S>(call.rows * call.columns, aligned(x, y), [&](Chunk<S> here) {
            const auto in = here.load(x);
            here.store(y, [&](int j) {
                return (here.start + j) % call.columns < width ? in[j] : S(0.0f);
            });
        });
    });
}

// inputs x; outputs y; parameters rate, seed, member, step, layer, width
template <class S>
MLPCORE_DEVICE void dropout(const Call& call) {
    using A = Computed<S>;
    constexpr int size = Chunk<S>::size;
    each_member(call, [&](int64_t member) {
        const Values<6> own(call, member);
        const Dropout<A> drop(own);
        const int64_t width = width_of(own.value[5], call);
        const S* x = call.array<S>(0, member);
        S* y = call.array<S>(1, member);
        if (width < call.columns) {
            // Words are counted over the member's own columns: none is shared by neighbours.
            each_chunk<S>(call.rows * call.columns, aligned(x, y), [&](Chunk<S> here) {
                const auto in = here.load(x);
                here.store(y, [&](int j) {
                    const int64_t row = (here.start + j) / call.columns;
                    const int64_t column = (here.start + j) % call.columns;
                    const int64_t i = row * width + column;
                    const uint32_t word = drop.stream((uint32_t)(i / 4)).word[i % 4];
                    return column < width ? drop.value(A(in[j]), word) : A(0);
                });
            });
            return;
        }
        each_chunk<S>(call.rows * call.columns, aligned(x, y), [&](Chunk<S> here) {
            const int within = size < 4 ? (int)(here.start % 4) : 0;
            uint32_t words[size];
            MLPCORE_UNROLL
            for (int j = 0; j < size; j += 4) {
                const Words drawn = drop.stream((uint32_t)((here.start + j) / 4));
                MLPCORE_UNROLL
                for (int i = 0; i < 4 && j + i < size; ++i) words[j + i] = drawn.word[within + i];
            }
            const auto in = here.load(x);
            here.store(y, [&](int j) { return drop.value(A(in[j]), words[j]); });
        });
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(dropout, 256, dropout<Storage>)
KERNEL(mask_columns, 256, mask_columns<Storage>)
