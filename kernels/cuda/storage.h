// How numbers lie in memory, the type that computes with them, and 16-byte accesses.
#pragma once

#include "mlpcore/real.h"

#define MLPCORE_DEVICE __device__ __forceinline__

MLPCORE_BEGIN

struct Half {
    unsigned short bits;
    Half() = default;
    MLPCORE_DEVICE explicit Half(float x) {
#ifdef __CUDACC__
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#else
        bits = __builtin_bit_cast(unsigned short, (_Float16)x);
#endif
    }
    MLPCORE_DEVICE operator float() const {
#ifdef __CUDACC__
        float x;
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
        return x;
#else
        return (float)__builtin_bit_cast(_Float16, bits);
#endif
    }
};

// The upper half of a float, rounded to the nearest, ties to even.
struct BFloat {
    unsigned short bits;
    BFloat() = default;
    MLPCORE_DEVICE explicit BFloat(float x) {
        const uint32_t b = bits_of(x);
        bits = (unsigned short)(x == x ? (b + 0x7FFFu + (b >> 16 & 1u)) >> 16 : b >> 16 | 0x40u);
    }
    MLPCORE_DEVICE operator float() const { return from_bits((uint32_t)bits << 16); }
};

// The small types hold matrices only: bias, statistics, weights, losses and parameters beside them
// are of the type that computes, which is float.
template <class S>
struct Arithmetic {
    using type = float;
};
template <>
struct Arithmetic<double> {
    using type = double;
};
template <class S>
using Computed = typename Arithmetic<S>::type;

template <class T>
MLPCORE_DEVICE T minus_infinity();
template <>
MLPCORE_DEVICE float minus_infinity<float>() {
    return from_bits((uint32_t)0xFF800000u);
}
template <>
MLPCORE_DEVICE double minus_infinity<double>() {
    return from_bits((uint64_t)0xFFF0000000000000u);
}

// N neighbours.
template <class S, int N>
struct alignas(N * sizeof(S) < 16 ? N * sizeof(S) : 16) Pack {
    S item[N];
    MLPCORE_DEVICE S operator[](int i) const { return item[i]; }
};

// 16 bytes of an array of S, or what is left of it. Arrays of another type go along, N items each.
template <class S>
struct Chunk {
    static constexpr int size = 16 / (int)sizeof(S);
    int64_t start;
    int count;
    bool whole;  // whole and aligned: moved 16 bytes at a time

    template <class P>
    MLPCORE_DEVICE Pack<P, size> load(const P* array, P filler = P{}) const {
        if (whole) return *(const Pack<P, size>*)(array + start);
        Pack<P, size> pack;
        MLPCORE_UNROLL
        for (int j = 0; j < size; ++j) pack.item[j] = j < count ? array[start + j] : filler;
        return pack;
    }
    // array[start + j] = term(j)
    template <class P, class F>
    MLPCORE_DEVICE void store(P* array, F term) const {
        Pack<P, size> pack;
        MLPCORE_UNROLL
        for (int j = 0; j < size; ++j) pack.item[j] = P(term(j));
        if (whole) {
            *(Pack<P, size>*)(array + start) = pack;
        } else {
            MLPCORE_UNROLL
            for (int j = 0; j < size; ++j)
                if (j < count) array[start + j] = pack.item[j];
        }
    }
    MLPCORE_DEVICE Chunk moved(int64_t offset) const { return Chunk{start + offset, count, whole}; }
};

// The chunk that starts at `start` in n items; `packed` where every array is aligned.
template <class S>
MLPCORE_DEVICE Chunk<S> chunk_of(int64_t start, int64_t n, bool packed) {
    constexpr int size = Chunk<S>::size;
    const bool whole = n - start >= size;
    return Chunk<S>{start, whole ? size : (int)(n - start), whole && packed};
}

// Absent arrays count as aligned.
template <class... P>
MLPCORE_DEVICE bool aligned(const P*... pointers) {
    return ((... | (uint64_t)pointers) & 15) == 0;
}

MLPCORE_END
