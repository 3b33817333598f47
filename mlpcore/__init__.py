"""Multilayer perceptrons with hand-derived gradients on NumPy or CuPy.

Written once against the Python array API standard; fused kernels where they exist.

>>> import mlpcore as mc
>>> mc.MLP([784, 256, 10])
MLP([784, 256, 10], activation='relu', output='softmax', dtype='float32', backend='cpu')
"""

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

__version__ = "0.1.0"

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
    "check_gradients",
    "functions",
    "load",
    "schedules",
]
