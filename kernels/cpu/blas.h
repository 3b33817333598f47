// The matrix products of a BLAS that Python has found for us.
#pragma once

#include <stdint.h>

namespace mlpcore {

// Fortran pointers, 0 for none; integers of 4 or 8 bytes. The BLAS's own threads are held to one
// while we run, through its functions to set and get their number (0 where it has none).
void set_blas(uintptr_t sgemm, uintptr_t dgemm, int integer_bytes, uintptr_t set_threads,
              uintptr_t get_threads);
bool has_blas();

// C (m, n) = A (m, k) B (k, n), all row-major; A and B may be transposed in memory: one of their
// two strides is 1, the other the distance between rows, or columns.
void blas_product(bool float32, const void* a, int64_t a_row, int64_t a_column, const void* b,
                  int64_t b_row, int64_t b_column, void* c, int64_t c_row, int64_t m, int64_t n,
                  int64_t k, bool accumulate);

// While one exists, the BLAS uses one thread.
class SingleThreadedBlas {
  public:
    SingleThreadedBlas();
    ~SingleThreadedBlas();
    SingleThreadedBlas(const SingleThreadedBlas&) = delete;
    SingleThreadedBlas& operator=(const SingleThreadedBlas&) = delete;

  private:
    bool counted_;  // a BLAS may be set while this one exists
};

}  // namespace mlpcore
