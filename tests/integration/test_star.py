"""The real scan, the whole way: what a shortcut would not pass.

One run of the simulated beamline; the trigger's job on all frames, stopped when its picture is
good enough, and two short jobs on disjoint halves of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.support.stack import Stack, wait_until
from tests.support.star import spoke_power

from exitwave.engine import ArrayFrames, Dataset, reconstruct
from exitwave.engine.forward import Views, model_counts, waves
from exitwave.engine.forward.illuminate import split_positions
from exitwave.files.cxi import read_reconstruction
from exitwave.files.reconstruction import Reconstruction
from exitwave.prepare import Prepared, build_dataset
from exitwave.quality import compare_halves, rectangle_of_centres
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.job import Job, JobState
from exitwave.schema.recipe import recipe_from_mapping

FRAMES = 516
LEFT_OUT = 36
ENOUGH_EPOCHS = 40
"""The stage that finds the picture is over, the next one has begun."""
SHORT = {"recipe.stages.2.epochs": 20, "recipe.stages.3.epochs": 1}


@dataclass(frozen=True)
class Star:
    """What the three jobs came to, and the scan they read."""

    job: Job
    whole: Reconstruction
    even: Reconstruction
    odd: Reconstruction
    unseen_by_even: Prepared


@pytest.fixture(scope="module")
def star(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Star]:
    folder = tmp_path_factory.mktemp("star")
    played = stack.cli("beamline", "play", "--rate", "200", "--json")
    assert played.returncode == 0, played.stderr
    uid = json.loads(played.stdout)["uid"]
    with stack.client() as client:
        wait_until(lambda: client.jobs(scan=uid).jobs, "the trigger's job")
        jobs = [client.jobs(scan=uid).jobs[0]]
        jobs += [
            client.submit(uid, overrides={**SHORT, "data.subset": half})
            for half in ("even", "odd")
        ]
        events = client.events(jobs[0].id)
        next(e for e in events if e.progress and e.progress.epoch >= ENOUGH_EPOCHS)
        client.stop(jobs[0].id)
        results = []
        for job in jobs:
            ended = client.wait(job.id, timeout_s=280)
            assert ended.state is JobState.SUCCEEDED, ended.failure
            path = client.download(job.id, "cxi", folder / f"{job.id}.cxi")
            results.append(read_reconstruction(Path(path)))
        first = client.job(jobs[0].id)
    scan = TiledScans(stack.settings.tiled, load_profile("hxn")).open(uid)
    unseen = build_dataset(
        scan, data_from_mapping({"subset": "odd"}), scan.geometry(geometry_from_mapping({}))
    )
    yield Star(first, *results, unseen)


def test_the_trigger_asked_for_the_default_recipe(star: Star) -> None:
    assert star.job.spec.recipe["name"] == "default"
    assert star.job.spec.tags == ["trigger"]
    assert star.job.attempt == 1
    assert star.job.result is not None
    assert star.job.result.node.endswith(f"{star.job.id}/a1")
    assert len(star.whole.positions_px) == FRAMES


def test_disjoint_halves_agree(star: Star) -> None:
    even, odd = star.even, star.odd
    assert len(even.positions_px) == len(odd.positions_px) == FRAMES // 2
    region = rectangle_of_centres(
        np.concatenate([even.positions_px, odd.positions_px]), even.probe_NHW.shape[-2:]
    )
    rings = compare_halves(even.object_MYX[0], odd.object_MYX[0], region)
    assert rings.crossing_cycles_per_px >= 0.25


def test_the_star_has_its_spokes(star: Star) -> None:
    ratios = spoke_power(star.whole.object_MYX[0], neighbours=8).ratio_at_radius
    assert len(ratios) == 3
    assert min(ratios.values()) > 5, ratios


def test_patterns_left_out_of_the_fit_are_likely(star: Star) -> None:
    """The job on even frames never saw an odd one; the start is what it began from."""
    chosen = np.linspace(0, len(star.unseen_by_even.dataset.frames) - 1, LEFT_OUT).astype(int)
    unseen = star.unseen_by_even.dataset
    started = next(reconstruct(unseen, one_idle_epoch(star.job)))
    start = deviance(unseen, chosen, started.object_MYX(), started.probe_NHW())
    found = deviance(unseen, chosen, star.even.object_MYX, star.even.probe_NHW)
    assert found < start / 5


def one_idle_epoch(job: Job):
    """The job's recipe, stopped before anything has moved."""
    values = dict(job.spec.recipe)
    still = {"epochs": 1, "object_rate": 1e-6, "probe_rate": 0.0, "batches": [1e6]}
    values["stages"] = [{**values["stages"][0], **still, "object_clip": 0.0}]
    values["gauge"] = {"recentre": False, "phase": False, "scale": False}
    return recipe_from_mapping(values)


def deviance(
    dataset: Dataset, chosen: np.ndarray, object_MYX: np.ndarray, probe_NHW: np.ndarray
) -> float:
    """Minus log likelihood of counts over that of a perfect model, per pixel (Poisson)."""
    corners, shifts = split_positions(torch.from_numpy(dataset.positions_px[chosen]))
    model = model_counts(
        waves(
            torch.from_numpy(np.nan_to_num(object_MYX)).to(torch.complex64),
            torch.from_numpy(probe_NHW).to(torch.complex64),
        ),
        Views(corners_B2=corners, shifts_B2=shifts.float()),
    ).double()
    counts = torch.from_numpy(dataset.frames.read(chosen).astype(np.float64))
    model = model + 1e-6 * counts.mean()
    terms = model - counts + torch.xlogy(counts, counts / model)
    valid = torch.ones_like(counts[0], dtype=torch.bool)
    if dataset.mask_HW is not None:
        valid = torch.from_numpy(dataset.mask_HW.copy())
    return float(terms[:, valid].mean())


def test_the_engine_alone_takes_arrays(star: Star) -> None:
    """The README's notebook example."""
    counts = star.unseen_by_even.dataset.frames.read(np.arange(40))
    dataset = Dataset(
        frames=ArrayFrames(counts), positions_px=star.unseen_by_even.dataset.positions_px[:40]
    )
    recipe = recipe_from_mapping({"stages": [{"epochs": 2, "batches": [8]}]})
    states = list(reconstruct(dataset, recipe))
    assert [state.epoch for state in states] == [1, 2]
    assert states[1].loss.data < states[0].loss.data
    assert states[1].object_MYX().dtype == np.complex64
