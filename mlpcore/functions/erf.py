"""The error function and its complement, which the array API standard lacks.

Source: Cody (1969), "Rational Chebyshev approximations for the error function", with the
coefficients of his Fortran routine CALERF (SPECFUN, netlib).
"""

from __future__ import annotations

import math

from mlpcore.backend.dispatch import Array, namespace

Coefficients = tuple[float, ...]

#: The first interval, ``|x| <= 0.46875``: ``erf(x) = x R(x^2)``.
_CENTRE = 0.46875
_CENTRE_P: Coefficients = (
    1.85777706184603153e-1,
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
)
_CENTRE_Q: Coefficients = (
    1.0,
    2.36012909523441209e01,
    2.44024637934444173e02,
    1.28261652607737228e03,
    2.84423683343917062e03,
)

#: The second, up to 4: ``erfc(x) = exp(-x^2) R(x)``.
_FLANK = 4.0
_FLANK_P: Coefficients = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e00,
    6.61191906371416295e01,
    2.98635138197400131e02,
    8.81952221241769090e02,
    1.71204761263407058e03,
    2.05107837782607147e03,
    1.23033935479799725e03,
)
_FLANK_Q: Coefficients = (
    1.0,
    1.57449261107098347e01,
    1.17693950891312499e02,
    5.37181101862009858e02,
    1.62138957456669019e03,
    3.29079923573345963e03,
    4.36261909014324716e03,
    3.43936767414372164e03,
    1.23033935480374942e03,
)

#: The third: ``erfc(x) = exp(-x^2) / x * (1/sqrt(pi) + R(1/x^2) / x^2)``, 0 in float64 before 30.
_TAIL = 30.0
_TAIL_P: Coefficients = (
    -1.63153871373020978e-2,
    -3.05326634961232344e-1,
    -3.60344899949804439e-1,
    -1.25781726111229246e-1,
    -1.60837851487422766e-2,
    -6.58749161529837803e-4,
)
_TAIL_Q: Coefficients = (
    1.0,
    2.56852019228982242e00,
    1.87295284992346725e00,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)


def erf(x: Array) -> Array:
    """Error function, ``2/sqrt(pi)`` times the integral of ``exp(-t^2)`` from 0 to ``x``.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape and dtype, in [-1, 1].

    >>> import numpy as np
    >>> erf(np.array([-np.inf, 0.0, 1.0])).round(6)
    array([-1.      ,  0.      ,  0.842701])
    """
    xp = namespace(x)
    y = xp.abs(x)
    beyond = _beyond(y)
    return xp.where(y <= _CENTRE, _centre(x), xp.where(x < 0, beyond - 1, 1 - beyond))


def erfc(x: Array) -> Array:
    """Complement of the error function, ``1 - erf(x)``, with all digits where that is tiny.

    Args:
        x: an array of any shape.

    Returns:
        An array of the same shape and dtype, in [0, 2].

    >>> import numpy as np
    >>> print(erfc(np.array([-np.inf, 0.0, 10.0])))
    [2.00000000e+00 1.00000000e+00 2.08848758e-45]
    """
    xp = namespace(x)
    y = xp.abs(x)
    beyond = _beyond(y)
    return xp.where(y <= _CENTRE, 1 - _centre(x), xp.where(x < 0, 2 - beyond, beyond))


def _centre(x: Array) -> Array:
    """``erf(x)`` for ``|x| <= 0.46875``."""
    x = _between(-_CENTRE, x, _CENTRE)
    return x * _ratio(_CENTRE_P, _CENTRE_Q, x * x)


def _beyond(y: Array) -> Array:
    """``erfc(y)`` for ``y >= 0.46875``."""
    xp = namespace(y)
    near = _between(_CENTRE, y, _FLANK)
    far = _between(_FLANK, y, _TAIL)
    inverse = 1 / (far * far)
    flank = _ratio(_FLANK_P, _FLANK_Q, near)
    tail = (1 / math.sqrt(math.pi) + inverse * _ratio(_TAIL_P, _TAIL_Q, inverse)) / far
    return _exp_of_minus_square(xp.minimum(y, _TAIL)) * xp.where(y <= _FLANK, flank, tail)


def _exp_of_minus_square(y: Array) -> Array:
    """``exp(-y^2)`` without the rounding error of the square, which the exponential magnifies."""
    xp = namespace(y)
    coarse = xp.trunc(y * 16) / 16
    return xp.exp(-coarse * coarse) * xp.exp((coarse - y) * (coarse + y))


def _between(low: float, x: Array, high: float) -> Array:
    """``x``, moved into the interval where an approximation holds and nothing overflows."""
    xp = namespace(x)
    return xp.minimum(xp.maximum(x, low), high)


def _ratio(p: Coefficients, q: Coefficients, x: Array) -> Array:
    return _polynomial(p, x) / _polynomial(q, x)


def _polynomial(coefficients: Coefficients, x: Array) -> Array:
    """Horner's rule, the highest power first."""
    value, *rest = coefficients
    for coefficient in rest:
        value = value * x + coefficient
    return value
