// The activations of mlpcore/functions/activations: value, and below it the derivative.
//
// Each is a functor over the arithmetic type T, made from the primitive's parameters.
//   value(x) -> y, backward(dy, x, y) -> dx
//   reads_x, reads_y: which of the two the derivative needs, so that the other need not be kept.
//   value_cancels, backward_cancels: float32 arithmetic alone would lose digits (near a zero, or in
//            a tail); to stay within 4 units in the last place the CPU computes in float64.
#pragma once

#include "mlpcore/normal.h"
#include "mlpcore/parameters.h"

MLPCORE_BEGIN

template <bool X, bool Y, bool Value = false, bool Backward = false>
struct Needs {
    static constexpr bool reads_x = X, reads_y = Y, value_cancels = Value,
                          backward_cancels = Backward;
};

template <class T>
struct Identity : Needs<false, false> {
    MLPCORE_HD explicit Identity(const Value*) {}
    MLPCORE_HD T value(T x) const { return x; }
    MLPCORE_HD T backward(T dy, T, T) const { return dy; }
};

template <class T>
struct Step : Needs<false, false> {
    MLPCORE_HD explicit Step(const Value*) {}
    MLPCORE_HD T value(T x) const { return x < T(0) ? T(0) : x >= T(0) ? T(1) : x; }
    MLPCORE_HD T backward(T, T, T) const { return T(0); }
};

// e^-|x| / (1 + e^-|x|) or 1 / (1 + e^-|x|): no cancellation in either tail.
template <class T>
MLPCORE_HD T sigmoid_of(T x) {
    const T e = exponential_nonpositive(-sign_bit_cleared(x));
    return (x < T(0) ? e : T(1)) / (T(1) + e);
}

template <class T>
struct Sigmoid : Needs<false, true> {
    MLPCORE_HD explicit Sigmoid(const Value*) {}
    MLPCORE_HD T value(T x) const { return sigmoid_of(x); }
    MLPCORE_HD T backward(T dy, T, T y) const { return dy * (y * (T(1) - y)); }
};

template <class T>
struct Tanh : Needs<false, true> {
    MLPCORE_HD explicit Tanh(const Value*) {}
    MLPCORE_HD T value(T x) const {
        const T t = expm1_nonpositive(T(-2) * sign_bit_cleared(x));
        return with_sign_of(-t / (T(2) + t), x);
    }
    MLPCORE_HD T backward(T dy, T, T y) const { return dy * ((T(1) - y) * (T(1) + y)); }
};

template <class T>
struct Relu : Needs<false, true> {
    MLPCORE_HD explicit Relu(const Value*) {}
    MLPCORE_HD T value(T x) const { return x < T(0) ? T(0) : x; }
    MLPCORE_HD T backward(T dy, T, T y) const { return y > T(0) ? dy : T(0); }
};

template <class T>
struct LeakyRelu : Needs<false, true> {
    T negative_slope;
    MLPCORE_HD explicit LeakyRelu(const Value* p) : negative_slope(T(p[0].real)) {}
    MLPCORE_HD T value(T x) const { return x > T(0) ? x : negative_slope * x; }
    MLPCORE_HD T backward(T dy, T, T y) const { return y > T(0) ? dy : negative_slope * dy; }
};

template <class T>
struct Elu : Needs<false, true, false, true> {
    T alpha;
    MLPCORE_HD explicit Elu(const Value* p) : alpha(T(p[0].real)) {}
    MLPCORE_HD T value(T x) const {
        const T below = alpha * expm1_nonpositive(x > T(0) ? T(0) : x);
        return x > T(0) ? x : below;
    }
    MLPCORE_HD T backward(T dy, T, T y) const { return dy * (y > T(0) ? T(1) : y + alpha); }
};

template <class T>
struct Selu : Needs<false, true, false, true> {
    static constexpr double alpha = 1.6732632423543772848, scale = 1.0507009873554804934;
    MLPCORE_HD explicit Selu(const Value*) {}
    MLPCORE_HD T value(T x) const {
        const T below = T(scale * alpha) * expm1_nonpositive(x > T(0) ? T(0) : x);
        return x > T(0) ? T(scale) * x : below;
    }
    MLPCORE_HD T backward(T dy, T, T y) const {
        return dy * (y > T(0) ? T(scale) : y + T(scale * alpha));
    }
};

// x times a factor that goes to 0 faster than x goes to -inf; the product there is 0, not NaN.
template <class T>
MLPCORE_HD T gated(T x, T gate) {
    return gate == T(0) ? T(0) : x * gate;
}

