"""Schedules of the learning rate."""

from mlpcore.training.schedules.constant import Constant
from mlpcore.training.schedules.cosine_decay import CosineDecay
from mlpcore.training.schedules.exponential_decay import ExponentialDecay
from mlpcore.training.schedules.inverse_scaling import InverseScaling
from mlpcore.training.schedules.one_cycle import OneCycle
from mlpcore.training.schedules.reduce_on_plateau import ReduceOnPlateau
from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.schedules.step_decay import StepDecay
from mlpcore.training.schedules.warm_up import WarmUp

__all__ = [
    "Constant",
    "CosineDecay",
    "ExponentialDecay",
    "InverseScaling",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
]
