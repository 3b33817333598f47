"""Floor 4: optimizers, schedules, batches, the recorded step and the one fit loop."""

from mlpcore.training import schedules
from mlpcore.training.callbacks import Callback
from mlpcore.training.checkpoint import Checkpoint
from mlpcore.training.early_stopping import EarlyStopping
from mlpcore.training.errors import DivergenceError
from mlpcore.training.fit import fit
from mlpcore.training.history import Epoch, History
from mlpcore.training.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSProp
from mlpcore.training.state import State

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Callback",
    "Checkpoint",
    "DivergenceError",
    "EarlyStopping",
    "Epoch",
    "History",
    "Optimizer",
    "RMSProp",
    "State",
    "fit",
    "schedules",
]
