"""Which epoch a picture shows."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from exitwave.api.live.frame_sequencer import FrameSequencer
from exitwave.api.live.latest_value import LatestValue
from exitwave.api.live.progress_table import ProgressTable
from exitwave.schema.errors import InvalidInput

FIELDS = ["epoch", "seconds", "loss", "picture_version"]


def table(*rows: tuple[float, float, float, float]) -> ProgressTable:
    progress = ProgressTable()
    progress.set_columns(FIELDS)
    progress.add(np.array(rows).reshape(-1, 4))
    return progress


def test_epochs_without_a_picture_are_in_the_curve_but_have_no_version() -> None:
    progress = table((1, 0.1, 9, 1), (2, 0.1, 8, 0), (3, 0.1, 7, 2))
    assert progress.curve().tolist() == [[1, 9], [2, 8], [3, 7]]
    assert [progress.epoch_of(version) for version in (1, 2, 3)] == [1, 3, 0]
    assert progress.newest_version == 2
    assert progress.last_epoch == 3


def test_rows_may_come_twice_and_out_of_order() -> None:
    progress = table((3, 0.1, 7, 0), (1, 0.1, 9, 0), (3, 0.1, 7, 0), (2, 0.1, np.nan, 0))
    assert progress.curve().tolist() == [[1, 9], [3, 7]]


def test_a_table_just_made_has_no_epoch_yet() -> None:
    progress = table((0, 0, 0, 0))
    assert progress.curve().size == 0
    progress.add(np.array([(1, 0.1, 9, 1)]))
    assert progress.curve().tolist() == [[1, 9]]


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidInput, match="picture_version"):
        ProgressTable().set_columns(["epoch", "loss"])


def test_message_k_is_picture_k() -> None:
    progress = table(*((epoch, 0.1, 1, epoch) for epoch in range(1, 8)))
    sequencer = FrameSequencer(progress)
    sequencer.subscribed()
    # Two messages passed between subscribing and reading the table.
    assert [sequencer.version_of(sequence) for sequence in (5, 6, 7)] == [5, 6, 7]


def test_after_a_restart_of_tiled_the_count_goes_on() -> None:
    rows = [(epoch, 0.1, 1, epoch) for epoch in range(1, 21)]
    progress = table(*rows)
    sequencer = FrameSequencer(progress)
    sequencer.subscribed()
    assert sequencer.version_of(20) == 20
    sequencer.subscribed()
    progress.add(np.array([(21, 0.1, 1, 21)]))
    assert sequencer.version_of(1) == 21
    progress.add(np.array([(22, 0.1, 1, 22)]))
    assert sequencer.version_of(2) == 22
    sequencer.subscribed()  # this time only the connection broke
    progress.add(np.array([(23, 0.1, 1, 23)]))
    assert sequencer.version_of(3) == 23


async def test_only_the_newest_value_is_handed_over() -> None:
    latest: LatestValue[int] = LatestValue()
    latest.put(1)
    latest.put(2)
    assert await latest.take() == 2
    waiting = asyncio.create_task(latest.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    latest.put(3)
    assert await waiting == 3
