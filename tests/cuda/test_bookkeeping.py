"""How a call becomes launches: the argument's layout, the grids, and what is refused."""

from __future__ import annotations

import re
import struct
from typing import Any

import numpy as np
import pytest

from mlpcore.backend import cuda
from mlpcore.backend.cuda import sources
from mlpcore.backend.cuda.binding import Refused, bind
from mlpcore.backend.cuda.launches import shapes
from mlpcore.backend.cuda.signatures import SIGNATURES
from mlpcore.functions import activations, losses, updates
from mlpcore.functions.affine import affine
from mlpcore.functions.softmax import softmax


def words(argument: Any) -> list[int]:
    return [int(word) for word in argument.view(np.uint64)]


def planned(
    cupy: Any, name: str, inputs: Any, outputs: Any, processors: Any = 100, **given: Any
) -> Any:
    """The launches of a call on a device with so many processors, and their argument."""
    arrays = [cupy.array(a) for a in inputs], [cupy.array(a) for a in outputs]
    return shapes(bind(SIGNATURES[name], cupy.xp, *arrays, given), processors)


def test_the_argument_is_laid_out_as_the_kernels_read_it(standing_in: Any) -> None:
    x = standing_in.array(np.zeros((3, 4, 5), np.float32))
    y = standing_in.array(np.zeros((3, 4, 5), np.float32))
    alpha = standing_in.array(np.array([1.0, 2.0, 3.0]))
    (shape,), argument = planned(standing_in, "elu", [x], [y], alpha=alpha)
    assert (shape.file, shape.only, shape.kernel) == ("activations", "elu, Elu", "elu")
    assert shape.grid[1] == 3
    got = words(argument)
    assert len(got) == 12 * 3 + 10 * 5 + 7
    assert got[:9] == [x.data.ptr, 80, 0, 0, 0, 0, y.data.ptr, 80, 0]
    assert got[36:41] == [0, alpha.data.ptr, 8, 0, 0]
    assert got[-7:] == [4, 5, got[-5], 2, 3, 0, 0]


def test_numbers_are_typed(standing_in: Any) -> None:
    x = np.zeros((4, 5))
    given: dict[str, Any] = {"rate": 0.25, "seed": 2**64 - 1, "member": 3, "step": 7, "layer": 1}
    _, argument = planned(standing_in, "dropout", [x], [x], **given)
    fixed = words(argument)[36 : 36 + 25 : 5]
    assert fixed == [*struct.unpack("<Q", struct.pack("<d", 0.25)), 2**64 - 1, 3, 7, 1]
    counts = standing_in.array(np.array(7))
    _, argument = planned(standing_in, "sgd", [x[0], x[1]], [x[0]], learning_rate=1, step=counts)
    assert words(argument)[41:46] == [0, counts.data.ptr, 0, 0, 2]  # an integer read as a number
    infinite = struct.unpack("<Q", struct.pack("<d", float("inf")))[0]
    assert words(argument)[56] == infinite  # no clip_value


def test_one_member_after_another_is_one_long_member(standing_in: Any) -> None:
    x = np.zeros((3, 4, 5), np.float32)
    _, argument = planned(standing_in, "relu", [x], [x])
    assert words(argument)[-7:-5] + words(argument)[-3:-2] == [1, 60, 1]
    _, argument = planned(standing_in, "softmax", [x], [x])
    assert words(argument)[-7:-5] + words(argument)[-3:-2] == [12, 5, 1]


@pytest.mark.parametrize(("columns", "team"), [(1, 1), (10, 4), (100, 32), (5000, 32)])
def test_a_row_gets_as_many_lanes_as_it_has_work_for(
    standing_in: Any, columns: int, team: int
) -> None:
    x = np.zeros((4, columns), np.float32)
    (shape,), argument = planned(standing_in, "softmax", [x], [x])
    assert words(argument)[-4] == team
    assert shape.grid == (1, 1)


