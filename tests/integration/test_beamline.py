"""The simulated beamline plays; the reader, which shares no constants with it, reads."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import h5py
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.stack import TiledServer, clean_environment, free_port, wait_until

from exitwave.prepare import build_dataset
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import DataError, TiledUnavailable, UsageError
from exitwave.settings.service import Settings
from exitwave.simulated_beamline.play import PlayedScan, open_raw, play
from exitwave.simulated_beamline.recorded import DEMO_SCAN, RecordedScan

FAST_HZ = 5000.0


@pytest.fixture(scope="module")
def settings(tiled_server: TiledServer) -> Settings:
    return Settings(tiled=tiled_server.settings, data_dir=tiled_server.data_dir)


@pytest.fixture(scope="module")
def scans(tiled_server: TiledServer) -> TiledScans:
    return TiledScans(tiled_server.settings, load_profile("hxn"))


@pytest.fixture(scope="module")
def star(settings: Settings) -> PlayedScan:
    return play(settings, rate_hz=FAST_HZ)


@pytest.fixture
def recorded() -> Iterator[RecordedScan]:
    with RecordedScan(DEMO_SCAN) as scan:
        yield scan


def small_cxi(path: Path, *, n: int = 60) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """A scan file; gives its counts and its positions (y, x) in metres."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(30, (n, 16, 16)).astype(np.uint32)
    xyz = np.concatenate([rng.uniform(0, 3e-6, (n, 2)), np.zeros((n, 1))], axis=1)
    with h5py.File(path, "w") as file:
        file["entry_1/data_1/data"] = counts
        file["entry_1/data_1/translation"] = xyz
        detector = file.create_group("entry_1/instrument_1/detector_1")
        detector["distance"], detector["x_pixel_size"] = 0.5, 55e-6
        file["entry_1/instrument_1/source_1/energy"] = 12_000 * 1.602176634e-19
    return counts, xyz[:, 1::-1]


def test_star_comes_through_as_measured(
    star: PlayedScan, scans: TiledScans, recorded: RecordedScan
) -> None:
    """Frames, positions (not mirrored) and geometry against the file; 0.02 px at most."""
    assert (star.exit_status, star.n_frames) == ("success", 516)
    scan = scans.open(star.uid)
    np.testing.assert_array_equal(scan.frames(0, 516), recorded.frames(0, 516))
    geometry = scan.geometry(GeometryOverrides())
    assert geometry.energy_eV == pytest.approx(8800, abs=1e-3)
    assert geometry.distance_m == recorded.distance_m
    assert geometry.nominal  # the scale was never measured, and pictures say so
    prepared = build_dataset(scan, DataOptions(), geometry)
    assert prepared.pixel_size_m == pytest.approx(10e-9, rel=1e-6)
    shift_px = prepared.dataset.positions_px - recorded.beam_m / 10e-9
    assert np.abs(shift_px - shift_px.mean(axis=0)).max() < 0.02
    counts = prepared.dataset.frames.read(np.arange(516))
    np.testing.assert_array_equal(counts[:, 0, 0], recorded.frames(0, 516)[:, 64, 64])


def test_start_document_is_like_hxn(star: PlayedScan, scans: TiledScans) -> None:
    start = scans.open(star.uid).start
    assert start["uid"] == star.uid
    assert (start["beamline_id"], start["plan_name"]) == ("HXN", "fly2dpd")
    assert start["motors"] == ["zpssx", "zpssy"]
    assert start["scan"]["type"] == "2D_FLY_PANDA"
    assert start["scan"]["sample_name"] == start["sample"] == "Siemens star"
    assert start["shape"][0] * start["shape"][1] == 516
    x_um = start["scan"]["scan_input"][:2]
    assert x_um[1] - x_um[0] == pytest.approx(3.289, abs=1e-3)


def test_files_lie_in_the_runs_folder(star: PlayedScan, settings: Settings) -> None:
    assert settings.data_dir is not None
    folder = settings.data_dir / "scans" / star.uid
    assert sorted(path.name for path in folder.iterdir()) == ["eiger2.h5", "panda1.h5"]
    with h5py.File(folder / "panda1.h5", "r") as file:
        encoder = file["INENC2.VAL.Value"]
        assert (encoder.shape, encoder.dtype) == ((5160,), np.dtype("int32"))
        assert len(np.unique(encoder[:10])) > 1


def test_scan_ids_count_up(star: PlayedScan, settings: Settings, tmp_path: Path) -> None:
    small_cxi(tmp_path / "s.cxi")
    newest = open_raw(settings).values().last().metadata["start"]["scan_id"]
    played = play(settings, scan_file=tmp_path / "s.cxi", rate_hz=FAST_HZ)
    assert played.scan_id == newest + 1 > star.scan_id


