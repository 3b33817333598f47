"""The README shows what the results say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlpcore.cli.bench import module

machine, readme = module("machine"), module("readme")


def test_the_readme_shows_the_newest_results(checkout: Path) -> None:
    options = ["--check", "--readme", str(checkout / "README.md")]
    readme.main([*options, "--results", str(checkout / "bench" / "results")])


def test_section_of_a_gpu(results: Any, results_of_gpu: Any, tmp_path: Path) -> None:
    text, folder = tmp_path / "README.md", tmp_path / "bench" / "results"
    results.save(folder / "processor.json")
    results_of_gpu.save(folder / "gpu.json")
    marks = [f"<!-- {name} -->\nnothing yet\n<!-- end -->\n" for name in ("speed", "gpu")]
    text.write_text("".join(marks), encoding="utf-8")
    readme.main(["--readme", str(text), "--results", str(folder)])
    speed, _, of_gpu = text.read_text(encoding="utf-8").partition("<!-- gpu -->")
    assert "times JAX" in speed
    assert "| 1024-4096-4096-4096-1000, batch 256, tf32 |" in of_gpu
    assert "Some GPU, driver 580" in of_gpu
    assert "The fastest by batch size" in of_gpu
    assert "nothing yet" not in speed + of_gpu


def test_section(results: Any, tmp_path: Path) -> None:
    text, folder = tmp_path / "README.md", tmp_path / "bench" / "results"
    results.save(folder / "new.json")
    results.date, results.machine["processor"] = "2023", "Another"
    results.save(folder / "old.json")
    text.write_text("a\n<!-- speed -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    options = ["--readme", str(text), "--results", str(folder)]
    with pytest.raises(SystemExit, match="does not show the newest results"):
        readme.main([*options, "--check"])
    readme.main(options)
    readme.main([*options, "--check"])
    written = text.read_text(encoding="utf-8")
    assert written.startswith("a\n<!-- speed -->\n![")
    assert "](bench/results/speed.svg)" in written
    assert written.endswith("\n<!-- end -->\nb\n")
    summary = f"<summary>{machine.place(results.machine)}, 2023: "
    own, found, other = written.partition(summary)
    assert found
    assert "Another" not in own
    assert written.count("<details>") == written.count("</details>") == 3
    assert own.count("| 4-3-2-2, batch 32 |") == other.count("| 4-3-2-2, batch 32 |")
    assert "| 4-3-2-2, batch 32 |" in written
    assert "with one other process busy" in written
    assert not readme.latest(folder, "another")[1]
    (folder / "speed.svg").write_text("<svg/>", encoding="utf-8")
    with pytest.raises(SystemExit, match="does not show the newest results"):
        readme.main([*options, "--check"])
    text.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for the results"):
        readme.main(options)
