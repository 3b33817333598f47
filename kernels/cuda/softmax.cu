// Softmax, its logarithm, and the logarithm of the sum of exponentials, with their Jacobian
// products.

#include "cuda/row.h"

MLPCORE_BEGIN

// inputs x; outputs y
template <bool Log, class S>
MLPCORE_DEVICE void softmax(const Call& call) {
    using A = Computed<S>;
    const int64_t k = call.columns;
    const Team team(call.team);
    each_member(call, [&](int64_t member) {
        const S* x = call.array<S>(0, member);
        S* y = call.array<S>(1, member);
        const bool packed = aligned(x, y);
        team.each_row(call.rows, [&](int64_t row, bool live) {
            const RowExponentials<A> e(team, x + row * k, k, packed);
            const A log_total = logarithm_of(e.total);
            if (!live) return;
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto in = here.load(x);
                here.store(y, [&](int j) {
                    const A shifted = A(in[j]) - e.top;
                    return Log ? shifted - log_total : exponential_nonpositive(shifted) / e.total;
                });
            });
        });
    });
}

// inputs dy, x, y; outputs dx = y (dy - sum dy y), or of the logarithm dy - e^y sum dy
template <bool Log, class S>
MLPCORE_DEVICE void softmax_backward(const Call& call) {
    using A = Computed<S>;
    const int64_t k = call.columns;
    const Team team(call.team);
    each_member(call, [&](int64_t member) {
        const S *dy = call.array<S>(0, member), *y = call.array<S>(2, member);
        S* dx = call.array<S>(3, member);
        const bool packed = aligned(dy, y, dx);
        team.each_row(call.rows, [&](int64_t row, bool live) {
            A total = A(0);
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto slope = here.load(dy), at = here.load(y);
                MLPCORE_UNROLL
                for (int j = 0; j < Chunk<S>::size; ++j)
                    if (j < here.count) total += Log ? A(slope[j]) : A(slope[j]) * A(at[j]);
            });
            total = team.sum(total);
            if (!live) return;
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto slope = here.load(dy), at = here.load(y);
                here.store(dx, [&](int j) {
                    const A d = A(slope[j]), p = A(at[j]);
                    return Log ? d - exponential_of(p) * total : p * (d - total);
                });
            });
        });
    });
}

// inputs x; outputs a value for each row
template <class S>
MLPCORE_DEVICE void logsumexp(const Call& call) {
    using A = Computed<S>;
    const Team team(call.team);
    each_member(call, [&](int64_t member) {
        const S* x = call.array<S>(0, member);
        A* y = call.array<A>(1, member);
        team.each_row(call.rows, [&](int64_t row, bool live) {
            const RowExponentials<A> e(team, x + row * call.columns, call.columns, aligned(x));
            const bool infinite = e.top == e.top && e.top - e.top != A(0);
            if (live && team.lane() == 0) y[row] = infinite ? e.top : e.top + logarithm_of(e.total);
        });
    });
}

// inputs dy (one for each row), x, y; outputs dx = dy softmax(x)
template <class S>
MLPCORE_DEVICE void logsumexp_backward(const Call& call) {
    using A = Computed<S>;
    const int64_t k = call.columns;
    const Team team(call.team);
    each_member(call, [&](int64_t member) {
        const A* dy = call.array<A>(0, member);
        const S* x = call.array<S>(1, member);
        S* dx = call.array<S>(3, member);
        const bool packed = aligned(x, dx);
        team.each_row(call.rows, [&](int64_t row, bool live) {
            const RowExponentials<A> e(team, x + row * k, k, packed);
            if (!live) return;
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto in = here.load(x);
                here.store(dx, [&](int j) {
                    return dy[row] * (exponential_nonpositive(A(in[j]) - e.top) / e.total);
                });
            });
        });
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(softmax, 256, softmax<false, Storage>)
KERNEL(softmax_backward, 256, softmax_backward<false, Storage>)
KERNEL(log_softmax, 256, softmax<true, Storage>)
KERNEL(log_softmax_backward, 256, softmax_backward<true, Storage>)
KERNEL(logsumexp, 256, logsumexp<Storage>)
KERNEL(logsumexp_backward, 256, logsumexp_backward<Storage>)
