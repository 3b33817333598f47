"""Floor 3: the network, its flat parameters, its loss and its gradients."""

from mlpcore.network.gradients import Named
from mlpcore.network.network import Network

__all__ = ["Named", "Network"]
