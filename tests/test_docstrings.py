"""Every example in a docstring runs and shows what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import mlpcore

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(mlpcore.__path__, "mlpcore.")
    if not module.name.startswith(("mlpcore.kernels", "mlpcore.backend._cpu", "mlpcore.bench."))
)


@pytest.mark.parametrize("name", ["mlpcore", *MODULES])
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
