// The interface between a loop of an instruction set and the code that plans and calls it.
#pragma once

#include <stdint.h>

#include "mlpcore/parameters.h"

namespace mlpcore {

// What a loop sees: one member, and of the operation's axis the part from `begin` to `end`.
struct Work {
    void* const* arrays;     // inputs, then outputs; null where absent
    const Value* values;     // parameters
    const int64_t* extents;  // sizes
    int64_t begin, end;
    double* partial;  // what this part leaves for the loop that joins the parts
    int parts;
    void* scratch;       // of this thread
    bool* out_of_range;  // set where an index names a row that is not there

    template <class T>
    MLPCORE_HD T* array(int i) const {
        return static_cast<T*>(arrays[i]);
    }
};

using Loop = void (*)(const Work&);

// Numbers a part leaves behind in `Work::partial`.
constexpr int partial_size = 2;

struct NamedLoop {
    const char* name;
    Loop float32, float64;
    unsigned unread = 0;  // bit i: the loop never looks at array i
};

struct ProductKernels;

// Everything that is compiled once per instruction set.
struct InstructionSet {
    const char* name;
    const NamedLoop* loops;
    int count;
    const ProductKernels *float32, *float64;
    int vector_bytes;
};

}  // namespace mlpcore
