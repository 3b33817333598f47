"""Products through cuBLASLt: the layouts handed over, and how an algorithm is chosen."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cublaslt
from mlpcore.backend.cuda import products, timing
from mlpcore.backend.cuda.products import Matrix, Product


def multiply(cupy: Any, left: Any, right: Any, out: Any, bias: Any = None, **how: bool) -> Product:
    workspace = cupy.xp.empty(products.WORKSPACE_BYTES, dtype="uint8")
    product = Product(left, right, out, bias, workspace=workspace, **how)
    product.run()
    return product


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 4), (1, 7, 2), (7, 1, 3), (64, 33, 1)])
def test_every_kind_of_product(
    cupy: Any, shape: Any, members: Any, dtype: str, rng: np.random.Generator
) -> None:
    n, fan_in, fan_out = shape
    x, dz, weight = (
        rng.normal(size=(*members, *size)).astype(dtype)
        for size in [(n, fan_in), (n, fan_out), (fan_in, fan_out)]
    )
    bias = rng.normal(size=(*members, fan_out)).astype(dtype)
    room = np.zeros((*members, -(-fan_out // 16) * 16), dtype)  # as parameters have it
    room[..., :fan_out] = bias
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12}
    X, DZ, W, B = map(cupy.array, (x, dz, weight, room))
    B = B[..., :fan_out]
    z, dx, dw = (cupy.array(np.full_like(a, 77)) for a in (dz, x, weight))
    multiply(cupy, X, W, z)
    np.testing.assert_allclose(z.get(), x @ weight, **tolerance)
    multiply(cupy, X, W, z, B)
    np.testing.assert_allclose(z.get(), x @ weight + bias[..., None, :], **tolerance)
    multiply(cupy, DZ, W, dx, transpose_right=True)
    np.testing.assert_allclose(dx.get(), dz @ np.swapaxes(weight, -1, -2), **tolerance)
    multiply(cupy, X, DZ, dw, transpose_left=True)
    np.testing.assert_allclose(dw.get(), np.swapaxes(x, -1, -2) @ dz, **tolerance)


def test_members_strided_over_a_flat_buffer(cupy: Any, rng: np.random.Generator) -> None:
    """Weights, biases and their gradients are views into the parameters of a stack."""
    flat, x = rng.normal(size=(3, 48)), rng.normal(size=(3, 5, 4))
    buffer = cupy.array(flat.copy())
    weight, bias = buffer[:, 8:32].reshape(3, 4, 6), buffer[:, 40:46]
    z = cupy.array(np.zeros((3, 5, 6)))
    multiply(cupy, cupy.array(x), weight, z, bias)
    want = x @ flat[:, 8:32].reshape(3, 4, 6) + flat[:, None, 40:46]
    np.testing.assert_allclose(z.get(), want)
    multiply(cupy, cupy.array(x), z, weight, transpose_left=True)
    np.testing.assert_allclose(buffer[:, 8:32].get().reshape(3, 4, 6), x.swapaxes(1, 2) @ want)
    np.testing.assert_array_equal(buffer[:, 32:].get(), flat[:, 32:])


def test_an_operand_that_members_share(cupy: Any, rng: np.random.Generator) -> None:
    x, weight = rng.normal(size=(5, 4)), rng.normal(size=(3, 4, 6))
    z = cupy.array(np.zeros((3, 5, 6)))
    multiply(cupy, cupy.array(x), cupy.array(weight), z)
    np.testing.assert_allclose(z.get(), x @ weight)


@pytest.mark.parametrize("view", [np.s_[:, ::2], np.s_[::2, ::2]], ids=str)
def test_gaps_in_rows_are_refused(standing_in: Any, view: Any) -> None:
    with pytest.raises(ValueError, match="expected contiguous rows"):
        Matrix.of(standing_in.array(np.zeros((4, 6)))[view])


def test_gaps_between_rows_are_a_leading_dimension(standing_in: Any) -> None:
    wide = standing_in.array(np.zeros((4, 6), np.float32))
    matrix = Matrix.of(wide[1:, 2:5])
    assert (matrix.rows, matrix.columns, matrix.lead) == (3, 3, 6)
    address = matrix.address
    assert address == wide.data.ptr + 32
    assert matrix.alignment(4) == min(256, address & -address)
    of_members = Matrix(address=1024, rows=2, columns=3, lead=3, members=4, stride=6)
    assert (of_members.alignment(4), of_members.alignment(8)) == (8, 16)


def test_the_fastest_algorithm_is_chosen_once(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that the heuristic does not doubt; the same shapes ask it no more."""
    on, timed = standing_in, []

    def time(run: Callable[[], None]) -> float:
        run()
        timed.append(on.blas.algorithms.pop())
        return {101: 2.0, 102: 1.0}[timed[-1]]

    monkeypatch.setattr(products, "milliseconds", time)
    x, weight, z, bias = (on.array(np.ones(s)) for s in [(5, 4), (4, 6), (5, 6), (6,)])
    for _ in range(3):
        multiply(on, x, weight, z)
    assert timed == [101, 102]
    assert on.blas.algorithms == [102] * 3
    multiply(on, x, weight, z, bias)
    assert len(timed) == 4
    (wishes, _) = on.blas.wishes
    assert wishes["MAX_WORKSPACE_BYTES"] == products.WORKSPACE_BYTES
    assert all(wishes[f"MIN_ALIGNMENT_{operand}_BYTES"] >= 8 for operand in "ABCD")


