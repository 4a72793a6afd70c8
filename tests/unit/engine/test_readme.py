"""The README's notebook example does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.support.simulated import as_dataset, as_measurement

import exitwave.files
from exitwave.files.cxi import write_measurement
from exitwave.simulated_beamline.simulate import simulate

README = Path(__file__).parents[3] / "README.md"


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = README.read_text(encoding="utf-8").split("### In a notebook")[1]
    code = section.split("```python")[1].split("```")[0]
    scan = simulate(0.6, 1e4, 1, grid=3)
    dataset = as_dataset(scan)
    monkeypatch.chdir(tmp_path)
    write_measurement(Path("scan.cxi"), as_measurement(scan))
    names = {"exitwave": exitwave}
    reads = re.search(r"# of a file: (.+)", code)
    assert reads is not None
    exec(reads[1], names)
    np.testing.assert_array_equal(names["counts"], dataset.frames.read(np.arange(9)))
    exec(compile(code, str(README), "exec"), names)
    assert names["object_MYX"].shape == (1, *dataset.object_shape_YX)
    assert names["probe_NHW"].shape == (2, 64, 64)
    # The last checkpoint is that of the last epoch: nothing is left to run after it.
    assert len(capsys.readouterr().out.splitlines()) == names["state"].epochs
