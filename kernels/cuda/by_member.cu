// For each member an activation of its own.

#include "cuda/grid.h"
#include "mlpcore/activations.h"

MLPCORE_BEGIN

// In the order of mlpcore/functions/activations/by_member.py.
#define MLPCORE_CHOICES(DO) \
    DO(0, Identity)         \
    DO(1, Step)             \
    DO(2, Sigmoid)          \
    DO(3, Tanh)             \
    DO(4, Relu)             \
    DO(5, LeakyRelu)        \
    DO(6, Elu)              \
    DO(7, Selu)             \
    DO(8, Gelu)             \
    DO(9, GeluTanh)         \
    DO(10, Silu)            \
    DO(11, Mish)            \
    DO(12, Softplus)        \
    DO(13, HardSigmoid)     \
    DO(14, HardTanh)        \
    DO(15, Exponential)

// inputs x; outputs y
template <template <class> class F, class S>
MLPCORE_DEVICE void value_of_member(const Call& call, int64_t member, const Value* own) {
    using A = Computed<S>;
    const F<A> f(own);
    const S* x = call.array<S>(0, member);
    S* y = call.array<S>(1, member);
    each_chunk<S>(call.rows * call.columns, aligned(x, y), [&](Chunk<S> here) {
        const auto in = here.load(x);
        here.store(y, [&](int j) { return f.value(A(in[j])); });
    });
}

// inputs dy, x, y; outputs dx
template <template <class> class F, class S>
MLPCORE_DEVICE void derivative_of_member(const Call& call, int64_t member, const Value* own) {
    using A = Computed<S>;
    const F<A> f(own);
    const S *dy = call.array<S>(0, member), *x = call.array<S>(1, member);
    const S* y = call.array<S>(2, member);
    S* dx = call.array<S>(3, member);
    each_chunk<S>(call.rows * call.columns, aligned(dy, x, y, dx), [&](Chunk<S> here) {
        const auto slope = here.load(dy), in = here.load(x), out = here.load(y);
        here.store(dx, [&](int j) { return f.backward(A(slope[j]), A(in[j]), A(out[j])); });
    });
}

// parameters choice, and that of the activation
template <class S>
MLPCORE_DEVICE void activation_by_member(const Call& call) {
    each_member(call, [&](int64_t member) {
        const Values<2> own(call, member);
        switch (own.value[0].integer) {
#define MLPCORE_CHOICE(number, F) \
    case number:                  \
        return value_of_member<F, S>(call, member, own.value + 1);
            MLPCORE_CHOICES(MLPCORE_CHOICE)
#undef MLPCORE_CHOICE
        }
    });
}

template <class S>
MLPCORE_DEVICE void activation_by_member_backward(const Call& call) {
    each_member(call, [&](int64_t member) {
        const Values<2> own(call, member);
        switch (own.value[0].integer) {
#define MLPCORE_CHOICE(number, F) \
    case number:                  \
        return derivative_of_member<F, S>(call, member, own.value + 1);
            MLPCORE_CHOICES(MLPCORE_CHOICE)
#undef MLPCORE_CHOICE
        }
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(activation_by_member, 256, activation_by_member<Storage>)
KERNEL(activation_by_member_backward, 256, activation_by_member_backward<Storage>)
