// A register's worth of numbers, for the product kernels; all other loops leave this to the
// compiler.
#pragma once

#include <string.h>

#include "loops/hints.h"
#include "mlpcore/real.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define MLPCORE_VECTOR_BYTES 64
#elif defined(__AVX__)
#define MLPCORE_VECTOR_BYTES 32
#else
#define MLPCORE_VECTOR_BYTES 16
#endif

MLPCORE_BEGIN

template <class T>
constexpr int lanes = MLPCORE_VECTOR_BYTES / (int)sizeof(T);

#if defined(__GNUC__)

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
    typedef float type __attribute__((vector_size(MLPCORE_VECTOR_BYTES)));
};
template <>
struct VectorOf<double> {
    typedef double type __attribute__((vector_size(MLPCORE_VECTOR_BYTES)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

#else

template <class T>
struct alignas(MLPCORE_VECTOR_BYTES) Vector {
    T lane[lanes<T>];
    friend MLPCORE_HD Vector operator*(T s, const Vector& v) {
        Vector r;
        for (int l = 0; l < lanes<T>; ++l) r.lane[l] = s * v.lane[l];
        return r;
    }
    MLPCORE_HD Vector& operator+=(const Vector& v) {
        for (int l = 0; l < lanes<T>; ++l) lane[l] += v.lane[l];
        return *this;
    }
};

#endif

template <class T>
MLPCORE_HD Vector<T> load(const T* p) {
    Vector<T> v;
    memcpy(&v, p, sizeof v);
    return v;
}

template <class T>
MLPCORE_HD void store(T* p, const Vector<T>& v) {
    memcpy(p, &v, sizeof v);
}

#if defined(__GNUC__) && defined(__AVX512F__)

MLPCORE_HD Vector<float> load_first(const float* p, int count) {
    return (Vector<float>)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}
MLPCORE_HD Vector<double> load_first(const double* p, int count) {
    return (Vector<double>)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), p);
}
MLPCORE_HD void store_first(float* p, Vector<float> v, int count) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
}
MLPCORE_HD void store_first(double* p, Vector<double> v, int count) {
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), (__m512d)v);
}

#elif defined(__GNUC__) && defined(__AVX2__)

MLPCORE_HD Vector<float> load_first(const float* p, int count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
    return (Vector<float>)_mm256_maskload_ps(p, mask);
}
MLPCORE_HD Vector<double> load_first(const double* p, int count) {
    const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), lane);
    return (Vector<double>)_mm256_maskload_pd(p, mask);
}
// By halves: masked stores take some processors longer.
MLPCORE_HD void store_first(float* p, Vector<float> v, int count) {
    if (count == 8) return store(p, v);
    __m128 half = _mm256_castps256_ps128((__m256)v);
    if (count & 4) {
        _mm_storeu_ps(p, half);
        half = _mm256_extractf128_ps((__m256)v, 1), p += 4;
    }
    if (count & 2) {
        _mm_storel_pi((__m64*)p, half);
        half = _mm_movehl_ps(half, half), p += 2;
    }
    if (count & 1) _mm_store_ss(p, half);
}
MLPCORE_HD void store_first(double* p, Vector<double> v, int count) {
    if (count == 4) return store(p, v);
    __m128d half = _mm256_castpd256_pd128((__m256d)v);
    if (count & 2) {
        _mm_storeu_pd(p, half);
        half = _mm256_extractf128_pd((__m256d)v, 1), p += 2;
    }
    if (count & 1) _mm_store_sd(p, half);
}

#else

template <class T>
MLPCORE_HD Vector<T> load_first(const T* p, int count) {
    if (count == lanes<T>) return load(p);
    T padded[lanes<T>] = {};
    for (int i = 0; i < count; ++i) padded[i] = p[i];
    return load(padded);
}
template <class T>
MLPCORE_HD void store_first(T* p, const Vector<T>& v, int count) {
    if (count == lanes<T>) return store(p, v);
    T padded[lanes<T>];
    store(padded, v);
    for (int i = 0; i < count; ++i) p[i] = padded[i];
}

#endif

MLPCORE_END
