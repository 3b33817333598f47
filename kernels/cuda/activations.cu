// Activations: the bias added before, and the bias gradient summed behind, in the same pass.

#include "cuda/grid.h"
#include "mlpcore/activations.h"

MLPCORE_BEGIN

// inputs x, bias; outputs y = f(x + bias), and x + bias itself where a derivative will read it.
// The bias may be absent; then the matrix may be one row.
template <template <class> class F, class S>
MLPCORE_DEVICE void activation(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const F<A> f(Values<1>(call, member));
        const S* x = call.array<S>(0, member);
        const A* bias = call.array<A>(1, member);
        S *y = call.array<S>(2, member), *sum = call.array<S>(3, member);
        each_column<S>(
            call, 0, aligned(x, bias, y, sum), [&](Chunk<S> columns, int64_t part, int64_t parts) {
                Pack<A, Chunk<S>::size> b = {};
                if (bias) b = columns.load(bias);
                for (int64_t row = part; row < call.rows; row += parts) {
                    const Chunk<S> here = columns.moved(row * call.columns);
                    const auto in = here.load(x);
                    auto biased = [&](int j) { return bias ? S(A(in[j]) + b[j]) : in[j]; };
                    if (sum) here.store(sum, biased);
                    here.store(y, [&](int j) { return f.value(A(biased(j))); });
                }
            });
    });
}

// inputs dy, x, y; outputs dx, and its sum over the rows; scratch: the sums of the parts.
// Of x and y the derivative reads one at most; the sum may be absent, then the matrix may be one
// row.
template <template <class> class F, class S>
MLPCORE_DEVICE void activation_backward(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const F<A> f(Values<1>(call, member));
        const S* dy = call.array<S>(0, member);
        const S* at = F<A>::reads_x   ? call.array<S>(1, member)
                      : F<A>::reads_y ? call.array<S>(2, member)
                                      : dy;
        S* dx = call.array<S>(3, member);
        A *db = call.array<A>(4, member), *sums = call.array<A>(5, member);
        const bool packed = aligned(dy, at, dx, db, sums);
        each_column<S>(call, db ? call.parts : 0, packed,
                       [&](Chunk<S> columns, int64_t part, int64_t parts) {
                           A sum[Chunk<S>::size] = {};
                           for (int64_t row = part; row < call.rows; row += parts) {
                               const Chunk<S> here = columns.moved(row * call.columns);
                               const auto slope = here.load(dy), place = here.load(at);
                               here.store(dx, [&](int j) {
                                   const S d = S(f.backward(A(slope[j]), A(place[j]), A(place[j])));
                                   sum[j] += A(d);
                                   return d;
                               });
                           }
                           if (db) store_part(columns, call.columns, part, parts, db, sums, sum);
                       });
    });
}

MLPCORE_END

using namespace mlpcore;

#define ACTIVATION(name, F)                   \
    KERNEL(name, 256, activation<F, Storage>) \
    KERNEL(name##_backward, 256, activation_backward<F, Storage>)

#ifdef MLPCORE_ONLY
MLPCORE_EXPAND(ACTIVATION, MLPCORE_ONLY)
#else
ACTIVATION(identity, Identity)
ACTIVATION(step, Step)
ACTIVATION(sigmoid, Sigmoid)
ACTIVATION(tanh, Tanh)
ACTIVATION(relu, Relu)
ACTIVATION(leaky_relu, LeakyRelu)
ACTIVATION(elu, Elu)
ACTIVATION(selu, Selu)
ACTIVATION(gelu, Gelu)
ACTIVATION(gelu_tanh, GeluTanh)
ACTIVATION(silu, Silu)
ACTIVATION(mish, Mish)
ACTIVATION(softplus, Softplus)
ACTIVATION(hard_sigmoid, HardSigmoid)
ACTIVATION(hard_tanh, HardTanh)
ACTIVATION(exponential, Exponential)
#endif
