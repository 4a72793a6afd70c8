"""A result goes to every sink there is, and stays on disk until all have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.delivered import final_arrays, node_of

from exitwave.recipes.loading import load_recipe
from exitwave.results import AttemptRecord, FinalArrays, Snapshot, Spool
from exitwave.results.history import History
from exitwave.results.registry import SINKS, AllSinks
from exitwave.results.spool import REFUSED
from exitwave.results.tiled_sink import TiledSink
from exitwave.schema.errors import SinkError
from exitwave.schema.job import Job, JobSpec, JobState, Progress, Result, ScanRef
from exitwave.settings.service import Settings, TiledSettings
from exitwave.worker.engine_process.reconstruction_runner import ReconstructionRunner
from exitwave.worker.protocol import Command, Control
from exitwave.worker.protocol.paths import spool_folder

ROWS = np.arange(60 * 6, dtype=float).reshape(60, 6)


class Told:
    """A sink that notes what it is told, and is done when asked for the third time."""

    def __init__(
        self, settings: Settings, record: AttemptRecord, history: NDArray[np.float64]
    ) -> None:
        self.record, self.history = record, history
        self.calls: list[str] = []
        self.final: FinalArrays | None = None

    def offer(self, state: Snapshot) -> None:
        self.calls.append(f"offer {state.epoch}")

    def end(self) -> None:
        self.calls.append("end")

    def done(self, within_s: float) -> bool:
        self.calls.append("done?")
        return self.calls.count("done?") > 2

    def deliver(self, final: FinalArrays, go_on: Callable[[], None]) -> None:
        self.calls.append("deliver")
        self.final = final

    def abandon(self) -> None:
        self.calls.append("abandon")


class Full(Told):
    def deliver(self, final: FinalArrays, go_on: Callable[[], None]) -> None:
        raise SinkError("the disk is full")


def settings_of(folder: Path) -> Settings:
    return Settings.model_validate({"data_dir": folder})


def delivered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **kinds: Any
) -> tuple[Result, Any]:
    """The second attempt at a job whose first left its result on disk, and its sinks."""
    made: dict[str, Told] = {}

    def maker(name: str, kind: type[Told]) -> Callable[..., Told]:
        def make(*of: Any) -> Told:
            made[name] = kind(*of)
            return made[name]

        return make

    monkeypatch.setattr(
        "exitwave.results.registry.SINKS", {name: maker(name, kinds[name]) for name in kinds}
    )
    record = replace(node_of(TiledSettings()).record, job_id="J", attempt=1)
    Spool(spool_folder(settings_of(folder))).put(record, final_arrays(), ROWS)
    job = Job(
        id="J",
        state=JobState.RUNNING,
        spec=JobSpec(scan=ScanRef(uid="f", path="raw/f"), recipe=load_recipe("default")),
        owner="tests",
        submitted_at=datetime.now(UTC),
        attempt=2,
    )
    said: list[Progress] = []
    control = Control(lambda: Command.GO, said.append)
    result = ReconstructionRunner(settings_of(folder)).run(job, control)
    assert result.node == f"ptycho/{record.scan.uid}/J/a2"
    return result, made


def test_every_sink_gets_the_whole_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, made = delivered(tmp_path, monkeypatch, first=Told, second=Told)
    assert result.epochs == 60 and list(made) == ["first", "second"]
    for sink in made.values():
        assert [call for call in sink.calls if call != "done?"] == [
            f"offer {int(ROWS[-1, 0])}",
            "end",
            "deliver",
            "abandon",
        ]
        assert sink.record.attempt == 2 and len(sink.history) == 59
        np.testing.assert_array_equal(sink.final.object_MYX, final_arrays().object_MYX)
        assert sink.calls.count("done?") >= 3
    assert list(spool_folder(settings_of(tmp_path)).iterdir()) == []


def test_what_one_sink_refuses_stays_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        SinkError, match=r"the disk is full; the arrays are kept in .*J-a1\.npz"
    ):
        delivered(tmp_path, monkeypatch, first=Told, second=Full)
    assert (spool_folder(settings_of(tmp_path)) / REFUSED / "J-a1.npz").exists()


def test_tiled_is_a_sink() -> None:
    assert SINKS["tiled"] is TiledSink


def test_all_are_done_when_each_is() -> None:
    record = node_of(TiledSettings()).record
    one, other = (Told(Settings(), record, ROWS) for _ in range(2))
    both = AllSinks([one, other])
    assert [both.done(0) for _ in range(5)] == [False, False, False, False, True]


def test_lines_go_on_from_an_earlier_attempts_and_have_no_picture() -> None:
    loss = SimpleNamespace(total=3.0, data=2.0, regularisation=1.0)
    history = History(ROWS)
    history.add(SimpleNamespace(epoch=61, seconds=0.5, loss=loss))
    rows = history.rows()
    np.testing.assert_array_equal(rows[:-1, :5], ROWS[:, :5])
    np.testing.assert_array_equal(rows[-1], [61, 3, 2, 1, 0.5, 0])
    assert not rows[:, 5].any() and History().rows().shape == (0, 6)
