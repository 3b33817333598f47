// Rows by index.

#include "cuda/grid.h"

MLPCORE_BEGIN

// inputs x, index; outputs the rows of x that index names
template <class S>
MLPCORE_DEVICE void gather_rows(const Call& call) {
    const int64_t k = call.columns;
    each_member(call, [&](int64_t member) {
        const S* x = call.array<S>(0, member);
        const int64_t* index = call.array<int64_t>(1, member);
        S* y = call.array<S>(2, member);
        const bool packed = aligned(x, y) && k % Chunk<S>::size == 0;
        each_column<S>(call, 0, packed, [&](Chunk<S> columns, int64_t part, int64_t parts) {
            for (int64_t row = part; row < call.rows; row += parts) {
                const auto in = columns.moved(index[row] * k).load(x);
                columns.moved(row * k).store(y, [&](int j) { return in[j]; });
            }
        });
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(gather_rows, 256, gather_rows<Storage>)
