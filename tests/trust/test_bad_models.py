"""Model files that no network can be made of: one error that names the file, and nothing more."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from bounds import bounded
from mlpcore import io
from model_files import description, forged, parts, tensors, whole

pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "net.safetensors"
    table = io.Table({"x": np.array([1.0, 2.0]), "y": np.array([0, 1])}, "data.csv")
    io.save(mc.MLP([1, 5, 2]), path, io.Preprocessing.fit(table, "y"))
    return path.read_bytes()


def refused(path: Path, contents: bytes, words: str = "") -> None:
    """Neither reader takes the file, in little time and memory."""
    path.write_bytes(contents)
    for read in (mc.load, io.load_preprocessing):
        with bounded(5, 64), pytest.raises(ValueError, match="got a") as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert words in message
        assert len(message) < 1000
        assert "\n" not in message


def test_truncated_at_every_length(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "net.safetensors"
    with bounded(60, 64):
        for length in range(len(contents)):
            path.write_bytes(contents[:length])
            with pytest.raises(ValueError, match="got a file that is truncated") as caught:
                mc.load(path)
            assert str(path) in str(caught.value)


def test_grown_at_either_end(tmp_path: Path, contents: bytes) -> None:
    for more in (b"\0", contents, bytes(1000)):
        refused(tmp_path / "net.safetensors", contents + more)
        refused(tmp_path / "net.safetensors", more + contents)


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return depth * opening + depth * closing


#: Headers of the safetensors format itself, from those of a good file.
HEADERS: dict[str, Callable[[dict[str, Any], bytes], bytes]] = {
    "nothing": lambda header, numbers: b"",
    "a length of 2^63": lambda h, n: struct.pack("<Q", 2**63) + whole(h, n)[8:],
    "a length of 2^64 - 1": lambda h, n: struct.pack("<Q", 2**64 - 1) + whole(h, n)[8:],
    "a length of a gigabyte": lambda h, n: struct.pack("<Q", 2**30) + whole(h, n)[8:],
    "a length of 99 megabytes": lambda h, n: struct.pack("<Q", 99 * 10**6) + whole(h, n)[8:],
    "no JSON": lambda h, n: whole(b"x,y\n1,2\n", n),
    "no mapping": lambda h, n: whole([1, 2], n),
    "no UTF-8": lambda h, n: whole(json.dumps(h).encode().replace(b"bias", b"bi\xffs"), n),
    "100 deep": lambda h, n: whole(nested(100).encode(), n),
    "a million deep": lambda h, n: whole(nested(10**6, '{"a":', "}").encode(), n),
    "metadata twice": lambda h, n: whole(
        json.dumps(h).encode()[:-1] + b',"__metadata__":{"mlpcore":"{}"}}', n
    ),
    "metadata of numbers": lambda h, n: whole({**h, "__metadata__": {"mlpcore": 1}}, n),
    "terabytes": lambda h, n: whole(
        {**h, "z": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}, n
    ),
    "more than 2^64": lambda h, n: whole(
        {**h, "z": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}, n
    ),
    "a negative shape": lambda h, n: whole(
        {**h, "z": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, n
    ),
    "overlapping tensors": lambda h, n: whole(
        {**h, "z": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, n
    ),
    "an unknown type": lambda h, n: whole(
        {**h, "z": {"dtype": "X9", "shape": [0], "data_offsets": [len(n), len(n)]}}, n
    ),
    "a type that NumPy lacks": lambda h, n: whole(
        {**h, "z": {"dtype": "BF16", "shape": [0], "data_offsets": [len(n), len(n)]}}, n
    ),
    "another program's": lambda h, n: whole({**h, "__metadata__": {"format": "pt"}}, n),
    "no metadata": lambda h, n: whole({k: v for k, v in h.items() if k != "__metadata__"}, n),
    "metadata only": lambda h, n: whole({"__metadata__": h["__metadata__"]}),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers(tmp_path: Path, contents: bytes, case: str) -> None:
    refused(tmp_path / "net.safetensors", HEADERS[case](*parts(contents)))


#: What stands where the description should, as text.
TEXTS = {
    "nothing": "",
    "no JSON": "not JSON",
    "a list": "[1]",
    "a number": "3",
    "null": "null",
    "a name twice": '{"format": 1, "format": 1, "configuration": {}, "crc32": "0"}',
    "a name twice, within": '{"format": 1, "configuration": {"a": 1, "a": 2}, "crc32": "0"}',
    "900 deep": f'{{"format": 1, "configuration": {nested(900)}, "crc32": "0"}}',
    "980 deep": f'{{"format": 1, "configuration": {nested(980)}, "crc32": "0"}}',
    "100,000 deep": nested(10**5),
    "a number of 5,000 digits": '{"format": ' + "9" * 5000 + "}",
    "half a surrogate": '{"format": 1, "configuration": "\\ud800", "crc32": "0"}',
    "no checksum": '{"format": 1, "configuration": {}}',
    "a wrong checksum": '{"format": 1, "configuration": {}, "crc32": "00000000"}',
    "a checksum of another type": '{"format": 1, "configuration": {}, "crc32": [0]}',
}


@pytest.mark.parametrize("case", TEXTS)
def test_descriptions(tmp_path: Path, contents: bytes, case: str) -> None:
    file = forged(None, tensors(contents), text=TEXTS[case])
    refused(tmp_path / "net.safetensors", file, "got a damaged model")


#: What takes the place of settings; the checksum is right.
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "a trillion members": {"members": 10**12},
    "more members than 2^64": {"members": 10**30},
    "widths of a billion": {"sizes": [10**9, 10**9, 2]},
    "a width of none": {"sizes": [0, 10**12, 0]},
    "a hundred thousand layers": {"sizes": [1] * 10**5},
    "one size": {"sizes": [3]},
    "a trillion members' widths": {"sizes": [1, [5] * 1000, 2], "members": 10**12},
    "sizes that are text": {"sizes": "123"},
    "a mapping for sizes": {"sizes": {"members": [1, 2]}},
    "a million seeds": {"seed": [1] * 10**6},
    "a seed of text": {"seed": "x"},
    "deep rates": {"dropout": json.loads(nested(500))},
    "uneven rates": {"dropout": {"members": [[1], [1, 2]]}},
    "one long text of many members": {
        "activation": {"members": ["x" * 10**5, *["relu"] * 10**4]},
    },
    "a name of a megabyte": {"activation": "e" * 10**6},
    "open brackets": {"activation": "(" * 10**5},
    "signs without end": {"activation": "-" * 10**5 + "1"},
    "sums without end": {"activation": "elu(alpha=" + "1+" * 10**5 + "1)"},
    "attributes without end": {"init": "a." * 10**5 + "a"},
    "lambdas": {"loss": "(lambda: 1)()"},
    "a call": {"loss": "__import__('os').system('true')"},
    "a power of powers": {"activation": "elu(alpha=9**9**9)"},
    "a number of 5,000 digits": {"activation": f"elu(alpha={'9' * 5000})"},
    "a number beyond floats": {"activation": f"elu(alpha={'9' * 400})"},
    "a dtype of text": {"dtype": "object"},
    "another dtype": {"dtype": "float64"},
    "an unknown setting": {"backend": "gpu"},
    "self": {"self": 1},
    **{
        f"{value!r} for {name}": {name: value}
        for name in ("sizes", "activation", "output", "loss", "init", "dtype", "seed")
        for value in (None, {}, [[]], True)
        if (name, value) != ("seed", [[]])
    },
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_configurations(tmp_path: Path, contents: bytes, case: str) -> None:
    path, told = tmp_path / "net.safetensors", description(contents)
    told["configuration"] = {**told["configuration"], **CONFIGURATIONS[case]}
    path.write_bytes(forged(told, tensors(contents)))
    with bounded(5, 128), pytest.raises(ValueError, match="got a damaged model") as caught:
        mc.load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_newer_format_asks_for_a_newer_library(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "net.safetensors"
    told = {**description(contents), "format": 2, "version": "7.1", "configuration": "other"}
    path.write_bytes(forged(told, tensors(contents)))
    for read in (mc.load, io.load_preprocessing):
        with pytest.raises(ValueError, match=r"format 2, expected 1; use mlpcore 7\.1, which"):
            read(path)


def test_an_older_library_wrote_the_same_format(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "net.safetensors"
    told = description(contents)
    assert told["version"] == mc.__version__
    del told["configuration"]["init_scale"], told["preprocessing"]
    path.write_bytes(forged({**told, "version": None}, tensors(contents)))
    assert mc.load(path).settings.init_scale == 1.0
    assert io.load_preprocessing(path) is None
