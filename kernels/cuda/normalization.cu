// Batch and layer normalization, normalization by given statistics, running averages.

#include "cuda/grid.h"
#include "mlpcore/normalization.h"

MLPCORE_BEGIN

template <class S>
MLPCORE_DEVICE void normalize_columns(const Call& call, int64_t member, int mean_at,
                                      int variance_at, int y_at) {
    using A = Computed<S>;
    const A epsilon = A(Values<1>(call, member)[0].real);
    const S* x = call.array<S>(0, member);
    const A *gamma = call.array<A>(1, member), *beta = call.array<A>(2, member);
    const A *mean = call.array<A>(mean_at, member), *variance = call.array<A>(variance_at, member);
    S* y = call.array<S>(y_at, member);
    const bool packed = aligned(x, gamma, beta, mean, variance, y);
    each_column<S>(call, 0, packed, [&](Chunk<S> columns, int64_t part, int64_t parts) {
        const auto m = columns.load(mean), v = columns.load(variance, A(1));
        const auto g = columns.load(gamma), b = columns.load(beta);
        A scale[Chunk<S>::size];
        MLPCORE_UNROLL
        for (int j = 0; j < Chunk<S>::size; ++j) scale[j] = g[j] * inverse_deviation(v[j], epsilon);
        for (int64_t row = part; row < call.rows; row += parts) {
            const Chunk<S> here = columns.moved(row * call.columns);
            const auto in = here.load(x);
            here.store(y,
                       [&](int j) { return normalize_of(A(in[j]), m[j], A(1), scale[j], b[j]); });
        }
    });
}

// inputs x, gamma, beta, mean, variance; outputs y; parameter epsilon
template <class S>
MLPCORE_DEVICE void normalize(const Call& call) {
    each_member(call, [&](int64_t member) { normalize_columns<S>(call, member, 3, 4, 5); });
}

// inputs x, gamma, beta; outputs y, mean, variance; parameter epsilon
template <class S>
MLPCORE_DEVICE void batch_norm(const Call& call) {
    each_member(call, [&](int64_t member) { normalize_columns<S>(call, member, 4, 5, 3); });
}

// Mean and variance of so many numbers.
// Source: Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance", eq. 2.1.
template <class A>
struct Moments {
    A count, mean, variance;
    MLPCORE_DEVICE void merge(const Moments& other) {
        if (other.count == A(0)) return;
        const A total = count + other.count, share = other.count / total,
                distance = other.mean - mean;
        mean += distance * share;
        variance +=
            (other.variance - variance) * share + distance * distance * share * (A(1) - share);
        count = total;
    }
};

// The mean and variance of the columns, or where there are several parts, of each part.
// Source: Welford (1962), "Note on a method for calculating corrected sums of squares and
// products".
template <class S>
MLPCORE_DEVICE void batch_norm_statistics(const Call& call) {
    using A = Computed<S>;
    constexpr int size = Chunk<S>::size;
    each_member(call, [&](int64_t member) {
        const S* x = call.array<S>(0, member);
        A *mean = call.array<A>(4, member), *variance = call.array<A>(5, member);
        A *means = call.array<A>(6, member), *variances = call.array<A>(7, member);
        const bool packed = aligned(x, mean, variance, means, variances);
        each_column<S>(
            call, call.parts, packed, [&](Chunk<S> columns, int64_t part, int64_t parts) {
                A m[size] = {}, squares[size] = {}, count = A(0);
#pragma unroll 4
                for (int64_t row = part; row < call.rows; row += parts) {
                    const auto in = columns.moved(row * call.columns).load(x);
                    count += A(1);
                    const A share = A(1) / count;
                    MLPCORE_UNROLL
                    for (int j = 0; j < size; ++j) {
                        const A distance = A(in[j]) - m[j];
                        m[j] += distance * share;
                        squares[j] += distance * (A(in[j]) - m[j]);
                    }
                }
                MLPCORE_UNROLL
                for (int j = 0; j < size; ++j) squares[j] /= count;
                store_part(columns, call.columns, part, parts, mean, means, m);
                store_part(columns, call.columns, part, parts, variance, variances, squares);
            });
    });
}

template <class S>
MLPCORE_DEVICE void batch_norm_statistics_total(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        A *mean = call.array<A>(4, member), *variance = call.array<A>(5, member);
        const A *means = call.array<A>(6, member), *variances = call.array<A>(7, member);
        join_parts<Moments<A>>(
            call.columns, call.parts,
            [&](int64_t part, int64_t column) {
                const int64_t i = part * call.columns + column;
                return Moments<A>{A((call.rows - part + call.parts - 1) / call.parts), means[i],
                                  variances[i]};
            },
            [&](int64_t column, const Moments<A>& all) {
                mean[column] = all.mean, variance[column] = all.variance;
            });
    });
}

