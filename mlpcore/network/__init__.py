"""Floor 3: the network, its flat parameters, its loss and its gradients."""

from mlpcore.network.network import Network
from mlpcore.network.parameters import Parameters

__all__ = ["Network", "Parameters"]
