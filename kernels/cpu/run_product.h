// A bound product: the BLAS or the kernels here, in blocks that fit the caches.
#pragma once

#include "execution.h"

namespace mlpcore {

// A part of a product: rows, or with `step.by_columns` columns, of C; and what is fused behind it.
void run_product(const std::vector<Operation>& operations, const Step& step, Frame& frame,
                 const Part& part);

}  // namespace mlpcore