// The sums dgamma = sum dy x^ and dbeta = sum dy over the rows of both backwards.
// inputs dy, x, gamma, mean, variance; outputs dx, dgamma, dbeta; scratch: the sums of the parts
template <bool Rows, class S>
MLPCORE_DEVICE void norm_backward_sums(const Call& call) {
    using A = Computed<S>;
    constexpr int size = Chunk<S>::size;
    each_member(call, [&](int64_t member) {
        const A epsilon = A(Values<1>(call, member)[0].real);
        const S *dy = call.array<S>(0, member), *x = call.array<S>(1, member);
        const A *mean = call.array<A>(3, member), *variance = call.array<A>(4, member);
        A *dgamma = call.array<A>(6, member), *dbeta = call.array<A>(7, member);
        A *gains = call.array<A>(8, member), *shifts = call.array<A>(9, member);
        const bool packed =
            aligned(dy, x, dgamma, dbeta, gains, shifts) && (Rows || aligned(mean, variance));
        each_column<S>(
            call, call.parts, packed, [&](Chunk<S> columns, int64_t part, int64_t parts) {
                A gain[size] = {}, shift[size] = {}, m[size] = {}, inverse[size] = {};
                if (!Rows) {
                    const auto of_mean = columns.load(mean),
                               of_variance = columns.load(variance, A(1));
                    MLPCORE_UNROLL
                    for (int j = 0; j < size; ++j)
                        m[j] = of_mean[j], inverse[j] = inverse_deviation(of_variance[j], epsilon);
                }
#pragma unroll 4
                for (int64_t row = part; row < call.rows; row += parts) {
                    const Chunk<S> here = columns.moved(row * call.columns);
                    const auto slope = here.load(dy), in = here.load(x);
                    const A of_row = Rows ? inverse_deviation(variance[row], epsilon) : A(0);
                    MLPCORE_UNROLL
                    for (int j = 0; j < size; ++j) {
                        const A d = A(slope[j]);
                        shift[j] += d;
                        gain[j] += d * normalized(A(in[j]), Rows ? mean[row] : m[j],
                                                  Rows ? of_row : inverse[j]);
                    }
                }
                store_part(columns, call.columns, part, parts, dgamma, gains, gain);
                store_part(columns, call.columns, part, parts, dbeta, shifts, shift);
            });
    });
}

// dx, behind the sums. inputs dy, x, gamma, mean, variance; outputs dx, dgamma, dbeta
template <class S>
MLPCORE_DEVICE void batch_norm_backward(const Call& call) {
    using A = Computed<S>;
    constexpr int size = Chunk<S>::size;
    each_member(call, [&](int64_t member) {
        const A epsilon = A(Values<1>(call, member)[0].real), count = A(call.rows);
        const S *dy = call.array<S>(0, member), *x = call.array<S>(1, member);
        const A *gamma = call.array<A>(2, member), *mean = call.array<A>(3, member);
        const A* variance = call.array<A>(4, member);
        const A *dgamma = call.array<A>(6, member), *dbeta = call.array<A>(7, member);
        S* dx = call.array<S>(5, member);
        const bool packed = aligned(dy, x, gamma, mean, variance, dx, dgamma, dbeta);
        each_column<S>(call, 0, packed, [&](Chunk<S> columns, int64_t part, int64_t parts) {
            const auto m = columns.load(mean), v = columns.load(variance, A(1)),
                       g = columns.load(gamma);
            const auto gain = columns.load(dgamma), shift = columns.load(dbeta);
            A inverse[size];
            MLPCORE_UNROLL
            for (int j = 0; j < size; ++j) inverse[j] = inverse_deviation(v[j], epsilon);
            for (int64_t row = part; row < call.rows; row += parts) {
                const Chunk<S> here = columns.moved(row * call.columns);
                const auto slope = here.load(dy), in = here.load(x);
                here.store(dx, [&](int j) {
                    return normalize_backward(A(slope[j]), normalized(A(in[j]), m[j], inverse[j]),
                                              g[j] * inverse[j], shift[j] / count, gain[j] / count);
                });
            }
        });
    });
}

