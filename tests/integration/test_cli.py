"""The command line against a whole running service."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np
import pytest
from PIL import Image
from tests.support.stack import Stack, short_scan, wait_until
from tiled.client import from_uri

from exitwave.cli import main
from exitwave.client import Client
from exitwave.schema.errors import AccessDenied

README = Path(__file__).parents[2] / "README.md"
FRAMES = 15
"""So few that nobody asks why so short a run is no good."""

SHORT = [
    *("--set", "recipe.stages.0.epochs=2"),
    *("--set", "recipe.stages.1.below_overlap=-10"),  # never
    *("--set", "recipe.stages.2.epochs=2"),
    *("--set", "recipe.stages.3.epochs=1"),
]


def cli(stack: Stack, *words: str) -> CompletedProcess[str]:
    """The command line in this process, which is faster than a new one for each command."""
    out, error = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, stack.env, clear=True),
        patch.object(sys, "argv", ["exitwave", *words]),
        redirect_stdout(out),
        redirect_stderr(error),
        pytest.raises(SystemExit) as left,
    ):
        main.main()
    code = left.value.code
    assert isinstance(code, int)
    return CompletedProcess(words, code, out.getvalue(), error.getvalue())


def told(done: CompletedProcess[str], code: int = 0) -> str:
    assert done.returncode == code, done.stderr
    assert done.stderr.count("Traceback") == 0
    return done.stdout


@pytest.fixture(scope="module")
def scan_uid(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A short scan; the job that the trigger makes of it is cancelled by the command line."""
    path = short_scan(tmp_path_factory.mktemp("scan") / "s.cxi", FRAMES)
    said = told(stack.cli("beamline", "play", "--file", str(path), "--rate", "500"))
    assert f"{FRAMES} frames" in said
    uid = said.rsplit("uid ", 1)[1].strip()
    with stack.client() as client:
        wait_until(lambda: client.jobs(scan=uid).jobs, "the trigger's job")
        (job,) = client.jobs(scan=uid).jobs
        told(cli(stack, "cancel", job.id))
        assert client.wait(job.id, timeout_s=60).state.value == "cancelled"
    yield uid


def the_cancelled_job(stack: Stack, scan_uid: str) -> dict[str, str]:
    listed = told(cli(stack, "jobs", "--json", "--state", "cancelled", "--scan", scan_uid))
    (job,) = json.loads(listed)
    return job


@pytest.fixture(scope="module")
def done_job(stack: Stack, scan_uid: str) -> str:
    said = told(stack.cli("submit", scan_uid[:8], "--wait", "--json", "--tag", "cli", *SHORT))
    job = json.loads(said)
    assert job["state"] == "succeeded"
    assert job["spec"]["scan"]["uid"] == scan_uid
    assert job["progress"]["epoch"] == job["result"]["epochs"] == 5
    return str(job["id"])


def test_jobs_and_show_tell_the_truth(stack: Stack, done_job: str, scan_uid: str) -> None:
    listed = json.loads(told(cli(stack, "jobs", "--json", "--scan", scan_uid)))
    assert [job["state"] for job in listed] == ["succeeded", "cancelled"]
    assert listed[0]["id"] == done_job
    assert listed[0] == json.loads(told(cli(stack, "show", done_job, "--json")))
    assert json.loads(told(cli(stack, "jobs", "--json", "--state", "dead"))) == []
    assert done_job in told(cli(stack, "jobs"))
    shown = told(cli(stack, "show", done_job))
    assert scan_uid in shown
    assert "succeeded" in shown


def test_watching_a_job_that_has_ended(stack: Stack, done_job: str, scan_uid: str) -> None:
    assert "succeeded" in told(cli(stack, "watch", done_job))
    cancelled = the_cancelled_job(stack, scan_uid)
    assert "cancelled" in told(cli(stack, "watch", cancelled["id"]), 1)


def test_download_cxi_is_what_tiled_holds(stack: Stack, done_job: str, tmp_path: Path) -> None:
    said = told(cli(stack, "download", done_job, "--out", str(tmp_path)))
    path = Path(said.strip())
    assert path.suffix == ".cxi"
    with stack.client() as client:
        result = client.job(done_job).result
    tiled = stack.settings.tiled
    node = from_uri(tiled.uri, api_key=tiled.api_key.get_secret_value())[result.node]
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["exitwave/object"], node["object"].read())
        np.testing.assert_array_equal(file["exitwave/probe"], node["probe"].read())
        positions_px = file["exitwave/positions_px"][()]
        height, width = file["exitwave/object"].shape[1:]
        # In the object that the engine made, every view lies inside, the outermost at its end.
        assert positions_px.min() >= 0
        far = np.ceil(positions_px.max(axis=0) - 1e-6) + 128
        np.testing.assert_allclose(far, (height, width), atol=1)
        x_y = file["entry_1/data_1/translation"][:, :2]
        np.testing.assert_array_equal(x_y[:, ::-1], node["positions_m"].read())
        assert file["exitwave/loss"].shape == (5,)
        metadata = json.loads(file["exitwave"].attrs["metadata"])
        assert metadata["job_id"] == done_job
        energy_eV = file["entry_1/instrument_1/source_1/energy"][()] / 1.602176634e-19
        assert energy_eV == pytest.approx(metadata["geometry"]["energy_eV"])


