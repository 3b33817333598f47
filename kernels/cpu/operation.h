// A primitive bound to its arrays: checked once, replayed many times.
#pragma once

#include <stdint.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "array.h"
#include "kernel.h"
#include "primitives.h"
#include "products.h"

namespace mlpcore {

// An array as the loops see it: where it starts for a member and a step.
struct Operand {
    char* base = nullptr;  // null: absent
    int64_t member_stride = 0, step_stride = 0;
    int64_t bytes = 0;  // of one member
    int64_t members = 1;
    bool written = false;
    bool by_rows = false;  // a part reads and writes its own rows of it only

    char* at(int64_t member, int64_t step) const {
        return base + member * member_stride + step * step_stride;
    }
};

// A parameter: a number, or read from memory for each member, and perhaps each step.
struct Setting {
    Value fixed{};
    const char* base = nullptr;
    int64_t member_stride = 0, step_stride = 0;
    Kind kind = Kind::none;
    bool integer = false;

    Value at(int64_t member, int64_t step) const;
};

struct Operation {
    const Primitive* primitive = nullptr;
    bool float32 = true;
    std::vector<Operand> operands;  // inputs, then outputs
    std::vector<Setting> settings;
    std::vector<int64_t> extents;
    int64_t members = 1;
    std::vector<Pass> passes;      // the loops' names, variants chosen
    std::vector<int64_t> lengths;  // of the passes' axes
    std::vector<Loop>
        loops;           // resolved for the instruction set in use; of a product, its column sums
    size_t scratch = 0;  // bytes

    // Products only: z = x W + b and what follows while the result is hot.
    struct Product {
        int64_t m = 0, n = 0, k = 0;
        int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;
        int a = 0, b = 1, c = 2;
        int bias = -1;      // the operand added to each row
        int row_sums = -1;  // the operand that receives the sums of B's columns
        int packed = -1;    // the operand that holds all of A packed
        int index = -1;     // the operand that names the rows of a data set which A consists of
        int64_t rows = 0;   // of that data set
        const ProductKernels* kernels = nullptr;
    } product{};
    // Elementwise operations fused behind a product; they read and write c's rows.
    std::vector<int> followers;  // their places in the plan

    int64_t item() const { return float32 ? 4 : 8; }
    double cost() const;  // nanoseconds on one thread, roughly
    size_t scratch_bytes() const;
};

// Checks the arguments and binds them. Raises std::invalid_argument (ValueError) or TypeError.
Operation bind_operation(const std::string& name, const Arguments& arguments, bool in_plan);

struct TypeError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace mlpcore