@pytest.mark.parametrize(("rows", "members", "kernels"), [(20, 1, 1), (2000, 1, 2), (20, 2000, 1)])
def test_sums_are_cut_where_it_pays(
    standing_in: Any, rows: int, members: int, kernels: int
) -> None:
    """Few rows, or members enough to fill the device: one part, and nothing to join."""
    dz, db = np.zeros((members, rows, 8)), np.zeros((members, 8))
    found, argument = planned(standing_in, "affine_bias_gradient", [dz], [db])
    assert len(found) == kernels
    assert (words(argument)[-5] == 1) == (kernels == 1)


def test_grids_cover_the_work_and_no_more(standing_in: Any) -> None:
    x = np.zeros(1_000_003, np.float32)
    (shape,), _ = planned(standing_in, "relu", [x], [x], processors=1000)
    assert shape.grid == (-(-1_000_003 // (4 * 256)), 1)
    (shape,), _ = planned(standing_in, "relu", [x], [x], processors=2)
    assert shape.grid == (64, 1)
    assert shape.threads == 256


def test_optional_stages(standing_in: Any) -> None:
    z, weight, loss = np.zeros((6, 3)), np.ones(6), np.zeros(())
    labels = np.zeros(6, np.int64)

    def kernels(name: str, *inputs: Any) -> list[str]:
        outputs = {"": [loss], "_gradient": [z], "_value_and_gradient": [loss, z]}[name]
        found, _ = planned(standing_in, "softmax_cross_entropy" + name, inputs, outputs)
        return [shape.kernel for shape in found]

    assert kernels("", z, z) == ["softmax_cross_entropy", "loss_total"]
    assert kernels("_gradient", z, labels) == ["softmax_cross_entropy_labels"]
    assert kernels("_value_and_gradient", z, labels, weight) == [
        "loss_weights",
        "softmax_cross_entropy_labels",
        "loss_total",
    ]


F, D, S = np.zeros((4, 6), np.float32), np.zeros((4, 6)), np.zeros((3, 4, 6))
REFUSED: dict[str, tuple[str, list[Any], list[Any], dict[str, Any]]] = {
    "a transpose": ("relu", [D.T], [np.zeros((6, 4))], {}),
    "gaps between elements": ("relu", [D[:, ::2]], [D[:, ::2]], {}),
    "gaps between rows": ("softmax", [D[:, :4]], [D[:, :4]], {}),
    "members not evenly spaced": ("normalize", [S[:, :2, None], *[D[0]] * 4], [S[:, :2, None]], {}),
    "two dtypes": ("relu_backward", [D, None, F], [D], {}),
    "integers": ("softmax", [D.astype(np.int64)], [D.astype(np.int64)], {}),
    "complex numbers": ("relu", [D.astype(complex)], [D.astype(complex)], {}),
    "two shapes": ("relu_backward", [D, None, D[:2]], [D], {}),
    "two shapes of one size": ("relu_backward", [D, None, D.reshape(6, 4)], [D], {}),
    "too many arrays": ("relu", [D, D], [D], {}),
    "a missing array": ("softmax_backward", [D, D, None], [D], {}),
    "no rows": ("relu", [D[:0]], [D[:0]], {}),
    "an unknown parameter": ("relu", [D], [D], {"slope": 1.0}),
    "an unknown approximation": ("gelu", [D], [D], {"approximate": "coarse"}),
    "a broken integer": ("dropout", [D], [D], {"rate": 0.5, "seed": 0.5, "step": 1}),
    "broken integers": ("dropout", [D], [D], {"rate": 0.5, "seed": np.ones(1), "step": 1}),
    "members that differ": ("elu", [S], [S], {"alpha": np.ones(2)}),
    "a result that members share": ("affine_bias_gradient", [S], [D[0]], {}),
    "too few axes": ("affine_bias_gradient", [D[0]], [D[0]], {}),
}


@pytest.mark.parametrize(("name", "inputs", "outputs", "given"), REFUSED.values(), ids=REFUSED)
def test_refused(standing_in: Any, name: str, inputs: Any, outputs: Any, given: Any) -> None:
    with pytest.raises(Refused):
        planned(standing_in, name, inputs, outputs, **given)


def test_an_array_of_another_library_is_refused(standing_in: Any) -> None:
    with pytest.raises(Refused, match="no CuPy array"):
        cuda.prepare("relu", [standing_in.array(D)], [D], {})


def test_the_body_serves_what_is_refused(standing_in: Any) -> None:
    x = standing_in.array(np.array([[-1.0, 2.0, 3.0], [4.0, -5.0, 6.0]])).T
    implementation = cuda.provide(activations.relu, (x,))
    assert implementation is not None
    np.testing.assert_array_equal(implementation(x).get(), np.maximum(x.get(), 0))
    assert not standing_in.launched


def test_what_has_no_kernel_is_left_to_others(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = standing_in.array(D)
    assert cuda.provide(affine, (x, x, x)) is None
    assert cuda.provide(activations.relu, (D,)) is None
    assert cuda.provide(activations.relu.backward, (x, D, x)) is None
    monkeypatch.setenv("MLPCORE_KERNELS", "off")
    assert cuda.provide(activations.relu, (x,)) is None


def test_kernels_are_compiled_once_and_launched_by_name(standing_in: Any) -> None:
    x = standing_in.array(F)
    call = cuda.provide(softmax, (x,))
    assert call is not None
    out = call(x)
    assert call(x, out=out) is out
    names = [name for name, *_ in standing_in.launched]
    assert names == ["softmax_f32", "softmax_f32"]
    assert cuda._module.cache_info().misses == 1
    assert cuda._module("softmax", "f32", "").options == ("-std=c++17",)


def test_every_primitive_with_a_cpu_kernel_has_one_here_or_is_left_to_the_library() -> None:
    from mlpcore.backend import kernels

    if kernels.native() is None:
        pytest.skip("the CPU kernels are not built")
    names = set(kernels.native().names())
    left = {"affine", "affine_input_gradient", "affine_weight_gradient", "permutation"}
    assert names - set(SIGNATURES) == left


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_every_kernel_is_in_its_file(name: str) -> None:
    for stage in SIGNATURES[name].stages:
        text = (sources.root() / "cuda" / f"{stage.file}.cu").read_text()
        base = (
            re.sub("_backward$", "", stage.kernel) if stage.file == "activations" else stage.kernel
        )
        assert re.search(rf"\((?:{base}|name##_backward), ", text)


def test_a_changed_header_changes_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled kernels are kept under a hash of the source alone."""
    before = sources.translation_unit("updates", "f32", "adam, Adam")
    assert "struct Adam" in before
    assert '#include "' not in before
    assert before.count("struct Adam ") == before.count("struct Real;") == 1
    read = sources._text
    monkeypatch.setattr(sources, "_text", lambda name: read(name) + "// changed")
    assert sources.translation_unit("updates", "f32", "adam, Adam") != before
    assert sources.translation_unit("updates", "f64", "adam, Adam") != before


def test_losses_and_updates_have_signatures() -> None:
    for name in losses.__all__:
        loss = getattr(losses, name)
        if name != "Loss":
            assert {loss.name, loss.gradient.name, loss.value_and_gradient.name} <= set(SIGNATURES)
    rules = (getattr(updates, name) for name in updates.__all__)
    assert {r.name for r in rules if isinstance(r, updates.UpdateRule)} <= set(SIGNATURES)


def test_memory_is_that_of_the_backend_s_device(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever GPU is the current one."""
    backend, current = standing_in.backend, []
    monkeypatch.setattr(type(backend.device), "__enter__", lambda self: current.append(self.id))
    backend.zeros((2, 3), "float32")
    backend.empty((2, 3), "float32")
    assert current == [0, 0]


def test_large_arrays_are_copied_without_pinned_memory(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = standing_in.backend
    monkeypatch.setattr(type(backend.xp), "asarray", None)
    x = np.arange(1 << 18, dtype=np.float64).reshape(512, -1).T
    np.testing.assert_array_equal(backend.asarray(x, "float32").get(), x)
