"""Normalization of activations and of data."""

from mlpcore.functions.normalization.batch_norm import batch_norm
from mlpcore.functions.normalization.layer_norm import layer_norm
from mlpcore.functions.normalization.normalize import normalize
from mlpcore.functions.normalization.running_average import running_average
from mlpcore.functions.normalization.standardize import standardize

__all__ = ["batch_norm", "layer_norm", "normalize", "running_average", "standardize"]
