"""An ONNX graph that is written by computing: on its values, NumPy's functions become nodes.

So the bodies in `mlpcore.functions` describe themselves, and no formula is written again for ONNX.
Where ONNX has a primitive as an operator of its own, the graph gets that: the runtimes know it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from mlpcore.backend.dispatch import Primitive
from mlpcore.backend.extras import require, version
from mlpcore.backend.memory import address
from mlpcore.backend.workspace import Symbol

#: Primitives that ONNX has, and its names for their parameters.
STANDARD: dict[str, tuple[str, dict[str, str]]] = {
    "elu": ("Elu", {"alpha": "alpha"}),
    "exponential": ("Exp", {}),
    "gelu": ("Gelu", {"approximate": "approximate"}),
    "layer_norm": ("LayerNormalization", {"epsilon": "epsilon"}),
    "leaky_relu": ("LeakyRelu", {"negative_slope": "alpha"}),
    "mish": ("Mish", {}),
    "relu": ("Relu", {}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {}),
    "softplus": ("Softplus", {}),
}
#: Those of them that ONNX Runtime computes in float64 too.
FLOAT64 = {"exponential", "relu", "sigmoid", "softmax"}
UFUNCS = {
    np.absolute: "Abs",
    np.add: "Add",
    np.ceil: "Ceil",
    np.divide: "Div",
    np.exp: "Exp",
    np.floor: "Floor",
    np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual",
    np.isnan: "IsNaN",
    np.less: "Less",
    np.less_equal: "LessOrEqual",
    np.log: "Log",
    np.matmul: "MatMul",
    np.maximum: "Max",
    np.minimum: "Min",
    np.multiply: "Mul",
    np.negative: "Neg",
    np.sqrt: "Sqrt",
    np.subtract: "Sub",
    np.tanh: "Tanh",
}
#: The domain of the operators for tables.
TABLES = "ai.onnx.ml"
#: The oldest operator sets that have what is used here, for the oldest runtimes that can serve.
OPSETS = {"": 20, TABLES: 3}
#: A model is one protocol buffer, which holds no more bytes than this; some are for the nodes.
LARGEST = 2**31 - 2**20


class Value(NDArrayOperatorsMixin):
    """An array that the runtime will have: an input of the graph, or a node's result.

    Attributes:
        graph: where it belongs.
        name: what the graph calls it.
        example: a NumPy array of its dtype, and of its shape for a batch of one row.
    """

    def __init__(self, graph: Graph, name: str, example: np.ndarray):
        self.graph = graph
        self.name = name
        self.example = example

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape for a batch of one row."""
        return self.example.shape

    @property
    def dtype(self) -> Any:
        """NumPy's dtype."""
        return self.example.dtype

    @property
    def device(self) -> Any:
        """NumPy's device."""
        return self.example.device

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return np

    def __array_ufunc__(self, ufunc: Any, method: str, *arrays: Any, **settings: Any) -> Any:
        if ufunc in WITHOUT_OPERATOR:
            return WITHOUT_OPERATOR[ufunc](*arrays)
        if method != "__call__" or ufunc not in UFUNCS:
            return NotImplemented
        return self.graph.compute(UFUNCS[ufunc], ufunc, *arrays)

    def __array_function__(self, function: Any, types: Any, arrays: Any, settings: Any) -> Any:
        return FUNCTIONS[function](*arrays, **settings) if function in FUNCTIONS else NotImplemented

    def __getitem__(self, key: tuple[Any, ...]) -> Value:
        """``value[..., None, :]``, new axes of length one, or ``value[..., 0]``; nothing else."""
        behind = key[key.index(...) + 1 :]
        if isinstance(behind[0], int):
            place = np.array(behind[0])
            return self.graph.node("Gather", self.example[key], self, place, axis=-1)
        axes = [place - len(behind) for place, entry in enumerate(behind) if entry is None]
        return self.graph.node("Unsqueeze", self.example[key], self, np.array(axes))

    def astype(self, dtype: Any) -> Value:
        """The value in another type, or itself."""
        if self.dtype == dtype:
            return self
        kind = self.graph.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.graph.node("Cast", self.example.astype(dtype), self, to=kind)


