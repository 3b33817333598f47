// The interface between the product kernels of an instruction set and the code that plans them.
#pragma once

#include <stdint.h>

namespace mlpcore {

// C (m, n) = A (m, k) B (k, n), plus `bias` (n) or plus what C holds. B is packed into panels, each
// `lanes` columns wide and k rows long, padded with zeros; A has contiguous rows or columns, or is
// packed into groups, each `block_rows` rows high and k columns long; C's rows are contiguous.
struct Product {
    const void* a;
    bool packed;
    int64_t a_row, a_column;  // where A is not packed
    const void* panels;
    void* c;
    int64_t c_row;
    const void* bias;
    bool accumulate;
    int64_t m, n, k;
};

struct ProductKernels {
    int lanes, block_rows, block_columns;
    // With the sums of B's columns where `sums` is not null, added to what is there or not; B's rows
    // must be contiguous for them.
    void (*pack)(const void* b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, void* panels,
                 void* sums, bool adds);
    void (*pack_rows)(const void* a, int64_t a_row, int64_t a_column, int64_t m, int64_t k,
                      void* groups);
    void (*multiply)(const Product& product);
    // For at most `few_rows` rows of A: B is read as it is, `b_row` apart, since packing it takes
    // longer than the product. All sums have the same order as above; those of B's columns go to
    // `sums`, or are left out where it is null.
    void (*multiply_few)(const Product& product, const void* b, int64_t b_row, void* sums);
};
constexpr int64_t few_rows = 4;

}  // namespace mlpcore
