// The updates over the flat parameters, one pass each, and the gradient's norm.

#include "cuda/grid.h"
#include "mlpcore/updates.h"

MLPCORE_BEGIN

// A rule and what all rules share, of one member.
template <template <class> class Rule, class A>
struct Update {
    Rule<A> rule;
    Preparation<A> prepare;
    A rate, decay;
    bool plain;  // the gradient is taken as it is

    MLPCORE_DEVICE Update(const Value* p, const A* norm)
        : rule(p),
          prepare(A(p[l2].real), A(p[clip_value].real),
                  norm && *norm > A(p[clip_norm].real) ? A(p[clip_norm].real) / *norm : A(1)),
          rate(A(p[learning_rate].real)),
          decay(A(p[weight_decay].real)),
          plain(p[l2].real == 0 && p[weight_decay].real == 0 &&
                !limits(p[clip_value].real) && !norm) {}
};

// inputs theta, g, mask or none, norm or none, two states; outputs theta, the states, and where it
// is wanted a copy of theta in the storage type, for the products.
template <template <class> class Rule, class S>
MLPCORE_DEVICE void update(const Call& call) {
    using A = Computed<S>;
    constexpr int states = Rule<A>::states, size = Chunk<S>::size;
    alignas(16) __shared__ char shared[sizeof(Update<Rule, A>)];
    each_member(call, [&](int64_t member) {
        // Once a block: most GPUs are slow at the bias corrections' float64.
        if (threadIdx.x == 0)
            *(Update<Rule, A>*)shared =
                Update<Rule, A>(Values<10>(call, member), call.array<A>(3, member));
        __syncthreads();
        const Update<Rule, A> u = *(const Update<Rule, A>*)shared;
        const A *theta = call.array<A>(0, member), *g = call.array<A>(1, member);
        const A* mask = u.plain ? nullptr : call.array<A>(2, member);
        const A *first = call.array<A>(4, member), *second = call.array<A>(5, member);
        A *theta_out = call.array<A>(6, member), *first_out = call.array<A>(7, member);
        A* second_out = call.array<A>(8, member);
        S* copy = call.array<S>(9, member);
        const bool packed =
            aligned(theta, g, mask, first, second, theta_out, first_out, second_out, copy);
        each_chunk<S>(call.rows * call.columns, packed, [&](Chunk<S> here) {
            const auto old = here.load(theta), gradient = here.load(g);
            Pack<A, size> weight = {}, s = {}, t = {}, next;
            if (mask) weight = here.load(mask);
            if (states > 0) s = here.load(first);
            if (states > 1) t = here.load(second);
            MLPCORE_UNROLL
            for (int j = 0; j < size; ++j) {
                const A w = mask ? weight[j] : A(1);
                A d = u.plain ? gradient[j] : u.prepare(gradient[j], old[j], w);
                d = u.rule.direction(d, s.item[j], t.item[j]);
                if (!u.plain) d += u.decay * (w * old[j]);
                next.item[j] = old[j] - u.rate * d;
            }
            here.store(theta_out, [&](int j) { return next[j]; });
            if (states > 0) here.store(first_out, [&](int j) { return s[j]; });
            if (states > 1) here.store(second_out, [&](int j) { return t[j]; });
            if (copy) here.store(copy, [&](int j) { return next[j]; });
        });
        __syncthreads();
    });
}

// scale^2 sum is a sum of squares that does not overflow.
struct Squares {
    double scale, sum;
    MLPCORE_DEVICE void merge(const Squares& other) {
        const bool larger = other.scale > scale;
        const double high = larger ? other.scale : scale, low = larger ? scale : other.scale;
        const double ratio = high == 0 ? 0 : low / high;
        sum = larger ? other.sum + ratio * ratio * sum : sum + ratio * ratio * other.sum;
        scale = high;
    }
    // float64 has the range for the squares of float32.
    MLPCORE_DEVICE void add(float x) { scale = 1, sum += (double)x * (double)x; }
    MLPCORE_DEVICE void add(double x) {
        x = sign_bit_cleared(x);
        const double top = x > 1.7976931348623157e308 ? 1.7976931348623157e308 : x;
        if (x != 0) merge(Squares{x == x ? top : 1, x == x ? (x / top) * (x / top) : x});
    }
    MLPCORE_DEVICE static Squares of_warp(const Team& warp, const Squares& own) {
        Squares all = own;
        for (int distance = warp.size / 2; distance > 0; distance /= 2)
            all.merge(Squares{__shfl_xor_sync(0xFFFFFFFFu, all.scale, distance),
                              __shfl_xor_sync(0xFFFFFFFFu, all.sum, distance)});
        return all;
    }
};

// inputs g, theta, mask or none; outputs the norm; parameters l2, clip_value; scratch: the warps'
// squares
template <class S>
MLPCORE_DEVICE void gradient_norm(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const Values<2> values(call, member);
        const Preparation<A> prepare(A(values[0].real), A(values[1].real), A(1));
        const A *g = call.array<A>(0, member), *mask = call.array<A>(2, member);
        const A* theta = prepare.l2 == A(0) ? nullptr : call.array<A>(1, member);
        Squares squares = {0, 0};
        each_chunk<A>(call.rows * call.columns, aligned(g, theta, mask), [&](Chunk<A> here) {
            const auto gradient = here.load(g);
            Pack<A, Chunk<A>::size> at = {}, weight = {};
            if (theta) at = here.load(theta);
            if (mask) weight = here.load(mask);
            MLPCORE_UNROLL
            for (int j = 0; j < Chunk<A>::size; ++j)
                if (j < here.count)
                    squares.add(prepare(gradient[j], at[j], mask ? weight[j] : A(1)));
        });
        const Team warp(warp_size);
        squares = Squares::of_warp(warp, squares);
        if (warp.lane() == 0) call.array<Squares>(4, member)[thread_index() / warp_size] = squares;
    });
}

template <class S>
MLPCORE_DEVICE void gradient_norm_total(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        Squares squares = {0, 0};
        for (int64_t part = threadIdx.x; part < call.parts; part += blockDim.x)
            squares.merge(call.array<Squares>(4, member)[part]);
        squares = block_join(squares, Squares::of_warp);
        if (threadIdx.x == 0)
            *call.array<A>(3, member) = A(squares.scale * square_root(squares.sum));
    });
}

MLPCORE_END

using namespace mlpcore;

#define UPDATE(name, Rule) KERNEL(name, 256, update<Rule, Storage>)

#ifdef MLPCORE_ONLY
MLPCORE_EXPAND(UPDATE, MLPCORE_ONLY)
#else
UPDATE(sgd, Sgd)
UPDATE(momentum, Momentum)
UPDATE(nesterov, Nesterov)
UPDATE(rmsprop, Rmsprop)
UPDATE(adagrad, Adagrad)
UPDATE(adam, Adam)
KERNEL(gradient_norm, 256, gradient_norm<Storage>)
KERNEL(gradient_norm_total, 1024, gradient_norm_total<Storage>)
#endif
