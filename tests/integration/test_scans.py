"""Runs of every layout in a real Tiled, good and bad, as the reader sees them."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.stack import TiledServer, free_port
from tiled.client.container import Container
from tiled.structures.core import Spec

from exitwave.prepare import build_dataset
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import (
    DataError,
    GeometryError,
    InvalidInput,
    ScanNotFinished,
    ScanNotFound,
    TiledUnavailable,
)
from exitwave.settings.service import Settings, TiledSettings
from exitwave.simulated_beamline.play import open_raw

N, SIDE = 7, 12
FRAMES = np.random.default_rng(0).poisson(20, (N, SIDE, SIDE)).astype(np.uint16)
SAMPLES = np.arange(10 * N, dtype=np.int32).reshape(N, 10)
ALL = DataOptions()
AS_RECORDED = GeometryOverrides()


@dataclass(frozen=True)
class RunSpec:
    """A run as written into Tiled; arrays are stored by Tiled itself, so read over HTTP."""

    keys: dict[str, NDArray[Any]]
    start: dict[str, Any]
    folder: str = "primary"
    baseline: dict[str, float] | None = None
    finished: bool = True


GOOD = RunSpec(
    keys={"eiger2_image": FRAMES, "inenc2_val": SAMPLES, "inenc3_val": 2 * SAMPLES},
    start={
        "motors": ["zpssx", "zpssy"],
        "sample": "star",
        "scan": {"detector_distance": 0.7, "sample_name": ""},
    },
    baseline={"dcm_th": 12.98315184, "zpsth": 60.0},
)


@pytest.fixture(scope="module")
def raw(tiled_server: TiledServer) -> Container:
    return open_raw(Settings(tiled=tiled_server.settings))


@pytest.fixture(scope="module")
def scans(tiled_server: TiledServer) -> TiledScans:
    return TiledScans(tiled_server.settings, load_profile("hxn"))


def write(raw: Container, run: RunSpec, *, uid: str | None = None) -> str:
    uid = uid or str(uuid.uuid4())
    metadata: dict[str, Any] = {"start": {"uid": uid, "time": time.time(), **run.start}}
    if run.finished:
        metadata["stop"] = {"run_start": uid, "exit_status": "success"}
    # The client class of the run's own spec guards what may be created in it; write plainly.
    node = raw.create_container(uid, metadata=metadata, specs=[Spec("Scratch")])
    for part in run.folder.split("/"):
        node = node.create_container(part)
    for key, values in run.keys.items():
        node.write_array(values, key=key)
    if run.baseline is not None:
        container = raw[uid].create_container("baseline")
        for key, value in run.baseline.items():
            container.write_array(np.array([value]), key=key)
    return uid


def with_key(key: str, values: NDArray[Any] | None) -> RunSpec:
    keys = {name: array for name, array in GOOD.keys.items() if name != key}
    return replace(GOOD, keys=keys if values is None else {**keys, key: values})


@pytest.mark.parametrize(
    ("folder", "shape"),
    [
        ("primary", (N, 1, SIDE, SIDE)),
        ("primary/data", (1, N, SIDE, SIDE)),
        ("streams/primary", (N, SIDE, SIDE)),
    ],
)
def test_every_layout_reads_the_same(
    raw: Container, scans: TiledScans, folder: str, shape: tuple[int, ...]
) -> None:
    run = replace(with_key("eiger2_image", FRAMES.reshape(shape)), folder=folder)
    scan = scans.open(write(raw, run))
    assert (scan.n_frames, scan.shape_HW) == (N, (SIDE, SIDE))
    np.testing.assert_array_equal(scan.frames(2, 6), FRAMES[2:6])
    assert scan.ref.sample == "star"


def test_positions_are_the_beam_on_the_object(raw: Container, scans: TiledScans) -> None:
    """Means of ten samples, HXN's factors, turned sample; the stage carries the sample."""
    positions_m = scans.open(write(raw, GOOD)).positions_m()
    mean = SAMPLES.mean(axis=1)
    y_um = +1 * (2 * mean) * -1.03297e-4
    x_um = -1 * mean * -0.9542e-4 * np.cos(np.deg2rad(60.0))
    np.testing.assert_allclose(positions_m, np.stack([y_um, x_um], 1) * 1e-6, rtol=1e-12)


