"""Many mutated inputs: few in the suite, as many as ``MLPCORE_FUZZ`` says where it is set."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

#: Cases of all tests together; about a second for each thousand.
TOTAL = int(os.environ.get("MLPCORE_FUZZ", "400"))
SEED = int(os.environ.get("MLPCORE_FUZZ_SEED", "8"))

BYTES = b"\x00\xff\x7f\x80\n\r,\t\"'[]{}:.-+eE019aN \xc3"
NUMBERS = [0, 1, 2**16, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
KINDS = ("flip", "byte", "number", "cut", "truncate", "copy", "insert")

#: An edit: its kind, and two numbers that say where and with what.
Edit = tuple[str, int, int]
edits: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    min_size=1,
    max_size=6,
)


def edited(contents: bytes, edits: Sequence[Edit], snippets: Sequence[bytes]) -> bytes:
    """Contents after some edits."""
    data = bytearray(contents)
    for kind, a, b in edits:
        size = max(len(data), 1)
        at = a % size
        if kind == "flip":
            data[at : at + 1] = bytes(byte ^ 1 << b % 8 for byte in data[at : at + 1])
        elif kind == "byte":
            data[at : at + 1] = BYTES[b % len(BYTES) :][:1]
        elif kind == "number":
            data[at : at + 8] = struct.pack("<Q", NUMBERS[b % len(NUMBERS)])
        elif kind == "cut":
            del data[at : at + b % 64]
        elif kind == "truncate":
            del data[at:]
        elif kind == "copy":
            data[at:at] = data[b % size :][: b % 256]
        else:
            data[at:at] = snippets[b % len(snippets)]
    return bytes(data)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2, 3, 10**6, 10**9, 10**12, 2**31, 2**63, 2**64, 10**400]),
    st.floats(),
    st.sampled_from([0.5, 1.0, -0.0, 1e-320, 1e300]),
    st.text(max_size=12),
    st.sampled_from(
        [
            *(
                "relu",
                "elu(alpha=2)",
                "elu(alpha=[1, 2])",
                "gelu(approximate='x')",
                "huber(delta=1)",
            ),
            *("softmax", "identity", "batch", "layer", "float64", "number", "category", "classes"),
            *("quantity", "((", "f(**x)", "a.b", "x" * 3000, "\ud800", "-" * 300 + "1", "members"),
        ]
    ),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["members", "name", "kind", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
#: Where in a JSON text to put another value, or with ``...`` nothing at all.
grafts = st.lists(st.tuples(st.integers(0, 2**16), st.just(...) | values), min_size=1, max_size=3)


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON tree, as a container and a key."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from places(node[key])


def grafted(tree: Any, grafts: Sequence[tuple[int, Any]]) -> Any:
    """A JSON tree with other values in some places."""
    tree = json.loads(json.dumps(tree))
    for place, value in grafts:
        found = list(places(tree))
        if found:
            node, key = found[place % len(found)]
            if value is ...:
                del node[key]
            else:
                node[key] = value
    return tree


def run(
    share: float,
    test: Callable[..., None],
    *strategies: st.SearchStrategy[Any],
    least: int = 8,
) -> int:
    """Run a test on its share of the cases, and say how many there were."""
    count = 0

    def counted(drawn: tuple[Any, ...]) -> None:
        nonlocal count
        count += 1
        test(*drawn)

    wanted = max(round(share * TOTAL), least)
    check = settings(
        max_examples=wanted,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(SEED)(check(given(st.tuples(*strategies))(counted)))()
    assert count >= wanted
    return count
