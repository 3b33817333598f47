// The two arithmetic types: their layout, and their bits.
#pragma once

#include "mlpcore/platform.h"

MLPCORE_BEGIN

template <class T>
struct Real;

template <>
struct Real<float> {
    using Bits = uint32_t;
    static constexpr int mantissa_bits = 23;
    static constexpr Bits exponent_bias = 127;
    static constexpr float integer_magic =
        12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    static constexpr float exp_low = -105.0f, exp_high = 89.0f;
    static constexpr float log2_e = 1.44269504f;
    static constexpr float ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
};

template <>
struct Real<double> {
    using Bits = uint64_t;
    static constexpr int mantissa_bits = 52;
    static constexpr Bits exponent_bias = 1023;
    static constexpr double integer_magic = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double exp_low = -746.0, exp_high = 710.0;
    static constexpr double log2_e = 1.4426950408889634;
    static constexpr double ln2_high = 6.93147180369123816490e-01;
    static constexpr double ln2_low = 1.90821492927058770002e-10;
};

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
MLPCORE_HD uint32_t bits_of(float x) {
    return __float_as_uint(x);
}
MLPCORE_HD uint64_t bits_of(double x) {
    return (uint64_t)__double_as_longlong(x);
}
MLPCORE_HD float from_bits(uint32_t bits) {
    return __uint_as_float(bits);
}
MLPCORE_HD double from_bits(uint64_t bits) {
    return __longlong_as_double((long long)bits);
}
#else
MLPCORE_HD uint32_t bits_of(float x) {
    return __builtin_bit_cast(uint32_t, x);
}
MLPCORE_HD uint64_t bits_of(double x) {
    return __builtin_bit_cast(uint64_t, x);
}
MLPCORE_HD float from_bits(uint32_t bits) {
    return __builtin_bit_cast(float, bits);
}
MLPCORE_HD double from_bits(uint64_t bits) {
    return __builtin_bit_cast(double, bits);
}
#endif

template <class T>
MLPCORE_HD T sign_bit_cleared(T x) {
    using Bits = typename Real<T>::Bits;
    return from_bits((Bits)((bits_of(x) << 1) >> 1));
}

template <class T>
MLPCORE_HD T with_sign_of(T magnitude, T sign) {
    using Bits = typename Real<T>::Bits;
    const Bits mask = (Bits)1 << (sizeof(T) * 8 - 1);
    return from_bits((Bits)(bits_of(magnitude) | (bits_of(sign) & mask)));
}

// 2^n for an integer n that has been added to `integer_magic`: its low bits hold n.
template <class T>
MLPCORE_HD T power_of_two(T magic_plus_n) {
    using Bits = typename Real<T>::Bits;
    return from_bits(
        (Bits)((bits_of(magic_plus_n) + Real<T>::exponent_bias) << Real<T>::mantissa_bits));
}

MLPCORE_HD float square_root(float x) {
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
    return sqrtf(x);
#else
    return __builtin_sqrtf(x);
#endif
}
MLPCORE_HD double square_root(double x) {
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
    return sqrt(x);
#else
    return __builtin_sqrt(x);
#endif
}

MLPCORE_END
