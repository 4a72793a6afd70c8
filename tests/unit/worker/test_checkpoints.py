"""Checkpoints on disk: the latest wins, the newest that fits is found, others are told of."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.simulated import as_dataset

from exitwave.engine import Checkpoint, reconstruct
from exitwave.files.checkpoint import read_arrays
from exitwave.prepare import Prepared
from exitwave.schema.errors import CheckpointError
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ResumePoint
from exitwave.schema.recipe import Recipe, Stage
from exitwave.simulated_beamline.simulate import simulate
from exitwave.worker.engine_process.checkpoints import CheckpointWriter, found_in
from exitwave.worker.engine_process.resume import newest_checkpoint

RECIPE = Recipe(stages=(Stage(epochs=4, batches=(16.0,)),))


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    simulated = simulate(0.6, 1e4, 2, grid=6)
    dataset = as_dataset(simulated)
    return Prepared(
        dataset=dataset,
        geometry=Geometry(energy_eV=1e4, distance_m=1, detector_pixel_m=1e-4, sources={}),
        pixel_size_m=1e-8,
        frame_indices=np.arange(36),
        positions_m=dataset.positions_px * 1e-8,
        origin_m=(0.0, 0.0),
    )


@pytest.fixture(scope="module")
def saved(prepared: Prepared) -> list[Checkpoint]:
    """One after each epoch."""
    return [s.checkpoint() for s in reconstruct(prepared.dataset, RECIPE, device="cpu")]


def keep(folder: Path, attempt: int, *checkpoints: Checkpoint) -> None:
    writer = CheckpointWriter(folder, attempt, every_s=0)
    for checkpoint in checkpoints:
        writer.write(checkpoint, np.zeros((checkpoint.epoch, 6)), copied_s=0.0)
        writer.flush()
        assert writer.newest == ResumePoint(attempt=attempt, epoch=checkpoint.epoch)
    writer.close()


def points(folder: Path) -> list[tuple[int, int]]:
    return [(point.attempt, point.epoch) for point, _ in found_in(folder)]


def test_the_two_newest_stay_and_a_later_attempts_are_left_alone(
    tmp_path: Path, saved: list[Checkpoint]
) -> None:
    keep(tmp_path, 1, *saved[:3])
    assert points(tmp_path) == [(1, 3), (1, 2)]
    keep(tmp_path, 2, saved[3])
    assert points(tmp_path) == [(2, 4), (1, 3)]
    keep(tmp_path, 1, saved[2], saved[3])  # a stalled worker that was thought dead
    assert points(tmp_path) == [(2, 4), (1, 4), (1, 3)]


def test_the_latest_wins_and_the_run_does_not_wait(
    tmp_path: Path, saved: list[Checkpoint]
) -> None:
    writer = CheckpointWriter(tmp_path, 1, every_s=3600)
    assert not writer.due
    for checkpoint in saved:
        writer.write(checkpoint, np.zeros((checkpoint.epoch, 6)), copied_s=0.0)
    writer.flush()
    assert points(tmp_path)[0] == (1, 4)
    writer.close()
    assert CheckpointWriter(tmp_path, 1, every_s=0).due


def test_a_disk_that_refuses_does_not_end_the_run(
    tmp_path: Path, saved: list[Checkpoint]
) -> None:
    (tmp_path / "job").write_text("in the way")
    writer = CheckpointWriter(tmp_path / "job", 1, every_s=0)
    writer.write(saved[0], np.zeros((1, 6)), copied_s=0.0)
    writer.flush()
    assert writer.newest is None
    writer.close()


def test_the_newest_that_fits_is_found_and_why_others_do_not(
    tmp_path: Path, prepared: Prepared, saved: list[Checkpoint]
) -> None:
    assert newest_checkpoint(tmp_path / "none", prepared, RECIPE) == (None, "")
    keep(tmp_path, 1, saved[1], saved[2])
    keep(tmp_path, 2, saved[3])
    found, note = newest_checkpoint(tmp_path, prepared, RECIPE)
    assert found is not None and found.checkpoint.epoch == 4 and note == ""

    newest = found_in(tmp_path)[0][1]
    newest.write_bytes(newest.read_bytes()[:-1000])
    found, note = newest_checkpoint(tmp_path, prepared, RECIPE)
    assert found is not None and found.point == ResumePoint(attempt=1, epoch=3)
    assert note.startswith(f"{newest.stem} skipped: ") and "cannot be read" in note

    found, note = newest_checkpoint(tmp_path, prepared, replace(RECIPE, probe_states=2))
    assert found is None and "probe_states" in note
    moved = replace(
        prepared,
        dataset=replace(prepared.dataset, positions_px=prepared.dataset.positions_px + 1),
    )
    found, note = newest_checkpoint(tmp_path, moved, RECIPE)
    assert found is None and "another dataset" in note
    found_in(tmp_path)[1][1].rename(tmp_path / "a0003-e000009.npz")
    found, note = newest_checkpoint(tmp_path, prepared, RECIPE)
    assert "expected epoch 9 and a row for each" in note


def test_no_damage_is_fatal(tmp_path: Path, saved: list[Checkpoint]) -> None:
    keep(tmp_path, 1, saved[0])
    ((_, path),) = found_in(tmp_path)
    whole, dice = path.read_bytes(), random.Random(7)
    for _ in range(200):
        torn = bytearray(whole[: dice.choice([len(whole), dice.randrange(len(whole))])])
        for _ in range(dice.randrange(1, 20)):
            if torn:
                torn[dice.randrange(len(torn))] = dice.randrange(256)
        path.write_bytes(torn)
        try:
            Checkpoint.from_arrays(read_arrays(path))
        except CheckpointError as error:
            assert "expected" in str(error)