template <class T>
struct Gelu : Needs<true, false, true, true> {
    MLPCORE_HD explicit Gelu(const Value*) {}
    MLPCORE_HD T value(T x) const { return gated(x, normal_cdf(x, gaussian(x))); }
    MLPCORE_HD T backward(T dy, T x, T) const {
        const T g = gaussian(x);
        return dy * (normal_cdf(x, g) + gated(x, inverse_root_two_pi<T>() * g));
    }
};

// 1/2 (1 + tanh(u)) = sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
template <class T>
struct GeluTanh : Needs<true, false, true, true> {
    static constexpr double a = 1.5957691216057307118, b = 0.044715;  // a = 2 sqrt(2/pi)
    MLPCORE_HD explicit GeluTanh(const Value*) {}
    MLPCORE_HD T value(T x) const { return gated(x, sigmoid_of(T(a) * x * (T(1) + T(b) * x * x))); }
    MLPCORE_HD T backward(T dy, T x, T) const {
        const T s = sigmoid_of(T(a) * x * (T(1) + T(b) * x * x));
        const T other = sigmoid_of(T(-a) * x * (T(1) + T(b) * x * x));
        return dy * (s + gated(x * (T(a) * (T(1) + T(3 * b) * x * x)), s * other));
    }
};

template <class T>
struct Silu : Needs<true, false, true, true> {
    MLPCORE_HD explicit Silu(const Value*) {}
    MLPCORE_HD T value(T x) const { return gated(x, sigmoid_of(x)); }
    MLPCORE_HD T backward(T dy, T x, T) const {
        const T e = exponential_nonpositive(-sign_bit_cleared(x));
        const T s = (x < T(0) ? e : T(1)) / (T(1) + e);
        return dy * (s + gated(x, e / ((T(1) + e) * (T(1) + e))));
    }
};

// With e = exp(-|x|), tanh(softplus(x)) is (1 + 2e) / (1 + 2e + 2e^2) above 0, (e^2 + 2e) / (e^2 +
// 2e + 2) below.
template <class T>
struct Mish : Needs<true, false, true, true> {
    MLPCORE_HD explicit Mish(const Value*) {}
    MLPCORE_HD static T gate(T x, T e) {
        const T above = T(1) + T(2) * e, below = e * (e + T(2));
        return x < T(0) ? below / (below + T(2)) : above / (above + T(2) * e * e);
    }
    MLPCORE_HD T value(T x) const {
        return gated(x, gate(x, exponential_nonpositive(-sign_bit_cleared(x))));
    }
    MLPCORE_HD T backward(T dy, T x, T) const {
        const T e = exponential_nonpositive(-sign_bit_cleared(x));
        const T d = x < T(0) ? e * (e + T(2)) + T(2) : T(1) + T(2) * e + T(2) * e * e;
        const T slope = T(4) * (x < T(0) ? e : e * e) * (T(1) + e) / (d * d);
        return dy * (gate(x, e) + gated(x, slope));
    }
};

template <class T>
MLPCORE_HD T softplus_of(T x) {
    return (x < T(0) ? T(0) : x) + log1p_nonnegative(exponential_nonpositive(-sign_bit_cleared(x)));
}

template <class T>
struct Softplus : Needs<false, true> {
    MLPCORE_HD explicit Softplus(const Value*) {}
    MLPCORE_HD T value(T x) const { return softplus_of(x); }
    MLPCORE_HD T backward(T dy, T, T y) const { return -dy * expm1_nonpositive(-y); }
};

template <class T>
struct HardSigmoid : Needs<false, true, true> {
    MLPCORE_HD explicit HardSigmoid(const Value*) {}
    MLPCORE_HD T value(T x) const {
        return x <= T(-3) ? T(0) : x >= T(3) ? T(1) : x / T(6) + T(0.5);
    }
    MLPCORE_HD T backward(T dy, T, T y) const { return y > T(0) && y < T(1) ? dy / T(6) : T(0); }
};

template <class T>
struct HardTanh : Needs<false, true> {
    MLPCORE_HD explicit HardTanh(const Value*) {}
    MLPCORE_HD T value(T x) const { return x < T(-1) ? T(-1) : x > T(1) ? T(1) : x; }
    MLPCORE_HD T backward(T dy, T, T y) const { return y > T(-1) && y < T(1) ? dy : T(0); }
};

template <class T>
struct Exponential : Needs<false, true> {
    MLPCORE_HD explicit Exponential(const Value*) {}
    MLPCORE_HD T value(T x) const { return exponential_of(x); }
    MLPCORE_HD T backward(T dy, T, T y) const { return dy * y; }
};

MLPCORE_END
