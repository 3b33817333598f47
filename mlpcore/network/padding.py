"""Members of several kinds in the arrays of the widest: each padded with zeros."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlpcore.network.build import Structure
from mlpcore.network.configuration import Configuration

#: Parameters and running statistics, on the host.
Buffers = tuple[np.ndarray, np.ndarray]


def assembled(
    make: Callable[[Configuration, Structure], Buffers],
    settings: Configuration,
    structure: Structure,
) -> Buffers:
    """What ``make`` gives for each kind by itself: a member gets what it would get alone."""
    kinds = settings.kinds
    if len(kinds) == 1:
        return make(settings, structure)
    whole = tuple(np.zeros((settings.members or 1, layout.size)) for layout in structure.layouts)
    for members in kinds:
        own = settings.select(members)
        narrow = Structure(own)
        parts = make(own, narrow)
        for buffer, part, wide, other in zip(whole, parts, structure.layouts, narrow.layouts):
            buffer[members] = wide.adapted(part, other)
    return whole[0], whole[1]


def present(settings: Configuration, structure: Structure) -> Buffers:
    """1 where a member has a parameter, or a statistic, and 0 where there is padding or a gap."""

    def ones(settings: Configuration, structure: Structure) -> Buffers:
        lead = settings.identity.seeds.shape
        buffers = tuple(np.zeros((*lead, layout.size)) for layout in structure.layouts)
        for buffer, layout in zip(buffers, structure.layouts):
            for values in layout.views(buffer):
                for value in values.values():
                    value[...] = 1
        return buffers[0], buffers[1]

    return assembled(ones, settings, structure)
