// What differs between compilers: g++, clang++, MSVC, nvcc and NVRTC all read these headers.
#pragma once

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define MLPCORE_HD __host__ __device__ __forceinline__
#elif defined(_MSC_VER) && !defined(__clang__)
#define MLPCORE_HD __forceinline
#else
#define MLPCORE_HD inline __attribute__((always_inline))
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define MLPCORE_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define MLPCORE_UNROLL _Pragma("GCC unroll 32")
#else
#define MLPCORE_UNROLL
#endif

#ifdef __CUDACC_RTC__
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif

// The CPU build compiles the same templates once per instruction set. Each has a namespace of its
// own, so that the linker never merges, say, AVX-512 code into the baseline.
#ifndef MLPCORE_ISA
#define MLPCORE_ISA portable
#endif
#define MLPCORE_BEGIN   \
    namespace mlpcore { \
    inline namespace MLPCORE_ISA {
#define MLPCORE_END \
    }               \
    }
