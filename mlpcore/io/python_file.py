"""Networks as Python files that need nothing but NumPy."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Primitive, results
from mlpcore.backend.extras import version
from mlpcore.backend.memory import address
from mlpcore.backend.workspace import Symbol
from mlpcore.io import predictor
from mlpcore.io.features import Feature, Number, one_hot_texts, standardised
from mlpcore.io.files import StrPath, write_atomically
from mlpcore.io.preprocessing import Preprocessing
from mlpcore.io.sources import Sources
from mlpcore.io.targets import Classes, Target, in_own_unit, most_probable
from mlpcore.layers import Pass
from mlpcore.network import Network

LINE = 100


def export_python(
    network: Network, path: StrPath, preprocessing: Preprocessing | None = None
) -> None:
    """Write a network to one Python file that needs nothing but NumPy.

    The file holds the parameters, the source of every function on the way, and ``forward(X)`` and
    ``predict(X)``, which compute what the network's own compute. With ``preprocessing`` it also has
    ``predict_table(columns)``, from columns by name to labels or values. Run as a program it prints
    the predictions for a file.

    Args:
        network: a single network or a stack, on any backend.
        path: the file; one that is there is replaced.
        preprocessing: what turned the table into the network's input.

    Raises:
        OSError: if the file cannot be written; what was there before is still there then.
        ValueError: for preprocessing of another network.
    """
    write_atomically(path, _file(network.to("cpu"), preprocessing).encode())


class Variable(Symbol):
    """An array under the name that it has in the file."""

    __slots__ = ("name",)

    def __init__(self, name: str, array: np.ndarray, script: Script):
        super().__init__(array, script)
        self.name = name


class Script:
    """Calls of primitives, written down as lines of Python.

    Attributes:
        sources: of the functions that the lines call.
        lines: one for each call.
        constants: what the members have each their own of.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.lines: list[str] = []
        self.constants: list[str] = []
        self._variables = 0

    def fresh(self) -> str:
        """A new variable's name."""
        self._variables += 1
        return f"x{self._variables}"

    def unnamed(self, shape: tuple[int, ...], dtype: Any) -> Variable:
        """What nobody needs."""
        return Variable("_", np.empty(shape, dtype), self)

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        """Write a call down."""
        given = [array.name for array in arrays]
        given += [f"{key}={self._literal(key, value)}" for key, value in parameters.items()]
        places, returned = results(primitive, arrays, out, self.unnamed)
        # Of several results only the first is needed to predict.
        places[0].name = self.fresh()
        call = f"{self.sources.add(primitive)}({', '.join(given)})"
        self.lines.append(f"{', '.join(place.name for place in places)} = {call}")
        return returned

    def _literal(self, key: str, value: Any) -> str:
        if not isinstance(value, np.ndarray):
            return repr(value)
        name = f"{key}_{len(self.constants)}"
        text = f"{name} = np.array({value.tolist()})"
        self.constants.append(fill(text, LINE, subsequent_indent="    "))
        return name


def _file(network: Network, preprocessing: Preprocessing | None) -> str:
    """The whole file."""
    sources = Sources("forward", "predict", "features", "decode", "predict_table")
    parts = [*_network(network, sources)]
    if preprocessing:
        preprocessing.check_fits(network.sizes)
        parts += _table(preprocessing, sources)
    parts += [_parameters(network.named, sources), _program(preprocessing, sources)]
    size = sum(array.nbytes for array in network.named.values())
    writer = " ".join(filter(None, ("mlpcore", version("mlpcore"))))
    data = "a CSV file with a header" if preprocessing else "a NPY file, or a CSV file of numbers"
    head = f'''"""A network that needs nothing but NumPy, {writer} wrote it:
{_escaped(repr(network))}

Import `predict`, or run the file to print the predictions for {data}.
The {size / 1000:,.1f} kB of parameters are at the end.
"""

from __future__ import annotations
'''
    return "\n\n\n".join((f"{head}\n{sources.imports}", sources.text, *parts)) + "\n"