def test_one_position_per_frame(raw: Container, scans: TiledScans) -> None:
    ones = replace(
        GOOD, keys={**GOOD.keys, "inenc2_val": SAMPLES[:, 0], "inenc3_val": SAMPLES[:, 0]}
    )
    positions_m = scans.open(write(raw, ones)).positions_m()
    np.testing.assert_allclose(positions_m[:, 0], SAMPLES[:, 0] * -1.03297e-10)


def test_geometry_says_where_each_value_came_from(raw: Container, scans: TiledScans) -> None:
    scan = scans.open(write(raw, GOOD))
    geometry = scan.geometry(AS_RECORDED)
    assert geometry.energy_eV == pytest.approx(8800, abs=0.01)
    assert (geometry.distance_m, geometry.detector_pixel_m) == (0.7, 75e-6)
    assert geometry.sources == {
        "energy_eV": "baseline dcm_th = 12.9832 deg",
        "distance_m": "start.scan.detector_distance",
        "detector_pixel_m": "profile hxn, eiger2_image",
    }
    given = scan.geometry(GeometryOverrides(energy_eV=9000.0, distance_m=1.5))
    assert (given.energy_eV, given.distance_m) == (9000.0, 1.5)
    assert given.sources["energy_eV"] == given.sources["distance_m"] == "override"


def test_find_by_scan_id_takes_the_newest(raw: Container, scans: TiledScans) -> None:
    run = replace(GOOD, start={**GOOD.start, "scan_id": 515151})
    write(raw, run)
    newest = write(raw, run)
    assert scans.find(515151).uid == scans.find("515151").uid == newest


def test_find_by_uid_and_unique_prefix(raw: Container, scans: TiledScans) -> None:
    one = write(raw, GOOD, uid="abcd1" + str(uuid.uuid4())[5:])
    two = write(raw, GOOD, uid="abcd2" + str(uuid.uuid4())[5:])
    assert scans.find(one).uid == one
    assert scans.find("abcd2").uid == two
    with pytest.raises(InvalidInput) as caught:
        scans.find("abcd")
    assert one in str(caught.value)
    assert two in str(caught.value)


@pytest.mark.parametrize(
    "word", [str(uuid.uuid4()), "0123dead", "ab", "%%%%%", "a/../b", 987654, "987654"]
)
def test_unknown_scan(scans: TiledScans, word: str | int) -> None:
    with pytest.raises(ScanNotFound, match=r"scan: "):
        scans.find(word)


def test_unknown_uid_cannot_be_opened(scans: TiledScans) -> None:
    with pytest.raises(ScanNotFound):
        scans.open("../ptycho")


def test_check_knows_a_good_scan(raw: Container, scans: TiledScans) -> None:
    ref = scans.check(write(raw, GOOD), ALL, AS_RECORDED)
    assert ref.n_frames == N