// inputs x, gamma, beta; outputs y, mean, variance (of the rows); parameter epsilon
template <class S>
MLPCORE_DEVICE void layer_norm(const Call& call) {
    using A = Computed<S>;
    constexpr int size = Chunk<S>::size;
    const int64_t k = call.columns;
    const Team team(call.team);
    each_member(call, [&](int64_t member) {
        const A epsilon = A(Values<1>(call, member)[0].real);
        const S* x = call.array<S>(0, member);
        const A *gamma = call.array<A>(1, member), *beta = call.array<A>(2, member);
        S* y = call.array<S>(3, member);
        A *means = call.array<A>(4, member), *variances = call.array<A>(5, member);
        const bool packed = aligned(x, gamma, beta, y);
        team.each_row(call.rows, [&](int64_t row, bool live) {
            A mean = A(0), variance = A(0);
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const auto in = columns.moved(row * k).load(x);
                MLPCORE_UNROLL
                for (int j = 0; j < size; ++j) mean += j < columns.count ? A(in[j]) : A(0);
            });
            mean = team.sum(mean) / A(k);
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const auto in = columns.moved(row * k).load(x);
                MLPCORE_UNROLL
                for (int j = 0; j < size; ++j)
                    variance += j < columns.count ? (A(in[j]) - mean) * (A(in[j]) - mean) : A(0);
            });
            variance = team.sum(variance) / A(k);
            if (!live) return;
            if (team.lane() == 0) means[row] = mean, variances[row] = variance;
            const A inverse = inverse_deviation(variance, epsilon);
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto in = here.load(x);
                const auto g = columns.load(gamma), b = columns.load(beta);
                here.store(
                    y, [&](int j) { return normalize_of(A(in[j]), mean, inverse, g[j], b[j]); });
            });
        });
    });
}

// dx; the columns' part is norm_backward_sums. inputs dy, x, gamma, mean, variance; outputs dx,
// dgamma, dbeta
template <class S>
MLPCORE_DEVICE void layer_norm_backward(const Call& call) {
    using A = Computed<S>;
    constexpr int size = Chunk<S>::size;
    const int64_t k = call.columns;
    const Team team(call.team);
    each_member(call, [&](int64_t member) {
        const A epsilon = A(Values<1>(call, member)[0].real);
        const S *dy = call.array<S>(0, member), *x = call.array<S>(1, member);
        const A *gamma = call.array<A>(2, member), *means = call.array<A>(3, member);
        const A* variances = call.array<A>(4, member);
        S* dx = call.array<S>(5, member);
        const bool packed = aligned(dy, x, gamma, dx);
        team.each_row(call.rows, [&](int64_t row, bool live) {
            const A mean = means[row], inverse = inverse_deviation(variances[row], epsilon);
            A mean_h = A(0), mean_h_x = A(0);
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto slope = here.load(dy), in = here.load(x);
                const auto g = columns.load(gamma);
                MLPCORE_UNROLL
                for (int j = 0; j < size; ++j) {
                    const A h = j < columns.count ? A(slope[j]) * g[j] : A(0);
                    mean_h += h, mean_h_x += h * normalized(A(in[j]), mean, inverse);
                }
            });
            mean_h = team.sum(mean_h) / A(k), mean_h_x = team.sum(mean_h_x) / A(k);
            if (!live) return;
            team.each_chunk<S>(k, packed, [&](Chunk<S> columns) {
                const Chunk<S> here = columns.moved(row * k);
                const auto slope = here.load(dy), in = here.load(x);
                const auto g = columns.load(gamma);
                here.store(dx, [&](int j) {
                    return normalize_backward(A(slope[j]) * g[j],
                                              normalized(A(in[j]), mean, inverse), inverse, mean_h,
                                              mean_h_x);
                });
            });
        });
    });
}

// inputs running, value; outputs the new average; parameters momentum, scale
template <class S>
MLPCORE_DEVICE void running_average(const Call& call) {
    using A = Computed<S>;
    each_member(call, [&](int64_t member) {
        const Values<2> values(call, member);
        const A momentum = A(values[0].real), scale = A(values[1].real);
        const A *running = call.array<A>(0, member), *value = call.array<A>(1, member);
        A* out = call.array<A>(2, member);
        each_chunk<A>(call.rows * call.columns, aligned(running, value, out), [&](Chunk<A> here) {
            const auto before = here.load(running), now = here.load(value);
            here.store(
                out, [&](int j) { return running_average_of(before[j], now[j], momentum, scale); });
        });
    });
}

MLPCORE_END

using namespace mlpcore;

KERNEL(normalize, 256, normalize<Storage>)
KERNEL(batch_norm, 256, batch_norm<Storage>)
KERNEL(batch_norm_statistics, 256, batch_norm_statistics<Storage>)
KERNEL(batch_norm_statistics_total, 1024, batch_norm_statistics_total<Storage>)
KERNEL(batch_norm_backward_sums, 256, norm_backward_sums<false, Storage>)
KERNEL(batch_norm_backward, 256, batch_norm_backward<Storage>)
KERNEL(layer_norm, 256, layer_norm<Storage>)
KERNEL(layer_norm_backward, 256, layer_norm_backward<Storage>)
KERNEL(layer_norm_backward_sums, 256, norm_backward_sums<true, Storage>)
KERNEL(running_average, 256, running_average<Storage>)
