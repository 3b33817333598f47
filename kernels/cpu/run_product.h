// A bound product: the BLAS or the kernels here, in blocks that fit the caches.
#pragma once

#include "execution.h"

namespace mlpcore {

// Whether there is a BLAS, and it multiplies large matrices faster than the kernels here.
bool uses_blas();
// Whether A is copied into the order in which the kernels read it: where it does not fit the second
// cache, and enough columns of C make up for the copy.
bool worth_packing_rows(int64_t m, int64_t n, int64_t k);
// The sum over k is taken in slices of this length; the last may be shorter.
int64_t slice_length(int64_t k, bool packed);

// A part of a product: rows, or with `step.by_columns` columns, of C; and what is fused behind it.
void run_product(const std::vector<Operation>& operations, const Step& step, Frame& frame,
                 const Part& part);

}  // namespace mlpcore