def test_timing_takes_the_least_of_the_rounds(standing_in: Any) -> None:
    x, weight, z = (standing_in.array(np.ones(s)) for s in [(5, 4), (4, 6), (5, 6)])
    multiply(standing_in, x, weight, z)
    of_each = 1 + timing.ROUNDS * timing.REPEATS
    assert standing_in.blas.algorithms == [101] * of_each + [102] * of_each + [101]


def test_descriptions_are_given_back(standing_in: Any) -> None:
    x, weight, z = (standing_in.array(np.ones(s)) for s in [(5, 4), (4, 6), (5, 6)])
    product = multiply(standing_in, x, weight, z)
    assert len(standing_in.blas.things) == 4
    del product
    gc.collect()
    assert not standing_in.blas.things


def test_the_stand_in_has_the_numbers_of_the_binding() -> None:
    """Where nvmath is installed: the names, numbers and widths that the stand-in goes by."""
    blas = pytest.importorskip("nvmath.bindings.cublasLt", exc_type=ImportError)
    enums = pytest.importorskip("nvmath.bindings.cublas", exc_type=ImportError)
    for kind, (enumeration, attributes) in cublaslt.ATTRIBUTES.items():
        for name, (number, width) in attributes.items():
            assert getattr(blas, enumeration)[name] == number
            assert np.dtype(getattr(blas, f"get_{kind}_attribute_dtype")(number)) == width
    assert blas.matmul_heuristic_result_dtype == cublaslt.RESULT
    assert issubclass(blas.cuBLASLtError, Exception)
    assert (blas.Epilogue.DEFAULT, blas.Epilogue.BIAS) == (1, 4)
    assert (enums.Operation.N, enums.Operation.T) == (0, 1)
    for name, number in cublaslt.COMPUTE_TYPES.items():
        assert enums.ComputeType[name] == number
    own = cublaslt.CublasLt(lambda stream, call: None).modules()["nvmath.bindings.cublasLt"]
    for name in ("create", "matmul", "matmul_algo_get_heuristic", *vars(own)):
        if not name.startswith("_"):
            assert hasattr(blas, name)


@pytest.mark.parametrize("bias", [np.s_[1:7], np.s_[:, 1:7]], ids=["start", "members"])
def test_biases_off_their_alignment_are_added_behind(standing_in: Any, bias: Any) -> None:
    """A fault of the device is the last thing that it does."""
    members = () if isinstance(bias, slice) else (3,)
    room = standing_in.xp.empty((*members, 15), dtype="float32")
    arrays = [
        standing_in.array(np.ones((*members, *s), np.float32)) for s in [(5, 4), (4, 6), (5, 6)]
    ]
    with pytest.raises(NotImplementedError, match="biases whose members start on 16 bytes"):
        multiply(standing_in, *arrays, room[bias])


def test_an_algorithm_that_is_alone_is_tried_too(standing_in: Any) -> None:
    standing_in.blas.missing.clear()
    standing_in.blas.refused.add("BIAS")
    x, weight, z, bias = (standing_in.array(np.ones(s)) for s in [(5, 4), (4, 6), (5, 6), (6,)])
    with pytest.raises(NotImplementedError, match="no algorithm"):
        multiply(standing_in, x, weight, z, bias)


def test_a_library_that_cannot_be_loaded_is_told(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> int:
        raise RuntimeError("libcublasLt.so is not found")

    assert products.available()
    assert not products.fault()
    monkeypatch.setattr(sys.modules["nvmath.bindings.cublasLt"], "get_version", missing)
    products.fault.cache_clear()
    assert not products.available()
    assert not standing_in.backend.records
    assert "libcublasLt.so is not found" in products.fault()


def test_no_algorithm_is_said_so(standing_in: Any) -> None:
    standing_in.blas.missing.add("BIAS")
    x, weight, z, bias = (standing_in.array(np.ones(s)) for s in [(5, 4), (4, 6), (5, 6), (6,)])
    with pytest.raises(NotImplementedError, match="no algorithm"):
        multiply(standing_in, x, weight, z, bias)
