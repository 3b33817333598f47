// The interface between the product kernels of an instruction set and the code that plans them.
#pragma once

#include <stdint.h>

#include "mlpcore/platform.h"

namespace mlpcore {

// A where it lies: its rows or its columns are contiguous. With `index`, those are the rows of a
// data set that it names.
struct Factor {
    const char* data;
    int64_t row, column;  // strides
    const int64_t* index = nullptr;
    int64_t rows = 0;  // of the data set

    // From row i and column j on, of numbers of so many bytes.
    MLPCORE_HD Factor from(int64_t i, int64_t j, int64_t bytes) const {
        if (!index) return {data + (i * row + j * column) * bytes, row, column};
        return column == 1 ? Factor{data + j * bytes, row, column, index + i, rows}
                           : Factor{data + i * bytes, row, column, index + j, rows};
    }
};

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
    // False, and nothing packed, where the index names a row that the data set has not.
    bool (*pack_rows)(const Factor& a, int64_t m, int64_t k, void* groups);
    void (*multiply)(const Product& product);
    // For at most `few_rows` rows of A: B is read as it is, `b_row` apart, since packing it takes
    // longer than the product. All sums have the same order as above; those of B's columns go to
    // `sums`, or are left out where it is null.
    void (*multiply_few)(const Product& product, const void* b, int64_t b_row, void* sums);
};
constexpr int64_t few_rows = 4;

}  // namespace mlpcore
