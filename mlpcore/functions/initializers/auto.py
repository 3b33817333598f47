"""The initializer that suits an activation: ``init="auto"``."""

from __future__ import annotations

import functools
from typing import Any

from mlpcore.backend.names import choose
from mlpcore.functions.initializers.glorot import glorot_uniform
from mlpcore.functions.initializers.he import he_normal
from mlpcore.functions.initializers.lecun import lecun_normal
from mlpcore.functions.initializers.scaled import Initializer

_RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "swish", "mish", "softplus")
_SATURATING = ("sigmoid", "logistic", "tanh", "hard_sigmoid", "hard_tanh", "step")
_HEADS = ("identity", "linear", "exponential", "softmax", "log_softmax")

#: The initializer of the layer in front of each activation.
AUTO: dict[str, Initializer] = {
    **dict.fromkeys(_RECTIFIERS, he_normal),
    "selu": lecun_normal,
    **dict.fromkeys((*_SATURATING, *_HEADS), glorot_uniform),
}


def auto(activation: str, **parameters: Any) -> Initializer:
    """Return the initializer for the weights in front of an activation.

    * The ReLU family loses about half of the variance in each layer, and He's weights make up for
      it; for a leaky ReLU with the very slope.
    * SELU's fixed point, mean 0 and variance 1, assumes ``Var W = 1 / fan_in``: LeCun's.
    * S-shaped activations and output heads get Glorot's, derived for a slope of 1 at 0: it keeps
      the signal out of the flat ends, and the gradient from vanishing, as far as one variance can.

    Args:
        activation: its name.
        parameters: its parameters, for example ``negative_slope``.

    Raises:
        ValueError: for an unknown name.

    Source: He et al. (2015), eq. 10 and 15; Klambauer, Unterthiner, Mayr & Hochreiter (2017),
    "Self-normalizing neural networks", section 2; Glorot & Bengio (2010), eq. 16.

    >>> auto("tanh").__name__
    'glorot_uniform'
    >>> auto("leaky_relu", negative_slope=0.2).keywords
    {'negative_slope': 0.2}
    """
    initializer = choose("activation", activation, AUTO)
    if activation == "leaky_relu":
        slope = parameters.get("negative_slope", 0.01)
        return functools.partial(initializer, negative_slope=slope)
    return initializer
