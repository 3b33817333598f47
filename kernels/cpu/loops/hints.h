// What compilers are told about loops and memory; each may ignore it.
#pragma once

#if defined(__clang__)
#define MLPCORE_NOT_UNROLLED
#define MLPCORE_UNROLLED_BY_4
#define MLPCORE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define MLPCORE_NOT_UNROLLED _Pragma("GCC unroll 1")
#define MLPCORE_UNROLLED_BY_4 _Pragma("GCC unroll 4")
#define MLPCORE_INDEPENDENT _Pragma("GCC ivdep")
#else
#define MLPCORE_NOT_UNROLLED
#define MLPCORE_UNROLLED_BY_4
#define MLPCORE_INDEPENDENT __pragma(loop(ivdep))
#endif

#if defined(__GNUC__)
#define MLPCORE_PREFETCH(address) __builtin_prefetch(address)
#else
#define MLPCORE_PREFETCH(address)
#endif
