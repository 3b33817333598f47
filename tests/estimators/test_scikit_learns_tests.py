"""scikit-learn's own tests of its perceptrons, with ours in the place of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mlpcore.sklearn import MLPClassifier, MLPRegressor

#: These call scikit-learn's private workspaces.
PRIVATE = ("test_fit", "test_gradient")


def its_tests() -> ModuleType:
    """The module of scikit-learn's tests, its estimators replaced before they are used anywhere."""
    package = importlib.util.find_spec("sklearn.neural_network")
    path = Path(str(package.origin)).parent / "tests" / "test_mlp.py"
    if not path.exists():
        pytest.skip("this scikit-learn came without its tests", allow_module_level=True)
    spec = importlib.util.spec_from_file_location("mlpcore_meets_test_mlp", path)
    module = importlib.util.module_from_spec(spec)
    imports, ours = "from sklearn.neural_network import MLP", "from mlpcore.sklearn import MLP"
    text = path.read_text(encoding="utf-8")
    assert text.count(imports) == 1
    exec(compile(text.replace(imports, ours), str(path), "exec"), module.__dict__)
    assert module.MLPClassifier is MLPClassifier
    assert module.MLPRegressor is MLPRegressor
    return module


globals().update(
    {
        name: value
        for name, value in vars(its_tests()).items()
        if name.startswith("test_") and name not in PRIVATE
    }
)


@pytest.fixture
def global_random_seed() -> int:
    """scikit-learn's conftest draws it."""
    return 42
