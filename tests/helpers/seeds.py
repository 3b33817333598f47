"""Good files for a fuzzer to start from."""

from __future__ import annotations

import io as memory
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas

import mlpcore as mc
from mlpcore import io
from table_files import archive, npy

ROWS = 24
FRAME = pandas.DataFrame(
    {
        "area": np.linspace(30, 200, ROWS),
        "rooms": np.arange(ROWS) % 5,
        "kind": [("flat", "house", None)[i % 3] for i in range(ROWS)],
        "sold": [i % 2 == 0 for i in range(ROWS)],
    }
)


def models() -> list[bytes]:
    """Single networks and stacks; the first two with the preprocessing of `FRAME`."""
    with TemporaryDirectory() as folder:
        FRAME.to_csv(Path(folder, "data.csv"), index=False)
        preprocessing = io.Preprocessing.fit(io.read_table(Path(folder, "data.csv")), "sold")
        rates = np.array([0.1, 0.5])
        found = []
        for net, made in (
            (mc.MLP([4, 3, 2], normalization="batch", dropout=0.1), preprocessing),
            (mc.MLP([4, 3, 2], activation=["elu(alpha=0.5)"], seed=3), preprocessing),
            (mc.MLP([4, (2, 3), 1], output="identity", members=2, dropout=rates), None),
            (mc.MLP([4, 2], output="sigmoid", dtype="float64", seed=(1, 2)), None),
        ):
            io.save(net, Path(folder, "net.safetensors"), made)
            found.append(Path(folder, "net.safetensors").read_bytes())
    return found


def tables() -> dict[str, list[bytes]]:
    """Tables by their names' endings."""
    text = FRAME.to_csv(index=False)
    quoted = 'a,"b ""x""",c\r\n1,"two\r\nlines",3\r\n-1.5e3,,NaN\r\n'
    columns = {"area": FRAME["area"], "sold": FRAME["sold"], "X": np.eye(ROWS)[:, :3]}
    written = {"plain": memory.BytesIO(), "deflated": memory.BytesIO()}
    np.savez(written["plain"], **columns)
    np.savez_compressed(written["deflated"], kind=np.array(["a", "b"]), n=np.arange(2))
    frames = [memory.BytesIO(), memory.BytesIO()]
    FRAME.to_parquet(frames[0])
    FRAME.astype({"kind": "category", "rooms": "Int64"}).to_parquet(
        frames[1], compression=None, index=False
    )
    return {
        ".csv": [text.encode(), quoted.encode(), b"x\n1\n"],
        ".tsv": [text.replace(",", "\t").encode()],
        ".npz": [
            *(file.getvalue() for file in written.values()),
            archive(
                ("x.npy", npy("<f8", "(2,)", bytes(16))), ("y.npy", npy("|b1", "(2,)", b"\0\1"))
            ),
        ],
        ".parquet": [file.getvalue() for file in frames],
    }