def _network(network: Network, sources: Sources) -> Iterable[str]:
    """``forward`` and ``predict``."""
    script = Script(sources)
    named = {address(array): _identifier(name) for name, array in network.named.items()}
    p, s = (
        [
            {key: Variable(named[address(array)], array, script) for key, array in views.items()}
            for views in values.views
        ]
        for values in (network.values, network.statistics)
    )
    x = Variable(script.fresh(), np.empty((1, network.sizes[0]), network.dtype), script)
    check = f'{x.name} = {sources.add(predictor.rows)}(X, {network.sizes[0]}, "{network.dtype}")'
    logits, _ = network.propagate(x, p, s, Pass())
    stack = "" if network.members is None else f"{network.members}, "
    shapes = f"``({stack}n, {network.sizes[-1]})``, of rows ``(n, {network.sizes[0]})``"
    yield from script.constants
    lines = (check, *script.lines, f"return {logits.name}")
    yield _function("forward(X: Any)", f"The logits, {shapes}.", lines)
    script.lines.clear()
    predictions = network.head.link(logits)
    lines = (f"{logits.name} = forward(X)", *script.lines, f"return {predictions.name}")
    yield _function("predict(X: Any)", f"The output activations, {shapes}.", lines)


def _table(preprocessing: Preprocessing, sources: Sources) -> Iterable[str]:
    """``features``, ``decode`` and ``predict_table``."""
    columns = [f"    {_column(feature, sources)}," for feature in preprocessing.features]
    lines = ["parts = [", *columns, "]", 'return np.hstack(parts, dtype="float32")']
    text = "The network's input, from columns by name: numbers, NaN where one is missing, or texts."
    yield _function("features(columns: Any)", text, lines)
    lines = [f"return {_decoded('outputs', preprocessing.target, sources)}"]
    text = f"What the output activations say of {preprocessing.target.name!r}."
    yield _function("decode(outputs: np.ndarray)", text, lines)
    lines = ["return decode(predict(features(columns)))"]
    text = f"The column {preprocessing.target.name!r} from the others by name."
    yield _function("predict_table(columns: Any)", text, lines)


def _column(feature: Feature, sources: Sources) -> str:
    column = f"columns[{feature.name!r}]"
    if isinstance(feature, Number):
        numbers = f"{sources.add(predictor.as_numbers)}({column})"
        name = sources.add(standardised)
        return f"{name}({numbers}, {feature.mean!r}, {feature.deviation!r})[:, None]"
    return f"{sources.add(one_hot_texts)}({column}, {feature.categories!r})"


def _decoded(outputs: str, target: Target, sources: Sources) -> str:
    if isinstance(target, Classes):
        return f"{sources.add(most_probable)}({outputs}, {target.labels!r})"
    return f"{sources.add(in_own_unit)}({outputs}, {target.mean!r}, {target.deviation!r})"


def _parameters(named: Mapping[str, np.ndarray], sources: Sources) -> str:
    arrays = {_identifier(name): array for name, array in named.items()}
    little = [array.astype(array.dtype.newbyteorder("<")) for array in arrays.values()]
    text = base64.encodebytes(b"".join(array.tobytes() for array in little)).decode()
    names = "".join(f"    {name},\n" for name in arrays)
    shapes = "".join(f"        {array.shape},\n" for array in little)
    return (
        f"(\n{names}) = {sources.add(predictor.unpacked)}(\n"
        f'    "{little[0].dtype.str}",\n    [\n{shapes}    ],\n    """\n{text}""",\n)'
    )


def _program(preprocessing: Preprocessing | None, sources: Sources) -> str:
    if preprocessing:
        call = f"{sources.add(predictor.print_decoded)}(predict_table, sys.argv[1])"
    else:
        call = f"{sources.add(predictor.print_predictions)}(predict, sys.argv[1])"
    usage = "if len(sys.argv) != 2:\n        sys.exit(__doc__)"
    return f'if __name__ == "__main__":\n    {usage}\n    {call}'


def _function(signature: str, text: str, lines: Iterable[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f'def {signature} -> np.ndarray:\n    """{_escaped(text)}"""\n{body}'


def _escaped(text: str) -> str:
    """A text as it may stand within a docstring, which it shall not end."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _identifier(name: str) -> str:
    """``weight_0`` for ``layers.0.weight``."""
    _, layer, key = name.split(".")
    return f"{key}_{layer}"
