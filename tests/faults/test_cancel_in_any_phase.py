"""Cancel in every phase, in short."""

from __future__ import annotations

from pathlib import Path

from tests.faults.cancel_in_any_phase import WithFakeEngine
from tests.faults.figures import Findings


def test_a_job_is_cancelled_once_and_for_all_in_any_phase(tmp_path: Path) -> None:
    found = Findings()
    WithFakeEngine(found, limited=False).run(tmp_path, repeats=2, grace_s=2.0)
    assert not found.measured().misses, found.measured()