def test_run_without_a_stop_document(raw: Container, scans: TiledScans) -> None:
    uid = write(raw, replace(GOOD, finished=False))
    assert scans.find(uid).uid == uid
    with pytest.raises(ScanNotFinished, match="no stop document"):
        scans.check(uid, ALL, AS_RECORDED)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (with_key("eiger2_image", None), ["inenc2_val", "one of eiger2_image, eiger1_image"]),
        (with_key("inenc3_val", None), ["zpssy", "eiger2_image, inenc2_val", "inenc3_val"]),
        (
            with_key("inenc2_val", SAMPLES[:-1]),
            ["inenc2_val", "60 positions for 7 frames", "10 or 1"],
        ),
        (with_key("eiger2_image", FRAMES[0]), ["eiger2_image", "(12, 12)", "(n, H, W)"]),
        (replace(GOOD, folder="other"), ["streams", "other", "primary"]),
        (replace(GOOD, start={**GOOD.start, "motors": ["ssx", "ssy"]}), ["ssx", "zpssx"]),
        (replace(GOOD, start={**GOOD.start, "motors": ["zpssx"]}), ["one along y"]),
    ],
    ids=["no-frames", "no-encoder", "counts-differ", "one-image", "no-stream", "motor", "axis"],
)
def test_unusable_scan_is_refused_at_the_check(
    raw: Container, scans: TiledScans, run: RunSpec, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        scans.check(write(raw, run), ALL, AS_RECORDED)
    assert all(word in str(caught.value) for word in words), caught.value


def test_geometry_that_is_not_recorded(raw: Container, scans: TiledScans) -> None:
    uid = write(raw, replace(GOOD, baseline=None, start={"motors": ["zpssx", "zpssy"]}))
    with pytest.raises(GeometryError, match=r"geometry\.energy_eV.*dcm_th"):
        scans.check(uid, ALL, AS_RECORDED)
    with pytest.raises(GeometryError, match=r"geometry\.distance_m.*detector_distance"):
        scans.check(uid, ALL, GeometryOverrides(energy_eV=8800.0))
    scans.check(uid, ALL, GeometryOverrides(energy_eV=8800.0, distance_m=1.0))


def test_crop_larger_than_the_frame(raw: Container, scans: TiledScans) -> None:
    with pytest.raises(DataError, match=r"data\.crop_px: found 13; expected at most 12"):
        scans.check(write(raw, GOOD), DataOptions(crop_px=13), AS_RECORDED)


def test_many_nan_positions_fail_when_they_are_read(raw: Container, scans: TiledScans) -> None:
    samples = SAMPLES.astype(np.float64)
    samples[2:] = np.nan
    scan = scans.open(write(raw, with_key("inenc2_val", samples)))
    with pytest.raises(DataError, match="5 of 7 are NaN or infinite, the first at frame 2"):
        build_dataset(scan, ALL, scan.geometry(AS_RECORDED))


def test_truncated_detector_file(
    raw: Container, scans: TiledScans, tiled_server: TiledServer
) -> None:
    """Told by the file where it can be read, by the server where only that can."""
    uid = write(raw, with_key("eiger2_image", None))
    path = tiled_server.scans / f"{uid}.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["entry/data"] = FRAMES
    register(raw[uid]["primary"], "eiger2_image", path, FRAMES)
    whole = path.read_bytes()
    scan = scans.open(uid)
    np.testing.assert_array_equal(scan.frames(0, N), FRAMES)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"{uid}\.h5.*cannot be read"):
        scan.frames(0, N)
    scan._frames.local = None
    with pytest.raises(DataError, match=r"eiger2_image: found Tiled cannot read the data"):
        scan.frames(0, N)


def register(node: Container, key: str, path: Any, values: NDArray[Any]) -> None:
    from tiled.structures.array import ArrayStructure
    from tiled.structures.core import StructureFamily
    from tiled.structures.data_source import Asset, DataSource, Management

    asset = Asset(
        data_uri=f"file://localhost{path}", is_directory=False, parameter="data_uris", num=0
    )
    source = DataSource(
        structure_family=StructureFamily.array,
        structure=ArrayStructure.from_array(values),
        mimetype="application/x-hdf5",
        parameters={"dataset": "entry/data", "swmr": False, "locking": False},
        management=Management.external,
        assets=[asset],
    )
    node.new(
        key=key,
        structure_family=StructureFamily.array,
        data_sources=[source],
        metadata={},
        specs=[],
    )


def test_tiled_away() -> None:
    settings = TiledSettings(uri=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TiledUnavailable, match="does not answer"):
        TiledScans(settings, load_profile("hxn")).find("abcdef")


def test_wrong_key(tiled_server: TiledServer) -> None:
    settings = TiledSettings.model_validate({"uri": tiled_server.uri, "api_key": "ff" * 16})
    with pytest.raises(TiledUnavailable, match=r"refuses the key.*tiled\.api_key") as caught:
        TiledScans(settings, load_profile("hxn")).find("abcdef")
    assert "ff" * 16 not in str(caught.value)
