"""Floor 4: pictures as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpcore.io.pictures import write_picture

figures = pytest.importorskip("matplotlib.figure")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("x.pdf", b"%PDF"),
        ("x.svg", b"<?xml"),
        ("x.PNG", b"\x89PNG"),
        ("x", b"\x89PNG"),
    ],
)
def test_the_suffix_is_the_format(tmp_path: Path, name: str, start: bytes) -> None:
    write_picture(figures.Figure(), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"supported formats: .*png"):
        write_picture(figures.Figure(), tmp_path / "x.text")
    assert not list(tmp_path.iterdir())
