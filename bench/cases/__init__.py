"""What can be timed: each case is a few numbers, its least work, and its float64 reference."""

from .case import Case, WrongResultError
from .copy import Copy
from .fit import Fit
from .kernel import Kernel
from .pieces import Pieces
from .prediction import Prediction
from .product import Product
from .streaming import Streaming
from .training import Training

#: The cases by kind, as a worker is told of them.
KINDS: dict[str, type[Case]] = {
    case.kind: case
    for case in (Training, Fit, Prediction, Kernel, Product, Copy, Pieces, Streaming)
}

__all__ = [
    "KINDS",
    "Case",
    "Copy",
    "Fit",
    "Kernel",
    "Pieces",
    "Prediction",
    "Product",
    "Streaming",
    "Training",
    "WrongResultError",
]
