"""How good predictions are, one measure a file."""

from mlpcore.functions.metrics.accuracy import accuracy
from mlpcore.functions.metrics.r2 import r2

__all__ = ["accuracy", "r2"]
