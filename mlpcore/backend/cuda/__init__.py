"""The fused CUDA kernels: compiled through CuPy at first use, and the calls that use them."""

from __future__ import annotations

import functools
from typing import Any

from mlpcore.backend import kernels
from mlpcore.backend.cuda.binding import Clock, Refused, bind
from mlpcore.backend.cuda.launches import Launch, shapes
from mlpcore.backend.cuda.signatures import SIGNATURES
from mlpcore.backend.cuda.sources import translation_unit
from mlpcore.backend.dispatch import Array, Implementation, Primitive, results

__all__ = ["prepare", "provide"]


def provide(primitive: Primitive, arrays: tuple[Array, ...]) -> Implementation | None:
    """The kernels of a primitive's name, where every array is CuPy's.

    They take arrays whose rows are contiguous; the body serves any other view.
    """
    first = next((array for array in arrays if array is not None), None)
    if not type(first).__module__.startswith("cupy") or primitive.name not in SIGNATURES:
        return None
    if kernels.switched_off():
        return None
    if not all(array is None or type(array) is type(first) for array in arrays):
        return None

    def call(*arrays: Array, out: Any = None, **parameters: Any) -> Any:
        import cupy

        device = next(array for array in arrays if array is not None).device
        with device:
            places, returned = results(primitive, arrays, out, cupy.empty)
            try:
                prepared = prepare(primitive.name, arrays, places, parameters)
            except Refused:
                return primitive.run_body(*arrays, out=out, **parameters)
            for launch in prepared:
                launch.run()
        return returned

    return call


def prepare(
    name: str, inputs: Any, outputs: Any, parameters: dict[str, Any], clock: Clock | None = None
) -> list[Launch]:
    """The launches that compute a primitive, bound to their memory, in the order to run them.

    Parameters that are CuPy arrays of float64 (or of int64 for seeds, members and counts) are read
    when a kernel runs, not when it is bound: what a captured graph needs.

    Args:
        name: of the primitive, or of what is fused beyond one: ``bias_<activation>`` takes ``(x,
            bias)`` and gives ``(y, x + bias or None)``, ``<activation>_backward_bias`` takes ``(dy,
            x or None, y or None)`` and gives ``(dx, db)``; an update takes a further output, the
            copy of theta in a smaller type.
        inputs: the arrays that the primitive takes.
        outputs: the arrays that receive its results.
        parameters: its parameters.
        clock: of the plan that the launches belong to; then arrays and parameters may be `Stepped`.

    Raises:
        Refused: for a layout, dtype or parameter that the kernels do not take.
    """
    import cupy

    call = bind(SIGNATURES[name], cupy, list(inputs), list(outputs), parameters, clock)
    found, argument = shapes(call, _processors(cupy.cuda.Device().id))
    kept = (*inputs, *outputs, *call.kept, clock)
    return [
        Launch(
            _kernel(shape.file, call.storage, shape.only, shape.kernel),
            shape.grid,
            shape.threads,
            argument,
            kept,
        )
        for shape in found
    ]


@functools.cache
def _kernel(file: str, storage: str, only: str, name: str) -> Any:
    return _module(file, storage, only).get_function(f"{name}_{storage}")


@functools.cache
def _module(file: str, storage: str, only: str) -> Any:
    import cupy

    return cupy.RawModule(code=translation_unit(file, storage, only), options=("-std=c++17",))


@functools.cache
def _processors(device: int) -> int:
    import cupy

    return int(cupy.cuda.Device(device).attributes["MultiProcessorCount"])
