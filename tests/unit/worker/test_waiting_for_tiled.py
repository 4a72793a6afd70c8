from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.stack import free_port

from exitwave.recipes.loading import load_recipe
from exitwave.schema.job import Job, JobSpec, JobState, Progress, ScanRef
from exitwave.settings.service import Settings
from exitwave.worker.engine_process.reconstruction_runner import ReconstructionRunner
from exitwave.worker.protocol import Command, Control


class EnoughError(Exception):
    pass


def test_a_job_waits_for_a_tiled_that_is_away_until_it_is_told_to_stop(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"tiled": {"uri": f"http://127.0.0.1:{free_port()}"}, "data_dir": tmp_path}
    )
    job = Job(
        id="j1",
        state=JobState.RUNNING,
        spec=JobSpec(scan=ScanRef(uid="f00d", path="raw/f00d"), recipe=load_recipe("default")),
        owner="tests",
        submitted_at=datetime.now(UTC),
        attempt=1,
    )
    phases: list[str] = []

    class Thrice(Control):
        def report_and_check(self, progress: Progress, **more: object) -> None:
            phases.append(progress.phase)
            if len(phases) == 3:
                raise EnoughError

    with pytest.raises(EnoughError):
        ReconstructionRunner(settings).run(
            job, Thrice(lambda: Command.GO, lambda progress: None)
        )
    assert phases == ["reading"] * 3
