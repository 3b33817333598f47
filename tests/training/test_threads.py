"""A step large enough to be cut over threads, against the functional one on a single thread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import training
from mlpcore.backend import kernels
from training_cases import FEATURES, LOSSES, OUTPUTS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("error")

COPIES = 100
WEIGHTED: dict[str, dict[str, Any]] = {
    "alike": {},
    "weighted": {"sample_weight": np.tile(WEIGHTS[0], COPIES)},
}


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("weighted", WEIGHTED)
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize(("arguments", "y"), LOSSES.values(), ids=LOSSES)
def test_every_loss(
    arguments: dict[str, Any],
    y: Any,
    normalization: str | None,
    weighted: str,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not mc.MLP([1, 1]).backend.records:
        pytest.skip("no compiled kernels to replay a recording")

    def run(recorded: bool) -> tuple[mc.MLP, mc.History]:
        monkeypatch.setattr(kernels, "threads", lambda: threads if recorded else 1)
        sizes = [FEATURES, 64, 64, OUTPUTS]
        settings: dict[str, Any] = {"normalization": normalization, "dropout": 0.1, **arguments}
        net = mc.MLP(sizes, dtype="float64", **settings)
        targets = np.tile(y, (COPIES, 1) if y.ndim == 2 else COPIES)
        history = training.fit(
            net,
            np.tile(X, (COPIES, 1)),
            targets,
            recorded=recorded,
            batch_size=400,  # the last has 300
            epochs=2,
            optimizer=mc.SGD(0.05, momentum=0.5, l2=0.01, clip_norm=1.0),
            progress=False,
            **WEIGHTED[weighted],
        )
        return net, history

    (cut, ours), (whole, theirs) = run(True), run(False)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-9)
    np.testing.assert_allclose(ours.gradient_norm, theirs.gradient_norm, rtol=1e-9)
    np.testing.assert_allclose(cut.parameters, whole.parameters, rtol=1e-9, atol=1e-11)
