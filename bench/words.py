"""Figures in words, each with the unit that suits it."""

from __future__ import annotations

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def number(value: float) -> str:
    """A number with three digits.

    >>> number(4.043), number(180490.0), number(0.9)
    ('4.04', '180,000', '0.9')
    """
    value = float(f"{value:.3g}")
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def quantity(value: float, unit: str) -> str:
    """A time in seconds, or a size in bytes, as people write it.

    >>> quantity(4.04e-6, "s"), quantity(0.1805, "s"), quantity(25e6, "B")
    ('4.04 µs', '180 ms', '25 MB')
    """
    scale, name = _scale(value, _TIMES if unit == "s" else _SIZES)
    return f"{number(value / scale)} {name}"


def between(lower: float, upper: float, unit: str) -> str:
    """The ends of an interval in one unit.

    >>> between(3.9e-6, 4.1e-6, "s")
    '3.9 to 4.1 µs'
    """
    scale, name = _scale(upper, _TIMES if unit == "s" else _SIZES)
    return f"{number(lower / scale)} to {number(upper / scale)} {name}"


def rate(value: float, unit: str) -> str:
    """So many a second, in thousand millions.

    >>> rate(12.34e9, "B"), rate(210e9, "FLOP")
    ('12.3 GB/s', '210 GFLOP/s')
    """
    return f"{number(value / 1e9)} G{unit}/s"


def percent(share: float) -> str:
    """A share in per cent.

    >>> percent(0.9812)
    '98 %'
    """
    return f"{100 * share:.0f} %"


def count(value: float) -> str:
    """A whole number, thousands as k where they are whole.

    >>> count(16), count(10_000), count(16384)
    ('16', '10 k', '16 k')
    """
    return f"{value:.0f}" if value < 1000 else f"{value / 1000:.0f} k"


def _scale(value: float, units: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    return next((unit for unit in units if value >= unit[0] * 0.9995), units[-1])
