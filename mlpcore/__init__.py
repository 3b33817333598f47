"""Multilayer perceptrons with hand-derived gradients on NumPy or CuPy.

Written once against the Python array API standard; fused kernels where they exist.

>>> import mlpcore as mc
>>> mc.MLP([784, 256, 10])
MLP([784, 256, 10], activation='relu', output='softmax', dtype='float32', backend='cpu')
"""

from typing import TYPE_CHECKING, Any

from mlpcore import functions
from mlpcore.mlp import MLP, load
from mlpcore.testing import check_gradients
from mlpcore.training import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Checkpoint,
    DivergenceError,
    EarlyStopping,
    Epoch,
    History,
    RMSProp,
    schedules,
)
from mlpcore.version import __version__

if TYPE_CHECKING:
    from mlpcore.experiments import plan_sweep, sweep

__all__ = [
    "MLP",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Checkpoint",
    "DivergenceError",
    "EarlyStopping",
    "Epoch",
    "History",
    "RMSProp",
    "__version__",
    "check_gradients",
    "functions",
    "load",
    "plan_sweep",
    "schedules",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """What is loaded at its first use, to keep the import light."""
    if name in ("plan_sweep", "sweep"):
        from mlpcore import experiments

        return getattr(experiments, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
