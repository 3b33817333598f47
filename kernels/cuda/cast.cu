// Matrices in a smaller type, as products read them.

#include "cuda/grid.h"

MLPCORE_BEGIN

// inputs x in the computing type; outputs y
template <class S>
MLPCORE_DEVICE void cast(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const A* x = call.array<A>(0, member);
        S* y = call.array<S>(1, member);
        each_column<S>(call, 0, aligned(x, y), [&](Chunk<S> columns, int64_t part, int64_t parts) {
            for (int64_t row = part; row < call.rows; row += parts) {
                const Chunk<S> here = columns.moved(row * call.columns);
                const auto in = here.load(x);
                here.store(y, [&](int j) { return S(in[j]); });
            }
        });
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(cast, 256, cast<Storage>)
