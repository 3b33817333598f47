// What a replayed plan does between the steps' mathematics.

#include "cuda/grid.h"

MLPCORE_BEGIN

// A member whose loss is not finite lives no more. inputs loss; outputs live, and the step at which
// a member stopped
template <class S>
MLPCORE_DEVICE void stop_if_not_finite(const Call& call) {
    using A = Computed<S>;
    for (int64_t member = thread_index(); member < call.members; member += thread_count()) {
        const A loss = *call.array<A>(0, member);
        int64_t* live = call.array<int64_t>(1, member);
        if (!*live || loss - loss == A(0)) continue;
        *live = 0;
        *call.array<int64_t>(2, member) = *call.step;
    }
}

// outputs the number of the step
MLPCORE_DEVICE void next_step(const Call& call) {
    if (thread_index() == 0) ++*call.array<int64_t>(0, 0);
}

MLPCORE_END

using namespace mlpcore;

KERNEL(stop_if_not_finite, 256, stop_if_not_finite<Storage>)
KERNEL(next_step, 256, next_step)