def test_any_cxi_file_plays(settings: Settings, scans: TiledScans, tmp_path: Path) -> None:
    counts, beam_m = small_cxi(tmp_path / "s.cxi")
    played = play(settings, scan_file=tmp_path / "s.cxi", rate_hz=FAST_HZ, sample="dots")
    scan = scans.open(played.uid)
    assert scan.ref.sample == "dots"
    np.testing.assert_array_equal(scan.frames(0, 60), counts)
    positions_m = scan.positions_m()
    shift_m = positions_m - beam_m
    assert np.abs(shift_m - shift_m.mean(axis=0)).max() < 0.1e-9
    geometry = scan.geometry(GeometryOverrides())
    assert geometry.energy_eV == pytest.approx(12_000, abs=1e-2)
    # Another pitch than the beamline's detector has: the angles are what was recorded.
    assert geometry.detector_pixel_m / geometry.distance_m == pytest.approx(55e-6 / 0.5)


def test_frames_show_up_while_the_scan_runs(
    settings: Settings, tiled_server: TiledServer, tmp_path: Path
) -> None:
    """Another client sees the scan grow in steps, and no stop document before the end."""
    small_cxi(tmp_path / "s.cxi", n=260)
    seen: list[tuple[int, bool]] = []
    result: list[PlayedScan] = []
    player = Thread(
        target=lambda: result.append(
            play(settings, scan_file=tmp_path / "s.cxi", duration_s=5.0, scan_id=424242)
        )
    )
    player.start()
    while player.is_alive():
        if run := running_run(tiled_server, 424242):
            seen.append(run)
        time.sleep(0.1)
    player.join()
    growing = sorted({frames for frames, stopped in seen if not stopped})
    assert len([frames for frames in growing if 0 < frames < 260]) >= 2, seen
    assert all(frames == 260 for frames, stopped in seen if stopped)
    assert result[0].n_frames == 260


def running_run(server: TiledServer, scan_id: int) -> tuple[int, bool] | None:
    """Frames of the run in Tiled so far and whether it has a stop document."""
    api = httpx.Client(
        base_url=f"{server.uri}/api/v1", headers={"Authorization": f"Apikey {server.api_key}"}
    )
    with api:
        found = api.get(
            "/search/raw",
            params={
                "filter[eq][condition][key]": "start.scan_id",
                "filter[eq][condition][value]": scan_id,
            },
        ).json()["data"]
        if not found:
            return None
        stopped = "stop" in found[0]["attributes"]["metadata"]
        answer = api.get(f"/metadata/raw/{found[0]['id']}/primary/eiger2_image")
        if answer.status_code == 404:
            return 0, stopped
        return answer.json()["data"]["attributes"]["structure"]["shape"][0], stopped


def test_aborted_run_says_so(settings: Settings, tmp_path: Path) -> None:
    small_cxi(tmp_path / "s.cxi", n=300)
    played = play(settings, scan_file=tmp_path / "s.cxi", rate_hz=100.0, abort_after_frames=40)
    assert played.exit_status == "abort"
    assert 40 <= played.n_frames < 300
    stop = open_raw(settings)[played.uid].metadata["stop"]
    assert stop["exit_status"] == "abort"


def test_ctrl_c_ends_the_run_properly(
    settings: Settings, tiled_server: TiledServer, tmp_path: Path
) -> None:
    program = (
        "from exitwave.settings.service import load_settings; "
        "from exitwave.simulated_beamline.play import play; "
        "play(load_settings(), duration_s=60, scan_id=535353)"
    )
    environment = clean_environment(
        EXITWAVE__TILED__URI=tiled_server.uri,
        EXITWAVE__TILED__API_KEY=tiled_server.api_key,
        EXITWAVE__DATA_DIR=str(tiled_server.data_dir),
    )
    log = tmp_path / "play.log"
    with log.open("wb") as output:
        player = subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdout=output,
            stderr=output,
            # A shell may have told its background jobs to ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        wait_until(lambda: running_run(tiled_server, 535353), "a run in Tiled", log=log)
        player.send_signal(signal.SIGINT)
        player.wait(timeout=20)
    finally:
        player.kill()
    run = open_raw(settings)[535353]
    assert run.metadata["stop"]["exit_status"] == "abort"


def test_no_data_folder_is_wrong_use(tiled_server: TiledServer) -> None:
    with pytest.raises(UsageError, match="data_dir"):
        play(Settings(tiled=tiled_server.settings))


def test_tiled_away(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"tiled": {"uri": f"http://127.0.0.1:{free_port()}"}, "data_dir": tmp_path}
    )
    with pytest.raises(TiledUnavailable, match="does not answer"):
        play(settings)


def test_file_that_is_no_scan(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "text.cxi").write_text("not HDF5")
    with pytest.raises(DataError, match=r"text\.cxi.*readable CXI"):
        play(settings, scan_file=tmp_path / "text.cxi")
    with h5py.File(tmp_path / "empty.cxi", "w"):
        pass
    with pytest.raises(DataError, match=r"empty\.cxi:/entry_1/data_1/data: found nothing"):
        play(settings, scan_file=tmp_path / "empty.cxi")
