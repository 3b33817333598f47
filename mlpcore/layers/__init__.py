"""Floor 2: what pairs a forward with its backward and owns its slice of the parameters."""

from mlpcore.layers.activation import Activation
from mlpcore.layers.affine import Affine
from mlpcore.layers.dropout import Dropout
from mlpcore.layers.layer import Layer, Pass
from mlpcore.layers.mask import Mask
from mlpcore.layers.normalization import BatchNorm, LayerNorm

__all__ = ["Activation", "Affine", "BatchNorm", "Dropout", "Layer", "LayerNorm", "Mask", "Pass"]