def _where(condition: Any, x: Any, y: Any) -> Value:
    graph: Graph = next(a.graph for a in (condition, x, y) if isinstance(a, Value))
    return graph.compute("Where", np.where, condition, x, y)


def _taken(x: Value, places: np.ndarray, axis: int) -> Value:
    return x.graph.node("Gather", np.take(x.example, places, axis=axis), x, places, axis=axis)


def _concatenated(values: Sequence[Value], axis: int) -> Value:
    example = np.concat([value.example for value in values], axis=axis)
    return values[0].graph.node("Concat", example, *values, axis=axis)


# ONNX Runtime's reductions, ArgMax among them, give an empty batch a wrong shape. So a mean is a
# product, and the largest is the first of the sorted.


def _mean(x: Any, axis: int, keepdims: bool = False) -> Any:
    columns = x.shape[axis]
    mean = x @ np.full((columns, 1), 1 / columns, dtype=x.dtype)
    return mean if keepdims else mean[..., 0]


def _variance(x: Any, axis: int) -> Any:
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    return np.mean(deviation * deviation, axis=axis)


def _place_of_largest(x: Value, axis: int) -> Value:
    example = np.zeros((*x.shape[:-1], 1), dtype=np.int64)
    return x.graph.node("TopK", example, x, np.array([1]), result=1, axis=axis)[..., 0]


#: What ONNX lacks; `expm1` and `log1p` lose digits near 0, but none of a number of size 1.
WITHOUT_OPERATOR: dict[Any, Callable[..., Any]] = {
    np.expm1: lambda x: np.exp(x) - 1,
    np.log1p: lambda x: np.log(1 + x),
    np.trunc: lambda x: np.where(x < 0, np.ceil(x), np.floor(x)),
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.argmax: _place_of_largest,
    np.concat: _concatenated,
    np.mean: _mean,
    np.ones_like: lambda x: np.ones((), x.dtype),
    np.take: _taken,
    np.var: _variance,
    np.where: _where,
    np.zeros_like: lambda x: np.zeros((), x.dtype),
}


