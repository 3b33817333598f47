// The updates of mlpcore/functions/updates: the gradient made ready, the direction, the step along
// it.
#pragma once

#include "mlpcore/parameters.h"
#include "mlpcore/real.h"

MLPCORE_BEGIN

// Parameters that every rule shares come first, its own behind them.
enum UpdateParameter {
    learning_rate,
    update_step,
    l2,
    weight_decay,
    clip_value,
    clip_norm,
    own_parameters
};

// Whether a limit is one: without any it is infinite.
MLPCORE_HD bool limits(double limit) {
    return limit <= 1.7976931348623157e308;
}

// The gradient made ready: penalty, then clipping by value, then by the norm.
template <class T>
struct Preparation {
    T l2, limit, factor;
    MLPCORE_HD Preparation(T l2, T limit, T factor) : l2(l2), limit(limit), factor(factor) {}
    MLPCORE_HD T operator()(T g, T theta, T mask) const {
        g += l2 * (mask * theta);
        g = g > limit ? limit : g < -limit ? -limit : g;
        return g * factor;
    }
};

template <class T>
struct Sgd {
    static constexpr int states = 0;
    MLPCORE_HD explicit Sgd(const Value*) {}
    MLPCORE_HD T direction(T g, T&, T&) const { return g; }
};

template <class T>
struct Momentum {
    static constexpr int states = 1;
    T momentum;
    MLPCORE_HD explicit Momentum(const Value* p) : momentum(T(p[own_parameters].real)) {}
    MLPCORE_HD T direction(T g, T& v, T&) const { return v = momentum * v + g; }
};

template <class T>
struct Nesterov {
    static constexpr int states = 1;
    T momentum;
    MLPCORE_HD explicit Nesterov(const Value* p) : momentum(T(p[own_parameters].real)) {}
    MLPCORE_HD T direction(T g, T& v, T&) const {
        v = momentum * v + g;
        return g + momentum * v;
    }
};

template <class T>
struct Rmsprop {
    static constexpr int states = 1;
    T rho, rest, epsilon;
    MLPCORE_HD explicit Rmsprop(const Value* p)
        : rho(T(p[own_parameters].real)),
          rest(T(1.0 - p[own_parameters].real)),
          epsilon(T(p[own_parameters + 1].real)) {}
    MLPCORE_HD T direction(T g, T& v, T&) const {
        v = rho * v + rest * g * g;
        return g / (square_root(v) + epsilon);
    }
};

template <class T>
struct Adagrad {
    static constexpr int states = 1;
    T epsilon;
    MLPCORE_HD explicit Adagrad(const Value* p) : epsilon(T(p[own_parameters].real)) {}
    MLPCORE_HD T direction(T g, T& v, T&) const {
        v = v + g * g;
        return g / (square_root(v) + epsilon);
    }
};

template <class T>
struct Adam {
    static constexpr int states = 2;
    T beta1, rest1, beta2, rest2, epsilon;
    T correction1, correction2;  // 1 / (1 - beta^t)
    MLPCORE_HD explicit Adam(const Value* p)
        : beta1(T(p[own_parameters].real)),
          rest1(T(1.0 - p[own_parameters].real)),
          beta2(T(p[own_parameters + 1].real)),
          rest2(T(1.0 - p[own_parameters + 1].real)),
          epsilon(T(p[own_parameters + 2].real)),
          correction1(T(1.0 / (1.0 - power(p[own_parameters].real, p[update_step].real)))),
          correction2(T(1.0 / (1.0 - power(p[own_parameters + 1].real, p[update_step].real)))) {}
    MLPCORE_HD T direction(T g, T& m, T& v) const {
        m = beta1 * m + rest1 * g;
        v = beta2 * v + rest2 * g * g;
        return (m * correction1) / (square_root(v * correction2) + epsilon);
    }
    // By squaring: the step is a whole number, and this needs no library on any device.
    MLPCORE_HD static double power(double base, double exponent) {
        double result = 1.0;
        for (uint64_t n = (uint64_t)exponent; n != 0; n >>= 1, base *= base)
            if (n & 1) result *= base;
        return result;
    }
};

MLPCORE_END
