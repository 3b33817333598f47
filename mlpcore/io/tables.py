"""Tables: named columns of one length."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Column = NDArray[Any]


@dataclass(frozen=True)
class Table:
    """Columns of one length, by name.

    A column ``(n,)`` holds real numbers (NaN where one is missing) or texts (dtype object, ``None``
    where one is missing).

    Attributes:
        columns: the columns, in the file's order.
        source: the file's name, for error messages.
        unusable: the reason why, for each further column that holds something else.

    >>> import numpy as np
    >>> table = Table({"size": np.array([1.0, 2.0]), "kind": np.array(["a", None])}, "data.csv")
    >>> len(table), table.take(np.array([1])).column("size")
    (2, array([2.]))
    >>> table.column("sise")
    Traceback (most recent call last):
        ...
    ValueError: data.csv: got no column 'sise'; it has 'size', 'kind'; did you mean 'size'?
    """

    columns: Mapping[str, Column]
    source: str
    unusable: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of all columns, the unusable ones last."""
        return [*self.columns, *self.unusable]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str) -> Column:
        """The column of this name.

        Raises:
            ValueError: if there is none, with the nearest name, or if it is unusable.
        """
        if name in self.columns:
            return self.columns[name]
        if name in self.unusable:
            raise self.fault(name, self.unusable[name])
        known = ", ".join(map(repr, self.names[:20])) or "none at all"
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{self.source}: got no column {name!r}; it has {known}{more}{hint}")

    def take(self, rows: NDArray[Any]) -> Table:
        """The table of these rows only."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Table(columns, self.source, self.unusable)

    def fault(self, name: str, message: str) -> ValueError:
        """An error that names the file and the column."""
        return ValueError(f"{self.source}, column {name!r}: {message}")
