"""The UCI optical digits: 1797 images of 8 x 8 pixels, from scikit-learn's own copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpcore.backend.extras import require
from mlpcore.io.features import Number
from mlpcore.io.preprocessing import Preprocessing
from mlpcore.io.tables import Table
from mlpcore.io.targets import Classes

#: A pixel counts the dark points in a block of 4 x 4 of the scanned image.
DARKEST = 16.0
PIXELS = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))


def digits_table() -> Table:
    """Raw pixels, 0 to 16, in columns ``pixel_0_0`` to ``pixel_7_7``, and the column ``digit``.

    Raises:
        ImportError: without scikit-learn, which the extra "cli" brings.

    Source: Alpaydin & Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, doi:10.24432/C50P49.
    """
    pixels, labels = require("sklearn.datasets", "cli").load_digits(return_X_y=True)
    columns = dict(zip(PIXELS, np.asarray(pixels).T, strict=True))
    return Table({**columns, "digit": np.asarray(labels, dtype=np.int64)}, "digits")


def digits_preprocessing() -> Preprocessing:
    """Pixels divided by 16, so that 0 is paper and 1 is ink; ten classes."""
    features = tuple(Number(name, mean=0.0, deviation=DARKEST) for name in PIXELS)
    return Preprocessing(features, Classes("digit", tuple(range(10))))


def load_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images ``X / 16`` as ``(1797, 64)`` float32 and the digits ``(1797,)`` int64.

    >>> X, y = load_digits()
    >>> X.shape, X.dtype.name, float(X.max()), y[:5].tolist()
    ((1797, 64), 'float32', 1.0, [0, 1, 2, 3, 4])
    """
    table = digits_table()
    return digits_preprocessing().transform(table), table.column("digit")
