"""What the tests of bad input share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest

import mlpcore as mc

Refused = Callable[..., AbstractContextManager[None]]
Unchanged = Callable[[mc.MLP], AbstractContextManager[None]]


@pytest.fixture
def refused() -> Refused:
    """``with refused(error, *words)``: an error that says what was got and what is expected."""

    @contextmanager
    def expect(error: type[Exception], *words: str) -> Iterator[None]:
        with pytest.raises(error) as raised:
            yield
        message = str(raised.value)
        for word in ("got", "expected", *words):
            pattern = rf"\b{word}\b" if word.isidentifier() else re.escape(word)
            assert re.search(pattern, message), f"{word!r} is not in {message!r}"

    return expect


@pytest.fixture
def unchanged() -> Unchanged:
    """``with unchanged(network)``: its values are the same before and after."""

    @contextmanager
    def expect(network: mc.MLP) -> Iterator[None]:
        before = network.tensors()
        yield
        for name, value in network.tensors().items():
            np.testing.assert_array_equal(value, before[name], err_msg=name)

    return expect
