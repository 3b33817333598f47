#include "blas.h"

#include <mutex>

namespace mlpcore {
namespace {

struct Blas {
    uintptr_t gemm[2] = {0, 0};  // float64, float32
    int integer_bytes = 4;
    void (*set_threads)(int) = nullptr;
    int (*get_threads)() = nullptr;
} blas;

std::mutex guard;
int holders = 0, threads_before = 0;

template <class T, class Int>
void call(uintptr_t gemm, bool a_transposed, bool b_transposed, Int m, Int n, Int k, const T* a,
          Int lda, const T* b, Int ldb, T beta, T* c, Int ldc) {
    using Gemm = void (*)(const char*, const char*, const Int*, const Int*, const Int*, const T*,
                          const T*, const Int*, const T*, const Int*, const T*, T*, const Int*);
    const T one = 1;
    const char* letters = "NT";
    // Fortran reads rows as columns: it computes the transpose, C' = B' A'.
    ((Gemm)gemm)(&letters[b_transposed], &letters[a_transposed], &n, &m, &k, &one, b, &ldb, a, &lda,
                 &beta, c, &ldc);
}

}  // namespace

void set_blas(uintptr_t sgemm, uintptr_t dgemm, int integer_bytes, uintptr_t set_threads,
              uintptr_t get_threads) {
    std::lock_guard<std::mutex> lock(guard);
    blas.gemm[0] = dgemm, blas.gemm[1] = sgemm;
    blas.integer_bytes = integer_bytes;
    blas.set_threads = (void (*)(int))set_threads;
    blas.get_threads = (int (*)())get_threads;
}

bool has_blas() {
    return blas.gemm[0] != 0 && blas.gemm[1] != 0;
}

void blas_product(bool float32, const void* a, int64_t a_row, int64_t a_column, const void* b,
                  int64_t b_row, int64_t b_column, void* c, int64_t c_row, int64_t m, int64_t n,
                  int64_t k, bool accumulate) {
    const bool a_transposed = a_column != 1, b_transposed = b_column != 1;
    const int64_t lda = a_transposed ? a_column : a_row, ldb = b_transposed ? b_column : b_row;
    const uintptr_t gemm = blas.gemm[float32];
    auto run = [&](auto real, auto integer) {
        using T = decltype(real);
        using Int = decltype(integer);
        call<T, Int>(gemm, a_transposed, b_transposed, (Int)m, (Int)n, (Int)k, (const T*)a,
                     (Int)lda, (const T*)b, (Int)ldb, accumulate ? T(1) : T(0), (T*)c, (Int)c_row);
    };
    if (float32)
        blas.integer_bytes == 8 ? run(0.0f, (int64_t)0) : run(0.0f, (int32_t)0);
    else
        blas.integer_bytes == 8 ? run(0.0, (int64_t)0) : run(0.0, (int32_t)0);
}

SingleThreadedBlas::SingleThreadedBlas() {
    std::lock_guard<std::mutex> lock(guard);
    counted_ = blas.set_threads && blas.get_threads;
    if (!counted_ || holders++ > 0) return;
    threads_before = blas.get_threads();
    if (threads_before > 1) blas.set_threads(1);
}

SingleThreadedBlas::~SingleThreadedBlas() {
    std::lock_guard<std::mutex> lock(guard);
    if (!counted_ || --holders > 0 || threads_before <= 1) return;
    if (blas.set_threads) blas.set_threads(threads_before);
}

}  // namespace mlpcore
