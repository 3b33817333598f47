// exp, expm1, log and log1p without branches, so that a loop over them becomes SIMD code.
#pragma once

#include "mlpcore/real.h"

MLPCORE_BEGIN

// (e^r - 1 - r) / r^2 for |r| <= ln(2)/2, to half a unit in the last place of e^r.
MLPCORE_HD float exp_remainder(float r) {
    float q = 1.98909908e-4f;
    q = q * r + 1.39336500e-3f;
    q = q * r + 8.33331093e-3f;
    q = q * r + 4.16664649e-2f;
    q = q * r + 1.66666667e-1f;
    return q * r + 0.500000001f;
}
MLPCORE_HD double exp_remainder(double r) {
    double q = 2.09146869680868772e-9;
    q = q * r + 2.51052170047207452e-8;
    q = q * r + 2.75572736431102953e-7;
    q = q * r + 2.75572554002064244e-6;
    q = q * r + 2.48015873255477412e-5;
    q = q * r + 1.98412698748206253e-4;
    q = q * r + 1.38888888888837483e-3;
    q = q * r + 8.33333333332613513e-3;
    q = q * r + 4.16666666666666698e-2;
    q = q * r + 1.66666666666666710e-1;
    return q * r + 0.5;
}

// e^r - 1 for |r| <= ln(2)/2.
template <class T>
MLPCORE_HD T expm1_near_zero(T r) {
    return r + r * r * exp_remainder(r);
}

// x = n ln 2 + r: returns r and sets n, both to full precision (Cody & Waite).
template <class T>
MLPCORE_HD T reduce(T x, T& n) {
    using R = Real<T>;
    n = (x * R::log2_e + R::integer_magic) - R::integer_magic;
    return (x - n * R::ln2_high) - n * R::ln2_low;
}

// e^x; the power of two is applied in halves, so that subnormal results are rounded once.
template <class T>
MLPCORE_HD T exponential_of(T x) {
    using R = Real<T>;
    x = x < R::exp_low ? R::exp_low : x;
    x = x > R::exp_high ? R::exp_high : x;
    T n;
    const T r = reduce(x, n);
    const T p = T(1) + expm1_near_zero(r);
    const T half = n * T(0.5) + R::integer_magic;
    const T rest = (n - (half - R::integer_magic)) + R::integer_magic;
    return p * power_of_two(half) * power_of_two(rest);
}

// e^x for x <= 0, with the same bits: the power of two fits in one factor once it is moved up.
template <class T>
MLPCORE_HD T exponential_nonpositive(T x) {
    using R = Real<T>;
    x = x < R::exp_low ? R::exp_low : x;
    T n;
    const T r = reduce(x, n);
    const T p = T(1) + expm1_near_zero(r);
    return p * power_of_two(n + (R::integer_magic + T(64))) * T(0x1p-64);
}

// e^x - 1 for x <= 0.
template <class T>
MLPCORE_HD T expm1_nonpositive(T x) {
    using R = Real<T>;
    const T floor = R::exp_low * T(0.5);
    x = x < floor ? floor : x;
    T n;
    const T r = reduce(x, n);
    const T p = expm1_near_zero(r);
    const T scale = power_of_two(n + R::integer_magic);
    const T y = scale * p + (scale - T(1));
    return x == T(0) ? x : y;  // keeps the sign of zero
}

// (log(1 + f) - s f + ...) of fdlibm: log(1 + f) = f - (f^2/2 - s (f^2/2 + R(s^2))), s = f/(2 + f).
MLPCORE_HD float log_remainder(float z) {
    const float w = z * z;
    return z * (0.66666662693f + w * 0.28498786688f) + w * (0.40000972152f + w * 0.24279078841f);
}
MLPCORE_HD double log_remainder(double z) {
    const double w = z * z;
    const double odd = w * (3.999999999940941908e-01 +
                            w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    const double even = z * (6.666666666666735130e-01 +
                             w * (2.857142874366239149e-01 +
                                  w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    return odd + even;
}

// log(x + correction) for a normal x > 0 and a correction below half a unit in x's last place.
template <class T>
MLPCORE_HD T log_with_correction(T x, T correction) {
    using R = Real<T>;
    using Bits = typename R::Bits;
    const Bits one = R::exponent_bias << R::mantissa_bits;
    const Bits root_half = bits_of(T(0.70710678118654752));
    const Bits exponent = (bits_of(x) + (one - root_half)) >> R::mantissa_bits;  // biased
    const T unit = (T)((Bits)1 << R::mantissa_bits);
    const T k = (from_bits((Bits)(bits_of(unit) | exponent)) - unit) - T(R::exponent_bias);
    const T f =
        from_bits((Bits)(bits_of(x) - ((exponent - R::exponent_bias) << R::mantissa_bits))) - T(1);
    const T s = f / (T(2) + f);
    const T half_square = T(0.5) * f * f;
    const T tail = s * (half_square + log_remainder(s * s)) + (k * R::ln2_low + correction / x);
    const T y = k * R::ln2_high - ((half_square - tail) - f);
    return x - x == T(0) ? y : x;  // inf and NaN pass
}

template <class T>
MLPCORE_HD T logarithm_of(T x) {
    return log_with_correction(x, T(0));
}

// log(1 + x) for x >= 0.
template <class T>
MLPCORE_HD T log1p_nonnegative(T x) {
    const T u = T(1) + x;
    return log_with_correction(u, x > T(1) ? T(1) - (u - x) : x - (u - T(1)));
}

MLPCORE_END
