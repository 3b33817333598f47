"""What is wrong with a command line by itself, apart from what is wrong with the files it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(ValueError):
    """A command line that asks for what cannot be, whatever the files hold."""


@contextmanager
def usage() -> Iterator[None]:
    """Arguments are checked in here: what they are refused for is a `UsageError`.

    >>> with usage():
    ...     int("many")
    Traceback (most recent call last):
        ...
    mlpcore.cli.usage.UsageError: invalid literal for int() with base 10: 'many'
    """
    try:
        yield
    except ValueError as fault:
        raise UsageError(str(fault)) from fault
