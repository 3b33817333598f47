// The value of a primitive's parameter: a real number, or an integer for seeds and counters.
#pragma once

#include "mlpcore/platform.h"

namespace mlpcore {

union Value {
    double real;
    uint64_t integer;
};

}  // namespace mlpcore
