"""The README's example in the place of scikit-learn's classifier runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_the_one_line_that_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib").use("agg")
    readme = Path(__file__).resolve().parents[2] / "README.md"
    if not readme.exists():
        pytest.skip("there is no checkout here")
    monkeypatch.chdir(tmp_path)
    text = readme.read_text(encoding="utf-8").partition("### In place of scikit-learn's")[2]
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    names: dict[str, object] = {}
    exec(example[1], names)
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert "epoch/s" in capsys.readouterr().err
    names["plt"].close("all")  # type: ignore[attr-defined]