def test_download_npy_and_png(stack: Stack, done_job: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree.zip"
    told(cli(stack, "download", done_job, "--format", "npy", "--out", str(tree)))
    with zipfile.ZipFile(tree) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("_object_ave.npy")]
        assert name.startswith("recon_result/S")
        with archive.open(name) as file:
            turned = np.lib.format.read_array(file)
    told(cli(stack, "download", done_job, "--out", str(tmp_path / "r.cxi")))
    with h5py.File(tmp_path / "r.cxi") as file:
        np.testing.assert_array_equal(np.rot90(turned), file["exitwave/object"][0])
    picture = tmp_path / "p.png"
    told(cli(stack, "download", done_job, "--format", "png", "--out", str(picture)))
    with Image.open(picture) as opened:
        greys = np.asarray(opened.convert("L"))
    assert greys.shape[1] >= 600
    assert greys.std() > 10


def test_a_job_without_a_result(stack: Stack, scan_uid: str, tmp_path: Path) -> None:
    cancelled = the_cancelled_job(stack, scan_uid)
    refused = cli(stack, "download", cancelled["id"], "--out", str(tmp_path / "r.cxi"))
    told(refused, 1)
    assert "has no result; it is cancelled" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_fails_is_exit_code_1(stack: Stack, scan_uid: str) -> None:
    # So near a detector makes pixels so small that the scan spans millions: only a look at
    # the positions can tell.
    failed = cli(stack, "submit", scan_uid, "--wait", "--set", "geometry.distance_m=0.001")
    assert "failed: geometry: found a pixel of 0.01468 nm, with it an object of" in told(
        failed, 1
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["submit", "ffffffff-no-such-scan"], 1, "ffffffff-no-such-scan"),
        (["submit", "999999"], 1, "999999"),
        (["submit", "{uid}", "--recipe", "nix"], 1, "expected one of"),
        (["submit", "{uid}", "--set", "recipe.sed=1"], 1, "recipe.sed: found an unknown key"),
        (["submit", "{uid}", "--set", "recipe.seed=-1"], 1, "recipe.seed: found -1"),
        (["submit", "{uid}", "--set", "seed=1"], 1, "overrides.seed"),
        (["show", "nosuchjob"], 1, "nosuchjob"),
        (["cancel", "nosuchjob"], 1, "nosuchjob"),
        (["watch", "nosuchjob"], 1, "nosuchjob"),
        (["download", "nosuchjob"], 1, "nosuchjob"),
        (["retry", "nosuchjob"], 1, "nosuchjob"),
        (["delete", "nosuchjob"], 1, "nosuchjob"),
        (["keys", "revoke", "nosuchkey"], 1, "nosuchkey"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    stack: Stack, scan_uid: str, words: list[str], code: int, said: str
) -> None:
    done = cli(stack, *(word.format(uid=scan_uid) for word in words))
    told(done, code)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_arrays_come_through_the_service_alone(
    stack: Stack, done_job: str, tmp_path: Path
) -> None:
    told(cli(stack, "download", done_job, "--out", str(tmp_path / "r.cxi")))
    with stack.client() as client:
        result = client.result(done_job)
    with h5py.File(tmp_path / "r.cxi") as file:
        kept = file["exitwave"]
        np.testing.assert_array_equal(result.object_MYX, kept["object"])
        np.testing.assert_array_equal(result.probe_NHW, kept["probe"])
        np.testing.assert_array_equal(result.positions_m, kept["positions_m"])
        np.testing.assert_array_equal(result.loss, kept["loss"])
        assert result.pixel_size_m == kept.attrs["pixel_size_m"]
    assert result.positions_m.shape == (FRAMES, 2)
    assert result.quality is not None and result.job.id == done_job


