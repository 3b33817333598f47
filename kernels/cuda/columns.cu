// The sums over rows, and what joins the parts of such sums.

#include "cuda/grid.h"

MLPCORE_BEGIN

// inputs dz; outputs db; scratch: the sums of the parts
template <class S>
MLPCORE_DEVICE void bias_gradient(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const S* dz = call.array<S>(0, member);
        A *db = call.array<A>(1, member), *sums = call.array<A>(2, member);
        each_column<S>(call, call.parts, aligned(dz, db, sums),
                       [&](Chunk<S> columns, int64_t part, int64_t parts) {
                           A sum[Chunk<S>::size] = {};
#pragma unroll 4
                           for (int64_t row = part; row < call.rows; row += parts) {
                               const auto in = columns.moved(row * call.columns).load(dz);
                               MLPCORE_UNROLL
                               for (int j = 0; j < Chunk<S>::size; ++j) sum[j] += A(in[j]);
                           }
                           store_part(columns, call.columns, part, parts, db, sums, sum);
                       });
    });
}

template <class A>
struct Sum {
    A value;
    MLPCORE_DEVICE void merge(const Sum& other) { value += other.value; }
};

// The sums of the parts in scratch become the result; Count results side by side.
template <int Result, int Scratch, int Count, class S>
MLPCORE_DEVICE void sums_total(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        for (int i = 0; i < Count; ++i) {
            const A* sums = call.array<A>(Scratch + i, member);
            A* result = call.array<A>(Result + i, member);
            join_parts<Sum<A>>(
                call.columns, call.parts,
                [&](int64_t part, int64_t column) {
                    return Sum<A>{sums[part * call.columns + column]};
                },
                [&](int64_t column, const Sum<A>& sum) { result[column] = sum.value; });
        }
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(affine_bias_gradient, 256, bias_gradient<Storage>)
KERNEL(affine_bias_gradient_total, 1024, sums_total<1, 2, 1, Storage>)
KERNEL(activation_backward_total, 1024, sums_total<4, 5, 1, Storage>)
KERNEL(norm_backward_total, 1024, sums_total<6, 8, 2, Storage>)
