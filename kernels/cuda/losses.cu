// The losses: the weighted mean over the rows and, in the same pass, its gradient.
// inputs z, target, sample_weight or none; outputs the loss and the gradient, either may be absent;
// scratch: each warp's share of the mean, and the sum of the weights. `loss_total` joins the
// shares.

#include "cuda/row.h"
#include "mlpcore/losses.h"

MLPCORE_BEGIN

// A row's share of the mean: its weight over the sum of all weights, or 1/n.
template <class A>
struct Shares {
    const A* weight;
    A scale;
    MLPCORE_DEVICE Shares(const Call& call, int64_t member) : weight(call.array<A>(2, member)) {
        const double total = weight ? *call.array<double>(6, member) : 0.0;
        scale = !weight ? A(1.0 / (double)call.rows) : total == 0 ? A(1) : A(total);
    }
    MLPCORE_DEVICE A operator()(int64_t row) const { return weight ? weight[row] / scale : scale; }
};

template <class S>
MLPCORE_DEVICE void loss_weights(const Call& call) {
    each_member(call, [&](int64_t member) {
        const Computed<S>* weight = call.array<Computed<S>>(2, member);
        double sum = 0;
        for (int64_t row = threadIdx.x; row < call.rows; row += blockDim.x)
            sum += (double)weight[row];
        sum = block_sum(sum);
        if (threadIdx.x == 0) *call.array<double>(6, member) = sum;
    });
}

MLPCORE_DEVICE void store_share(const Call& call, int64_t member, double sum) {
    const Team warp(warp_size);
    sum = warp.sum(sum);
    if (warp.lane() == 0) call.array<double>(5, member)[thread_index() / warp_size] = sum;
}

template <class S>
MLPCORE_DEVICE void loss_total(const Call& call) {
    each_member(call, [&](int64_t member) {
        double sum = 0;
        for (int64_t part = threadIdx.x; part < call.parts; part += blockDim.x)
            sum += call.array<double>(5, member)[part];
        sum = block_sum(sum);
        if (threadIdx.x == 0) *call.array<Computed<S>>(3, member) = Computed<S>(sum);
    });
}

// A loss that is a sum over the elements.
template <template <class> class F, class S>
MLPCORE_DEVICE void elementwise_loss(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const F<A> f(Values<1>(call, member));
        const Shares<A> shares(call, member);
        const S *z = call.array<S>(0, member), *target = call.array<S>(1, member);
        S* dz = call.array<S>(4, member);
        double sum = 0;
        each_column<S>(
            call, 0, aligned(z, target, dz), [&](Chunk<S> columns, int64_t part, int64_t parts) {
                for (int64_t row = part; row < call.rows; row += parts) {
                    const Chunk<S> here = columns.moved(row * call.columns);
                    const A share = shares(row);
                    const auto in = here.load(z), y = here.load(target);
                    MLPCORE_UNROLL
                    for (int j = 0; j < Chunk<S>::size; ++j)
                        if (j < here.count && share != A(0))
                            sum += (double)(share * f.value(A(in[j]), A(y[j])));
                    if (dz)
                        here.store(dz, [&](int j) {
                            return share == A(0) ? A(0) : share * f.gradient(A(in[j]), A(y[j]));
                        });
                }
            });
        store_share(call, member, sum);
    });
}

// Target: one label for each row, or a distribution over the columns.
template <bool Labels, class S>
MLPCORE_DEVICE void softmax_cross_entropy(const Call& call) {
    using A = Computed<S>;
    const int64_t k = call.columns;
    const Team team(call.team);
    each_member(call, [&](int64_t member) {
        const SoftmaxCrossEntropy<A> f(Values<1>(call, member), k);
        const Shares<A> shares(call, member);
        const S *z = call.array<S>(0, member), *target = Labels ? z : call.array<S>(1, member);
        const int64_t* labels = call.array<int64_t>(1, member);
        S* dz = call.array<S>(4, member);
        const bool packed = aligned(z, target, dz);
        double sum = 0;
        team.each_row(call.rows, [&](int64_t row, bool live) {
            const RowExponentials<A> e(team, z + row * k, k, packed);
            const A log_total = logarithm_of(e.total), share = shares(row);
            const int64_t label = Labels ? labels[row] : 0;
            A loss = A(0);
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto in = here.load(z), y = here.load(target);
                auto q = [&](int j) {
                    return f.target(Labels ? A(columns.start + j == label) : A(y[j]));
                };
                MLPCORE_UNROLL
                for (int j = 0; j < Chunk<S>::size; ++j)
                    if (j < here.count) loss += f.value(q(j), (A(in[j]) - e.top) - log_total);
                if (dz && live)
                    here.store(dz, [&](int j) {
                        const A p = exponential_nonpositive(A(in[j]) - e.top) / e.total;
                        return share == A(0) ? A(0) : share * f.gradient(p, q(j));
                    });
            });
            loss = team.sum(loss);
            if (live && team.lane() == 0 && share != A(0)) sum += (double)(share * loss);
        });
        store_share(call, member, sum);
    });
}

MLPCORE_END

using namespace mlpcore;

#define LOSS(name, F) KERNEL(name, 256, elementwise_loss<F, Storage>)

KERNEL(loss_weights, 1024, loss_weights<Storage>)
KERNEL(loss_total, 1024, loss_total<Storage>)
KERNEL(softmax_cross_entropy, 256, softmax_cross_entropy<false, Storage>)
KERNEL(softmax_cross_entropy_labels, 256, softmax_cross_entropy<true, Storage>)
LOSS(sigmoid_binary_cross_entropy, SigmoidBinaryCrossEntropy)
LOSS(squared_error, SquaredError)
LOSS(absolute_error, AbsoluteError)
LOSS(huber, Huber)
LOSS(poisson_nll, PoissonNll)
