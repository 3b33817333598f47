// The element formulas of mlpcore/functions/normalization; the sums over rows or columns are the
// loops'.
#pragma once

#include "mlpcore/real.h"

MLPCORE_BEGIN

template <class T>
MLPCORE_HD T inverse_deviation(T variance, T epsilon) {
    return T(1) / square_root(variance + epsilon);
}

template <class T>
MLPCORE_HD T normalized(T x, T mean, T inverse) {
    return (x - mean) * inverse;
}

template <class T>
MLPCORE_HD T normalize_of(T x, T mean, T inverse, T gamma, T beta) {
    return gamma * normalized(x, mean, inverse) + beta;
}

// With h = dy gamma: dx = (h - mean(h) - x^ mean(h x^)) / sigma, the means over what was
// normalized.
template <class T>
MLPCORE_HD T normalize_backward(T h, T x_hat, T inverse, T mean_h, T mean_h_x_hat) {
    return (h - mean_h - x_hat * mean_h_x_hat) * inverse;
}

template <class T>
MLPCORE_HD T running_average_of(T running, T value, T momentum, T scale) {
    return (T(1) - momentum) * running + momentum * scale * value;
}

MLPCORE_END