def test_the_readmes_client_does_what_it_says(
    stack: Stack, scan_uid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = README.read_text(encoding="utf-8").split("```python")[1].split("```")[0]
    changed = {**dict(pair.split("=") for pair in SHORT[1::2]), "recipe.seed": 3}
    overrides = {key: int(value) for key, value in changed.items()}
    for named, ours in (
        ('"7f0c3f2e"', repr(scan_uid[:8])),
        ('{"recipe.seed": 3}', repr(overrides)),
    ):
        assert code.count(named) == 1
        code = code.replace(named, ours)
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    with patch.dict(os.environ, stack.env, clear=True), redirect_stdout(said):
        names: dict[str, Any] = {}
        exec(compile(code, str(README), "exec"), names)
        names["client"].close()
    assert names["job"].spec.overrides["recipe.seed"] == 3
    assert names["event"].kind == "ended" and "epoch=5" in said.getvalue()
    assert names["result"].object_MYX.ndim == 3 and h5py.is_hdf5("star.cxi")


def test_the_queue_is_steered(stack: Stack, scan_uid: str) -> None:
    """Two scans at once into a paused queue, moved, paused, ended, tried again, deleted."""
    held = json.loads(told(cli(stack, "pause", "--json")))
    assert held["paused"]
    try:
        words = ["submit", scan_uid, scan_uid[:8], "--tag", "steered", "--priority", "6"]
        items = json.loads(told(cli(stack, *words, "--json", *SHORT)))
        first, second = (item["job"]["id"] for item in items)
        assert "priority 2" in told(cli(stack, "reprioritise", second, "2"))
        assert "queued, paused" in told(cli(stack, "pause", first))
        listed = json.loads(told(cli(stack, "jobs", "--tag", "steered", "--all", "--json")))
        assert [job["id"] for job in listed] == [second, first]
        assert [job["paused"] for job in listed] == [False, True]
        assert "paused: no job is claimed; 2 waiting" in told(cli(stack, "queue"))
        shown = " ".join(told(cli(stack, "show", first)).split())
        assert "queued (paused)" in shown and "priority 6" in shown
        refused = cli(stack, "stop", second)
        told(refused, 1)
        assert "queued" in refused.stderr and refused.stderr.count("\n") == 1
        assert "cancelled" in told(cli(stack, "cancel", first))
        assert "deleted" in told(cli(stack, "delete", first))
        told(cli(stack, "show", first), 1)
    finally:
        assert "running" in told(cli(stack, "resume"))
    assert "succeeded" in told(cli(stack, "watch", second))
    changed = ["--set", "recipe.seed=9", "--wait", "--json"]
    again = json.loads(told(cli(stack, "rerun", second, *changed)))
    assert again["spec"]["retry_of"] == second
    assert again["spec"]["overrides"]["recipe.seed"] == 9
    assert again["spec"]["priority"] == 6
    assert f"retried as {again['id']} succeeded" in " ".join(
        told(cli(stack, "show", second)).split()
    )


def test_a_running_job_is_stopped_and_its_result_kept(
    stack: Stack, done_job: str, scan_uid: str
) -> None:
    long = ["--set", "recipe.stages.0.epochs=2000", "--start", done_job]
    started = json.loads(told(cli(stack, "submit", scan_uid, *long, "--json")))
    assert started["spec"]["start"]["job_id"] == done_job
    with stack.client() as client:
        computing = (e for e in client.events(started["id"]) if e.progress and e.progress.epoch)
        next(computing)
        assert "keep its result" in told(cli(stack, "stop", started["id"]))
        ended = client.wait(started["id"], timeout_s=120)
    assert ended.state.value == "succeeded"
    assert ended.result is not None and not ended.result.complete
    shown = told(cli(stack, "show", started["id"]))
    assert "ended early on request" in shown
    assert f"object and probe of job {done_job}" in shown


def test_workers_are_drained(stack: Stack) -> None:
    (worker,) = json.loads(told(cli(stack, "workers", "--json")))
    name = worker["name"]
    assert "claims no further job" in told(cli(stack, "workers", "drain", name))
    assert "draining" in told(cli(stack, "workers"))
    assert "claims jobs again" in told(cli(stack, "workers", "undrain", name))
    told(cli(stack, "workers", "drain", "nobody"), 1)


def test_a_key_opens_what_its_scopes_say(stack: Stack, done_job: str) -> None:
    words = ["keys", "create", "--owner", "eva", "--note", "control room"]
    made = cli(stack, *words, "--scope", "read:jobs", "--scope", "control:jobs")
    key = told(made).strip()
    assert key not in made.stderr
    eva = replace(stack, env={**stack.env, "EXITWAVE_URL": stack.url, "EXITWAVE_API_KEY": key})
    listed = told(cli(stack, "keys", "list"))
    assert "eva" in listed and key not in listed
    (key_id,) = [
        found["id"]
        for found in json.loads(told(cli(stack, "keys", "list", "--json")))
        if found["owner"] == "eva"
    ]
    assert "succeeded" in told(cli(eva, "show", done_job))
    refused = cli(eva, "workers")
    told(refused, 1)
    assert "read:workers" in refused.stderr and refused.stderr.count("\n") == 1
    assert "revoked" in told(cli(stack, "keys", "revoke", key_id))
    told(cli(eva, "jobs"), 1)


def test_a_wrong_key(stack: Stack) -> None:
    with (
        Client(stack.url, "wrong") as client,
        pytest.raises(AccessDenied, match="key: found one"),
    ):
        client.jobs()


def test_events_follow_a_job_to_its_end(stack: Stack, scan_uid: str) -> None:
    with stack.client() as client:
        job = client.submit(
            scan_uid, overrides={f"recipe.stages.{n}.epochs": 2 for n in (0, 2, 3)}
        )
        events = list(client.events(job.id))
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["submitted", "started"]
    assert kinds[-1] == "ended"
    assert "progress" in kinds
    epochs = [event.progress.epoch for event in events if event.progress]
    assert epochs == sorted(epochs)
