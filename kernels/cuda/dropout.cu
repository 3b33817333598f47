// Dropout; the backward draws the same words again.

#include "cuda/grid.h"
#include "mlpcore/dropout.h"

MLPCORE_BEGIN

// inputs x; outputs y; parameters rate, seed, member, step, layer
template <class S>
MLPCORE_DEVICE void dropout(const Call& call) {
    using A = Computed<S>;
    constexpr int size = Chunk<S>::size;
    each_member(call, [&](int64_t member) {
        const Dropout<A> drop(Values<5>(call, member));
        const S* x = call.array<S>(0, member);
        S* y = call.array<S>(1, member);
        each_chunk<S>(call.rows * call.columns, aligned(x, y), [&](Chunk<S> here) {
            const int within = size < 4 ? (int)here.start % 4 : 0;
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
