"""The benchmark suite: kernels and steps by pytest-benchmark, and the comparison with peers.

An installed mlpcore goes before the checkout's own folder, which has no compiled kernels in it.
"""

import sys
from pathlib import Path

#: The checkout.
ROOT = Path(__file__).resolve().parent.parent

sys.path[:] = [path for path in sys.path if Path(path).resolve() != ROOT] + [str(ROOT)]
