// The losses of mlpcore/functions/losses: the term of one logit z and target y, and its derivative
// by z.
#pragma once

#include "mlpcore/activations.h"

MLPCORE_BEGIN

template <class T>
struct SigmoidBinaryCrossEntropy {
    MLPCORE_HD explicit SigmoidBinaryCrossEntropy(const Value*) {}
    MLPCORE_HD T value(T z, T y) const {
        const T against = z > T(0) ? T(1) - y : y, distance = sign_bit_cleared(z);
        const T penalty = against == T(0) ? T(0) : against * distance;
        return penalty + log1p_nonnegative(exponential_nonpositive(-distance));
    }
    MLPCORE_HD T gradient(T z, T y) const { return sigmoid_of(z) - y; }
};

template <class T>
struct SquaredError {
    MLPCORE_HD explicit SquaredError(const Value*) {}
    MLPCORE_HD T value(T z, T y) const { return T(0.5) * (z - y) * (z - y); }
    MLPCORE_HD T gradient(T z, T y) const { return z - y; }
};

template <class T>
struct AbsoluteError {
    MLPCORE_HD explicit AbsoluteError(const Value*) {}
    MLPCORE_HD T value(T z, T y) const { return sign_bit_cleared(z - y); }
    MLPCORE_HD T gradient(T z, T y) const {
        const T d = z - y;
        return d > T(0) ? T(1) : d < T(0) ? T(-1) : d;
    }
};

template <class T>
struct Huber {
    T delta;
    MLPCORE_HD explicit Huber(const Value* p) : delta(T(p[0].real)) {}
    MLPCORE_HD T value(T z, T y) const {
        const T distance = sign_bit_cleared(z - y), clipped = distance <= delta ? distance : delta;
        return clipped * (distance - T(0.5) * clipped);
    }
    MLPCORE_HD T gradient(T z, T y) const {
        const T d = z - y;
        return d > delta ? delta : d < -delta ? -delta : d;
    }
};

template <class T>
struct PoissonNll {
    MLPCORE_HD explicit PoissonNll(const Value*) {}
    MLPCORE_HD T value(T z, T y) const {
        const T rate = exponential_of(z);
        return rate - (rate - rate != T(0) || y == T(0) ? T(0) : y * z);
    }
    MLPCORE_HD T gradient(T z, T y) const { return exponential_of(z) - y; }
};

// Softmax cross-entropy with label smoothing s: the target is q = (1 - s) y + s/k.
// l = -sum_j q_j log p_j, where a target of 0 adds 0 however small p_j is; dz = p - q.
template <class T>
struct SoftmaxCrossEntropy {
    T kept, spread;  // 1 - s, s/k
    MLPCORE_HD SoftmaxCrossEntropy(const Value* p, int64_t k)
        : kept(T(1.0 - p[0].real)), spread(T(p[0].real / (double)k)) {}
    MLPCORE_HD T target(T y) const { return kept * y + spread; }
    MLPCORE_HD static T value(T q, T log_p) { return q == T(0) ? T(0) : -q * log_p; }
    MLPCORE_HD static T gradient(T p, T q) { return p - q; }
};

MLPCORE_END
