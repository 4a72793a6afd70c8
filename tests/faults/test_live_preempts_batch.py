"""Live before batch, in short."""

from __future__ import annotations

from pathlib import Path

from tests.faults.figures import Findings
from tests.faults.live_preempts_batch import interrupted


def test_live_work_interrupts_batch_work_which_goes_on(tmp_path: Path) -> None:
    found = Findings()
    interrupted(
        tmp_path,
        1,
        found,
        live_jobs=2,
        live_every_s=(2.0, 2.5),
        epoch_s=0.3,
        batch_epochs=14,
        workers=1,
        min_run_s=1.0,
    )
    assert not found.measured().misses, found.measured()
