// The updates over the flat parameters, one pass each. The axis is the parameters.
// inputs theta, g, mask or none, norm or none, states; outputs theta, states
#pragma once

#include <algorithm>
#include <cmath>

#include "loops/elementwise.h"
#include "mlpcore/updates.h"

MLPCORE_BEGIN

template <template <class> class Rule, class T, bool Plain>
MLPCORE_HD void update_with(const Work& w) {
    constexpr int states = Rule<T>::states, out = 4 + states;
    const Rule<T> rule(w.values);
    const T rate = T(w.values[learning_rate].real), decay = T(w.values[weight_decay].real);
    const T *norm = w.array<T>(3), limit = T(w.values[clip_norm].real);
    const Preparation<T> prepare(T(w.values[l2].real), T(w.values[clip_value].real),
                                 norm && *norm > limit ? limit / *norm : T(1));
    const T *theta = w.array<T>(0), *g = w.array<T>(1), *mask = w.array<T>(2);
    const T* first = states > 0 ? w.array<T>(4) : g;
    const T* second = states > 1 ? w.array<T>(5) : g;
    T* theta_out = w.array<T>(out);
    T* first_out = states > 0 ? w.array<T>(out + 1) : theta_out;
    T* second_out = states > 1 ? w.array<T>(out + 2) : theta_out;
    MLPCORE_INDEPENDENT
    for (int64_t i = w.begin; i < w.end; ++i) {
        const T weight = Plain ? T(0) : mask ? mask[i] : T(1);
        T s = first[i], t = second[i];
        T d = rule.direction(Plain ? g[i] : prepare(g[i], theta[i], weight), s, t);
        if (!Plain) d += decay * (weight * theta[i]);
        if (states > 0) first_out[i] = s;
        if (states > 1) second_out[i] = t;
        theta_out[i] = theta[i] - rate * d;
    }
}

template <template <class> class Rule, class T>
void update(const Work& w) {
    const Value* p = w.values;
    const bool clipped = limits(p[clip_value].real) || w.arrays[3];
    if (p[l2].real == 0 && p[weight_decay].real == 0 && !clipped)
        update_with<Rule, T, true>(w);
    else
        update_with<Rule, T, false>(w);
}

// A part leaves a power of two near its largest magnitude and the sum of squares in units of it,
// which cannot overflow; units so small or large that they cannot be turned over are not needed.
// Memory is read once, in blocks short enough for the first cache and for sums in T: what earlier
// blocks came to is put into the units of a later one with a larger magnitude.
template <class T, class Magnitude>
MLPCORE_HD void sum_squares(const Work& w, const Magnitude& magnitude) {
    constexpr int width = 64 / (int)sizeof(T), largest_exponent = sizeof(T) == 4 ? 100 : 1000;
    constexpr int64_t block = 1024;
    // As integers, magnitudes are in the same order, and a vector's are compared at once.
    using Bits = typename Real<T>::Bits;
    Bits largest = 0;
    int unit = 0;
    double sum = 0;
    for (int64_t start = w.begin; start < w.end; start += block) {
        const int64_t end = start + block < w.end ? start + block : w.end;
        const int64_t whole = start + (end - start) / width * width;
        Bits top[width] = {};
        for (int64_t i = start; i < whole; i += width)
            for (int l = 0; l < width; ++l) top[l] = std::max(top[l], bits_of(magnitude(i + l)));
        for (int64_t i = whole; i < end; ++i) top[0] = std::max(top[0], bits_of(magnitude(i)));
        const Bits largest_here = *std::max_element(top, top + width);
        if (largest_here > largest) {
            largest = largest_here;
            const int before = unit, exponent = std::ilogb(from_bits(largest));
            unit = std::clamp(exponent, -largest_exponent, largest_exponent);
            sum = std::ldexp(sum, 2 * (before - unit));
        }
        const T inverse = std::ldexp(T(1), -unit);
        T lane[width] = {};
        for (int64_t i = start; i < whole; i += width)
            for (int l = 0; l < width; ++l) {
                const T q = magnitude(i + l) * inverse;
                lane[l] += q * q;
            }
        for (int l = 0; l < width; ++l) sum += (double)lane[l];
        for (int64_t i = whole; i < end; ++i) {
            const T q = magnitude(i) * inverse;
            sum += (double)(q * q);
        }
    }
    w.partial[0] = sum == 0 ? 0.0 : std::ldexp(1.0, unit), w.partial[1] = sum;
}

// inputs g, theta, mask or none; outputs the norm; parameters l2, clip_value
template <class T>
void gradient_norm(const Work& w) {
    const Preparation<T> prepare(T(w.values[0].real), T(w.values[1].real), T(1));
    const T *g = w.array<T>(0), *theta = w.array<T>(1), *mask = w.array<T>(2);
    if (prepare.l2 == T(0) && !limits(w.values[1].real))
        sum_squares<T>(w, [=](int64_t i) { return sign_bit_cleared(g[i]); });
    else
        sum_squares<T>(w, [=](int64_t i) {
            return sign_bit_cleared(
                prepare(g[i], prepare.l2 == T(0) ? T(0) : theta[i], mask ? mask[i] : T(1)));
        });
}

template <class T>
void gradient_norm_total(const Work& w) {
    double scale = 0, sum = 0;
    for (int part = 0; part < w.parts; ++part)
        if (w.partial[part * partial_size] > scale) scale = w.partial[part * partial_size];
    for (int part = 0; scale > 0 && part < w.parts; ++part) {
        const double ratio = w.partial[part * partial_size] / scale;
        sum += ratio * ratio * w.partial[part * partial_size + 1];
    }
    *w.array<T>(3) = T(scale * square_root(sum));
}

MLPCORE_END