class Graph:
    """The nodes, constants, inputs and outputs of a graph.

    Symbols of its values may go through a network, which is then recorded here.

    Attributes:
        helper: the functions of ``onnx.helper``.
    """

    def __init__(self, named: Mapping[str, np.ndarray]):
        """Start with the arrays that shall keep their names."""
        self._onnx = require("onnx", "onnx")
        self.helper = self._onnx.helper
        self._names = {address(array): name for name, array in named.items()}
        self._taken: set[str] = set()
        self._numbers: dict[Any, str] = {}
        self._initializers: list[Any] = []
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, dtype: Any, shape: tuple[Any, ...]) -> Value:
        """An input; a text among the shape's lengths is one that each run chooses anew."""
        self._taken.add(name)
        self._inputs.append(self._described(name, dtype, shape))
        lengths = [1 if isinstance(length, str) else length for length in shape]
        return Value(self, name, np.zeros(lengths, dtype=dtype))

    def output(self, name: str, value: Value, shape: tuple[Any, ...]) -> None:
        """An output; it gets another name where an input has this one."""
        name = self._fresh(name)
        self._nodes.append(self.helper.make_node("Identity", [value.name], [name], name=name))
        self._outputs.append(self._described(name, value.dtype, shape))

    def symbol(self, value: Value) -> Symbol:
        """A value as primitives take it."""
        return Symbol(value, self)

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        """ONNX's own operator where there is one, else the nodes of the body."""
        values = [array.array if isinstance(array, Symbol) else array for array in arrays]
        if not self._has_operator(primitive, values, parameters):
            result = primitive.reference(*values, **parameters)
            several = isinstance(result, tuple)
            return tuple(map(self.symbol, result)) if several else self.symbol(result)
        operator, names = STANDARD[primitive.name]
        attributes = {names[key]: value for key, value in parameters.items()}
        result = self.symbol(self.node(operator, values[0].example, *values, **attributes))
        shapes = primitive.shapes(*values)
        # Of several results only the first is needed to predict.
        several = isinstance(shapes[0], tuple)
        return (result, *shapes[1:]) if several else result

    def compute(self, operator: str, function: Callable[..., Any], *arrays: Any) -> Value:
        """A node of numbers of one type, to which plain numbers are brought."""
        typed = [a.dtype for a in arrays if isinstance(a, (Value, np.ndarray))]
        dtype = next(dtype for dtype in typed if dtype.kind == "f")
        values = [
            a if isinstance(a, (Value, np.ndarray)) else np.asarray(a, dtype=dtype) for a in arrays
        ]
        with np.errstate(all="ignore"):
            example = function(*(v.example if isinstance(v, Value) else v for v in values))
        return self.node(operator, example, *values)

    def node(
        self,
        operator: str,
        example: np.ndarray,
        *inputs: Any,
        domain: str = "",
        result: int = 0,
        **attributes: Any,
    ) -> Value:
        """Add a node and return one of its results, of which ``example`` is one."""
        names = [i.name if isinstance(i, Value) else self._constant(i) for i in inputs]
        name = self._fresh(operator.lower())
        outputs = [*(self._fresh(f"{name}_unused") for _ in range(result)), name]
        node = self.helper.make_node(
            operator, names, outputs, name=name, domain=domain, **attributes
        )
        self._nodes.append(node)
        return Value(self, name, example)

    def model(self, description: str, properties: Mapping[str, Any]) -> bytes:
        """The finished model, checked, as an ONNX file holds it.

        Args:
            description: for people.
            properties: kept beside it as JSON.

        Raises:
            ValueError: for more than ONNX puts into one file.
        """
        size = sum(constant.ByteSize() for constant in self._initializers)
        if size > LARGEST:
            raise ValueError(
                f"got parameters of {size} bytes, expected at most {LARGEST}, which is what one "
                "ONNX file holds"
            )
        graph = self.helper.make_graph(
            self._nodes, "mlpcore", self._inputs, self._outputs, self._initializers
        )
        domains = {"", *(node.domain for node in self._nodes)}
        opsets = [self.helper.make_opsetid(domain, OPSETS[domain]) for domain in sorted(domains)]
        model = self.helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=self.helper.find_min_ir_version_for(opsets),
            producer_name="mlpcore",
            producer_version=version("mlpcore") or "",
            doc_string=description,
        )
        self.helper.set_model_props(model, {"mlpcore": json.dumps(properties)})
        self._onnx.checker.check_model(model, full_check=True)
        contents: bytes = model.SerializeToString()
        return contents

    def _has_operator(
        self, primitive: Primitive, values: list[Any], parameters: Mapping[str, Any]
    ) -> bool:
        """Whether ONNX has the primitive for these types, with numbers for all members alike."""
        own = any(np.ndim(value) for value in parameters.values())
        stacked = any(np.ndim(array) > 1 for array in values[1:])
        known = primitive.name in (FLOAT64 if values[0].dtype == np.float64 else STANDARD)
        return known and not own and not stacked

    def _constant(self, array: np.ndarray) -> str:
        number = array.ndim == 0 and (array.dtype.str, array.tobytes())
        if number in self._numbers:
            return self._numbers[number]
        name = self._fresh(self._names.get(address(array), "constant"))
        self._initializers.append(self._onnx.numpy_helper.from_array(array, name))
        if number:
            self._numbers[number] = name
        return name

    def _fresh(self, name: str) -> str:
        """The name itself, or with the next number behind it where it is taken."""
        number, fresh = 1, name
        while fresh in self._taken:
            number, fresh = number + 1, f"{name}_{number}"
        self._taken.add(fresh)
        return fresh

    def _described(self, name: str, dtype: Any, shape: tuple[Any, ...]) -> Any:
        kind = self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.helper.make_tensor_value_info(name, kind, shape)
