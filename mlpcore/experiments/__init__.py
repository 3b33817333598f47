"""Floor 6: sweeps over settings, trained as stacks of networks."""

from mlpcore.experiments.plan import Bucket, Plan
from mlpcore.experiments.records import Record
from mlpcore.experiments.result import SweepResult
from mlpcore.experiments.run import plan_sweep, sweep

__all__ = ["Bucket", "Plan", "Record", "SweepResult", "plan_sweep", "sweep"]
