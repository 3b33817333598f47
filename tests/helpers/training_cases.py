"""What is trained in every way of training: data, activations, losses and optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np

import mlpcore as mc
from mlpcore import schedules
from mlpcore.functions import activations

ROWS, FEATURES, OUTPUTS = 11, 4, 3
MEMBERS = 3
RATES = np.array([0.1, 0.5, 0.0])

X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
LABELS = np.random.default_rng(1).integers(0, OUTPUTS, ROWS)
VALUES = np.random.default_rng(2).normal(size=(ROWS, OUTPUTS))
SHARES = np.random.default_rng(3).dirichlet(np.ones(OUTPUTS), ROWS)
COUNTS = np.random.default_rng(4).poisson(1.0, (ROWS, OUTPUTS)).astype(float)
WEIGHTS = np.random.default_rng(5).uniform(0.1, 2.0, (MEMBERS, ROWS))

ACTIVATIONS = [
    *activations.__all__,
    "leaky_relu(negative_slope=0.2)",
    "elu(alpha=0.5)",
    "gelu(approximate='tanh')",
]

#: One of each rule, with all that every rule takes. A large epsilon, since behind a bias in front
#: of batch normalization there is rounding alone, which a small one would blow up.
OPTIMIZERS = [
    mc.SGD(0.1),
    mc.SGD(0.1, l2=0.1, weight_decay=0.1, clip_norm=0.3, clip_value=0.1),
    mc.SGD(0.1, momentum=0.9, clip_norm=0.3),
    mc.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    mc.RMSProp(0.01, epsilon=1e-2, l2=0.1),
    mc.Adagrad(0.1, epsilon=1e-2, clip_value=0.1),
    mc.Adam(0.01, epsilon=1e-2, l2=0.1, clip_norm=0.3),
    mc.AdamW(0.01, epsilon=1e-2, weight_decay=0.3),
    mc.SGD(schedules.CosineDecay(0.1, epochs=3)),
]

#: The same with values by member.
STACKED_OPTIMIZERS = [
    mc.SGD([0.1, 0.0, 0.3], l2=[0.0, 0.1, 0.5], clip_norm=[0.1, np.inf, 0.3]),
    mc.SGD(0.1, momentum=[0.0, 0.5, 0.9], clip_value=[0.1, np.inf, 0.02]),
    mc.SGD(0.1, momentum=[0.1, 0.5, 0.9], nesterov=True, weight_decay=[0.0, 0.1, 0.5]),
    mc.RMSProp([0.01, 0.02, 0.03], rho=[0.5, 0.9, 0.99], epsilon=[1e-2, 1e-1, 1.0]),
    mc.Adagrad(0.1, epsilon=[1e-2, 1e-1, 1.0]),
    mc.Adam(0.01, beta1=[0.0, 0.9, 0.5], beta2=[0.9, 0.99, 0.999], epsilon=1e-2),
    mc.AdamW(schedules.WarmUp([0.1, 0.2, 0.3], epochs=2), epsilon=1e-2, weight_decay=[0.1, 0.2, 0]),
]

LOSSES: dict[str, tuple[dict[str, Any], Any]] = {
    "labels": ({}, LABELS),
    "labels smoothed": ({"label_smoothing": 0.2}, LABELS),
    "probabilities": ({"label_smoothing": 0.2}, SHARES),
    "shares": ({"output": "sigmoid"}, SHARES),
    "squared error": ({"output": "identity"}, VALUES),
    "absolute error": ({"output": "identity", "loss": "absolute_error"}, VALUES),
    "huber": ({"output": "identity", "loss": "huber(delta=0.5)"}, VALUES),
    "counts": ({"output": "exponential"}, COUNTS),
}
