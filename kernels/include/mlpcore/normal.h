// The standard normal distribution function and its density, accurate far into the tails.
#pragma once

#include "mlpcore/exponential.h"

MLPCORE_BEGIN

// (1 + 2z) e^(z^2) erfc(z) for z >= 0, a polynomial in t = (z - 15/4) / (z + 15/4).
// Source: Shepherd & Laframboise (1981), "Chebyshev approximation of (1+2x) exp(x^2) erfc x".
template <class T>
MLPCORE_HD T scaled_erfc(T t) {
    constexpr double c[] = {
        -7.6662098121208806502e-11, -3.7587308190077815466e-11, 9.2348677169323753464e-10,
        5.4606574826389775241e-10,  -6.6068294803184940045e-9,  -4.3902519454418637144e-9,
        4.1073989376857516499e-8,   2.429131177527820221e-8,    -2.6125820989232065848e-7,
        -5.8264397670123509245e-8,  1.753524629871837543e-6,    -9.7284849526367956491e-7,
        -1.1445089837950270223e-5,  2.2383911531916151356e-5,   5.1649421745236705799e-5,
        -2.9015397913224835735e-4,  2.9371359159349196775e-4,   1.7556258323895533601e-3,
        -9.7465795471454374902e-3,  2.8362277421519669183e-2,   -5.8693398590589289914e-2,
        9.230432116019804538e-2,    -1.0880393014170555161e-1,  8.2276738490151033556e-2,
        3.5854154854636558578e-3,   -1.4024059858554701847e-1,  1.2375126308378275819};
    T p = T(c[0]);
    MLPCORE_UNROLL
    for (int i = 1; i < 27; ++i) p = p * t + T(c[i]);
    return p;
}

// e^(-x^2/2) with the square split in two, so that its rounding error is not exponentiated.
template <class T>
MLPCORE_HD T gaussian(T x) {
    using Bits = typename Real<T>::Bits;
    x = x > T(40) ? T(40) : x < T(-40) ? T(-40) : x;  // beyond, 0 in either precision
    const Bits kept = ~(Bits)0 << (Real<T>::mantissa_bits / 2 + 1);
    const T high = from_bits((Bits)(bits_of(x) & kept));
    const T low = T(-0.5) * (x - high) * (x + high);
    return exponential_of(T(-0.5) * high * high) * exponential_of(low);
}

// Phi(x) from x and e^(-x^2/2).
template <class T>
MLPCORE_HD T normal_cdf(T x, T gaussian_of_x) {
    const T magnitude = sign_bit_cleared(x);
    const T z = (magnitude > T(1e10) ? T(1e10) : magnitude) * T(0.70710678118654752440);
    const T t = (z - T(3.75)) / (z + T(3.75));
    const T tail = T(0.5) * gaussian_of_x * scaled_erfc(t) / (T(1) + T(2) * z);
    return x > T(0) ? T(1) - tail : tail;
}

// phi(x) / e^(-x^2/2)
template <class T>
MLPCORE_HD T inverse_root_two_pi() {
    return T(0.39894228040143267794);
}

MLPCORE_END
