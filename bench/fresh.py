"""What only a new process shows: how long it takes to start, and how much memory a step needs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

from .cases import Training
from .libraries import Library, Process, child_environment

#: A network that loads all that a library loads late, before memory is counted.
_WARM = Training((4, 3, 2), 32, 3)


@dataclass(frozen=True)
class FreshCase(ABC):
    """Something to measure in a process that does nothing else.

    Attributes:
        unit: of the figure, ``"s"`` or ``"B"``.
        flops: the least work; here it is not counted.
        repeats: how many processes of each library a sitting starts.
    """

    unit: ClassVar[str] = "s"
    flops: ClassVar[int] = 0
    repeats: ClassVar[int] = 2

    @property
    @abstractmethod
    def title(self) -> str:
        """The case in words."""

    @property
    def bytes(self) -> int:
        """The least that the figure could be, in its unit; 0 where that is not counted."""
        return 0

    @abstractmethod
    def suits(self, library: Library) -> bool:
        """Whether a library can be asked."""

    @abstractmethod
    def once(self, library: Library) -> float | None:
        """The figure of one new process; ``None`` where the system does not tell."""


@dataclass(frozen=True)
class Import(FreshCase):
    """Python started, the library imported, Python ended."""

    @property
    def title(self) -> str:
        """The case in words."""
        return "start Python and import"

    def suits(self, library: Library) -> bool:
        """Whether the library is more than a variant of another."""
        return bool(library.imports)

    def once(self, library: Library) -> float:
        """The seconds of the whole process."""
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-P", "-c", library.imports], env=child_environment(), check=True
        )
        return time.perf_counter() - start


@dataclass(frozen=True)
class FirstStep(FreshCase):
    """The first training step after the imports: built, compiled, run.

    Attributes:
        network: what to train.
        empty_caches: whether nothing may be compiled yet; else a process before it has done so.
    """

    network: Training
    empty_caches: bool = False

    @property
    def title(self) -> str:
        """The case in words."""
        kernels = ", no kernel compiled yet" if self.empty_caches else ""
        return f"first step of {self.network.title}{kernels}"

    def suits(self, library: Library) -> bool:
        """Whether it trains; those that keep what they compiled are asked both ways."""
        keeps = library.device == "gpu" or "compiled" in library.arguments
        return library.kinds >= {"training", "fit"} and (keeps or not self.empty_caches)

    def once(self, library: Library) -> float:
        """The seconds of the step, in a process that has imported all it needs."""
        if not self.empty_caches:
            return self._first(library, {})
        with tempfile.TemporaryDirectory() as folder:
            caches = ("CUPY_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
            return self._first(library, dict.fromkeys((*caches, "CUDA_CACHE_PATH"), folder))

    def _first(self, library: Library, environment: dict[str, str]) -> float:
        with Process(library, environment) as process:
            answer = process.ask(
                do="prepare", task=0, kind=self.network.kind, case=asdict(self.network)
            )
            figures = process.ask(do="check", task=0)["figures"]
            self.network.validate(library.name, figures, self.network.expected())
            return float(answer["first"])


@dataclass(frozen=True)
class Memory(FreshCase):
    """The most memory that training takes beside its data and the initial weights."""

    unit = "B"
    repeats = 2
    network: Training

    @property
    def title(self) -> str:
        """The case in words."""
        return self.network.title

    @property
    def bytes(self) -> int:
        """What must be kept."""
        return self.network.memory

    def suits(self, library: Library) -> bool:
        """Whether it trains."""
        return library.kinds >= {"training", "fit"}

    def once(self, library: Library) -> float | None:
        """The bytes."""
        with Process(library) as process:
            for network, do in ((_WARM, "prepare"), (self.network, "memory")):
                answer = process.ask(do=do, task=0, kind=network.kind, case=asdict(network))
            return None if answer["bytes"] is None else float(answer["bytes"])
