"""Numbers in words, for people."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share in per cent.

    >>> percent(0.9812)
    '98.1 %'
    """
    return f"{100 * share:.1f} %"


def quantity(value: float) -> str:
    """A number with as many digits as help.

    >>> quantity(0.012345), quantity(1234567.8)
    ('0.0123', '1,234,568')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A time in seconds, or in minutes where it is long.

    >>> duration(2.345), duration(130)
    ('2.35 s', '2 min 10 s')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
