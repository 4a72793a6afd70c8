"""From a finished job to its resolution: API, queue, worker, Tiled and files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.api_process import KEY, Api, problem, take_all
from tests.integration.worker_bench import Worker, played, working
from tests.support.stack import TiledServer, clean_environment, run_cli
from tiled.client import from_uri

from exitwave.cli.rendering import quality_rows
from exitwave.client import Client
from exitwave.files.cxi import read_reconstruction
from exitwave.quality import compare_halves
from exitwave.schema.job import Job, JobState
from exitwave.simulated_beamline.simulate import simulate

EPOCHS = 12
TRUE = simulate(0.6, 1e5, 1, grid=2)
SHORT = {
    "recipe.stages": [{"epochs": EPOCHS, "batches": [2], "final_rate": 0.3}],
    "recipe.seed": 5,
    # The beamline that plays the scan has another detector than the simulation.
    "geometry.energy_eV": TRUE.energy_eV,
    "geometry.distance_m": TRUE.distance_m,
    "geometry.detector_pixel_m": TRUE.detector_pixel_m,
}


@dataclass
class Service:
    """An API and a worker on one queue, with a job that has succeeded."""

    api: Api
    worker: Worker
    client: Client
    parent: Job

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = clean_environment(EXITWAVE_URL=self.api.url, EXITWAVE_API_KEY=KEY)
        return run_cli(*words, env=env)


@pytest.fixture(scope="module")
def service(
    api: Api,
    tiled_server: TiledServer,
    valkey_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    take_all(api)
    scan = played(tiled_server, tmp_path_factory.mktemp("scan"))
    folder = tmp_path_factory.mktemp("worker")
    prefix = api.redis_root.strip("{}")
    with (
        working(tiled_server, valkey_uri, folder, prefix) as worker,
        Client(api.url, KEY) as client,
    ):
        job = client.submit(scan.uid, overrides=SHORT)
        parent = client.wait(job.id, timeout_s=60)
        assert parent.state is JobState.SUCCEEDED, parent.failure
        yield Service(api, worker, client, parent)


def node(tiled: TiledServer, job: Job) -> Any:
    assert job.result is not None
    return from_uri(tiled.uri, api_key=tiled.api_key)[job.result.node]


def test_a_result_tells_its_quality_everywhere(
    service: Service, tiled_server: TiledServer, tmp_path: Path
) -> None:
    parent = service.parent
    assert parent.result and parent.result.quality
    quality = parent.result.quality
    assert quality.held_out is None, "81 patterns are too few to leave any out"
    # 9 x 9 views on a raster of 14 px.
    assert quality.raster_artefact is not None and 0 < quality.raster_artefact < 1
    assert quality.overlap == pytest.approx(1 - 14 / 36, abs=0.1)
    assert quality.prtf_cycles_per_px is not None and 0 < quality.prtf_cycles_per_px <= 0.5
    assert quality.frc is None

    stored = node(tiled_server, parent)
    assert stored.metadata["quality"] == quality.model_dump()
    curve = stored["quality/prtf"]
    assert curve.metadata["columns"] == ["frequency_cycles_per_px", "ratio"]
    assert curve.shape == (32, 2)

    path = service.client.download(parent.id, "cxi", tmp_path / "a.cxi")
    figures = read_reconstruction(path).quality
    assert figures.numbers["raster_artefact"] == quality.raster_artefact
    assert figures.curves["prtf"].columns == ("frequency_cycles_per_px", "ratio")
    np.testing.assert_array_equal(figures.curves["prtf"].values, curve.read())
    shown = " ".join(service.cli("show", parent.id).stdout.split())
    for name, line in quality_rows(quality, parent.result.verdict):
        assert f"{name} {line}" in shown


def test_frc_is_a_linked_job_that_compares_two_halves(
    service: Service, tiled_server: TiledServer, tmp_path: Path
) -> None:
    parent = service.parent
    job = service.client.frc(parent.id)
    assert service.client.frc(parent.id).id == job.id
    assert job.spec.kind == "frc" and job.spec.parent == parent.id
    assert job.spec.priority == 9 and job.owner == parent.owner
    assert job.spec.recipe == parent.spec.recipe and job.spec.scan == parent.spec.scan
    assert parent.result and parent.result.quality and parent.result.quality.overlap
    high = parent.result.quality.overlap >= 0.6
    assert job.spec.halves == ("frames" if high else "counts")

    said = service.cli("frc", parent.id, "--wait")
    assert said.returncode == 0, said.stderr
    done = service.client.job(job.id)
    assert done.state is JobState.SUCCEEDED and done.result and done.result.quality
    assert done.progress and done.progress.epoch == done.progress.epochs == 2 * EPOCHS
    assert done.result.epochs == 2 * EPOCHS
    frc = done.result.quality.frc
    assert frc is not None
    assert frc.half_period_nm == pytest.approx(10 / (2 * frc.crossing_cycles_per_px), rel=1e-3)
    assert f"half period {frc.half_period_nm:.3g} nm" in said.stdout

    stored = node(tiled_server, done)
    assert (stored.metadata["kind"], stored.metadata["parent"]) == ("frc", parent.id)
    np.testing.assert_array_equal(
        stored["live/progress"].read()[:, 0], np.arange(1, 2 * EPOCHS + 1)
    )
    curve = stored["quality/frc"].read()
    below = np.flatnonzero((curve[:, 1] < curve[:, 2])[3:])
    assert curve[below[0] + 3, 0] == frc.crossing_cycles_per_px
    first, second = (stored[name].read()[0] for name in ("object", "second/object"))
    assert not np.array_equal(first, second)
    y0, y1, x0, x1 = stored.metadata["illuminated_box"]
    again = compare_halves(first, second, (y0 + 25, y1 - 25, x0 + 25, x1 - 25))
    assert again.correlation[1:6].mean() == pytest.approx(curve[1:6, 1].mean(), abs=0.25)

    path = service.client.download(job.id, "cxi", tmp_path / "frc.cxi")
    figures = read_reconstruction(path).quality
    assert figures.numbers["frc_crossing_cycles_per_px"] == frc.crossing_cycles_per_px
    np.testing.assert_array_equal(figures.curves["frc"].values, curve)


def test_what_has_no_resolution_is_refused(service: Service) -> None:
    api = service.api
    problem(api.client.post("/api/v1/jobs/none/frc"), 404, "job-not-found")
    frc = service.client.frc(service.parent.id)
    again = problem(
        api.client.post(f"/api/v1/jobs/{frc.id}/frc"), 409, "transition-not-allowed"
    )
    assert service.parent.id in again["detail"]
    cancelled = service.client.submit(service.parent.spec.scan.uid, priority=9)
    service.client.cancel(cancelled.id)
    ended = service.client.wait(cancelled.id, timeout_s=30)
    found = problem(
        api.client.post(f"/api/v1/jobs/{ended.id}/frc"), 409, "transition-not-allowed"
    )
    assert "cancelled" in found["detail"]
