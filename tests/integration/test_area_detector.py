"""A beamline that is not HXN, read with a profile alone: YAML, and no line of code."""

from __future__ import annotations

import shutil
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from tests.support.stack import TiledServer
from tiled.client.container import Container
from tiled.structures.core import Spec, StructureFamily
from tiled.structures.data_source import Asset, DataSource, Management

from exitwave.prepare import build_dataset
from exitwave.scans import Profile, TiledScans, load_profile
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import DataError, GeometryError
from exitwave.settings.service import Settings
from exitwave.simulated_beamline.play import open_raw

N, SIDE = 16, 24
FRAMES = np.random.default_rng(1).poisson(40, (N, SIDE, SIDE)).astype(np.uint16)
FAR = np.random.default_rng(2).poisson(40, (N, SIDE, SIDE)).astype(np.uint16)
STEPS = {
    "stage_x": np.tile(np.arange(4), 4) * 0.5,
    "stage_y": np.repeat(np.arange(4), 4) * 0.5,
}
VALID = np.ones((SIDE, SIDE), np.bool_)
VALID[3, 5] = False
AS_RECORDED = GeometryOverrides()


@dataclass(frozen=True)
class StepScan:
    """What is written of a run."""

    detectors: list[str] = field(default_factory=lambda: ["cam"])
    energy: Any = 8.0
    cam: bool = True
    far: bool = False


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    folder = tmp_path_factory.mktemp("profiles")
    shipped = Path(__file__).parents[1] / "support" / "area_detector.yaml"
    np.save(folder / "area_detector_mask.npy", VALID)
    return load_profile(str(shutil.copy(shipped, folder)))


@pytest.fixture(scope="module")
def scans(tiled_server: TiledServer, profile: Profile) -> TiledScans:
    return TiledScans(tiled_server.settings, profile)


@pytest.fixture(scope="module")
def raw(tiled_server: TiledServer) -> Container:
    return open_raw(Settings(tiled=tiled_server.settings))


def write(raw: Container, folder: Path, scan: StepScan) -> str:
    uid = str(uuid.uuid4())
    start = {
        "uid": uid,
        "time": time.time(),
        "motors": ["stage_x", "stage_y"],
        "detectors": scan.detectors,
        "beam": {"energy": scan.energy},
    }
    metadata = {"start": start, "stop": {"run_start": uid, "exit_status": "success"}}
    run = raw.create_container(uid, metadata=metadata, specs=[Spec("Scratch")])
    primary = run.create_container("primary")
    if scan.cam:
        primary.write_array(FRAMES, key="cam_image")
    if scan.far:
        with h5py.File(folder / f"{uid}.h5", "w") as file:
            file["entry/data/data"] = FAR
        register_file(primary, "far_file", folder / f"{uid}.h5")
    primary.write_table(pd.DataFrame(STEPS), key="internal")
    run.create_container("baseline").write_table(
        pd.DataFrame({"far_z": [1800.0]}), key="internal"
    )
    return uid


def register_file(node: Container, key: str, path: Path) -> None:
    asset = Asset(
        data_uri=f"file://localhost{path}", is_directory=False, parameter="data_uris", num=0
    )
    source = DataSource(
        structure_family=StructureFamily.container,
        structure=None,
        mimetype="application/x-hdf5",
        parameters={},
        management=Management.external,
        assets=[asset],
    )
    node.new(
        key=key,
        structure_family=StructureFamily.container,
        data_sources=[source],
        metadata={},
        specs=[],
    )


def test_a_step_scan_is_read(
    raw: Container, scans: TiledScans, tiled_server: TiledServer
) -> None:
    scan = scans.open(write(raw, tiled_server.scans, StepScan()))
    np.testing.assert_array_equal(scan.frames(3, 9), FRAMES[3:9])
    expected_m = np.stack([STEPS["stage_y"], -STEPS["stage_x"]], axis=1) * 1e-6
    np.testing.assert_allclose(scan.positions_m(), expected_m)
    mask_HW = scan.mask_HW()
    assert mask_HW is not None
    np.testing.assert_array_equal(mask_HW, VALID)
    assert str(scan.orientation) == "mirrored left-right"
    geometry = scan.geometry(AS_RECORDED)
    assert (geometry.energy_eV, geometry.distance_m) == (8000.0, 2.5)
    assert geometry.detector_pixel_m == 172e-6
    assert geometry.sources == {
        "energy_eV": "start.beam.energy",
        "distance_m": "profile area_detector",
        "detector_pixel_m": "profile area_detector, cam_image",
    }


def test_and_prepared_with_its_mask_and_orientation(
    raw: Container, scans: TiledScans, tiled_server: TiledServer
) -> None:
    scan = scans.open(write(raw, tiled_server.scans, StepScan()))
    prepared = build_dataset(scan, DataOptions(screen="off"), scan.geometry(AS_RECORDED))
    assert [(line.why, line.first) for line in prepared.preparation.left_out] == [
        ("marked", [(3, 5)])
    ]
    mask_HW = prepared.dataset.mask_HW
    assert mask_HW is not None
    bad = np.argwhere(np.fft.fftshift(np.asarray(mask_HW)) == 0)
    assert bad.tolist() == [[3, SIDE - 5]]  # column c + k came to c - k


@pytest.mark.parametrize("names", [["far"], ["far", "stage_x"]])
def test_the_detector_that_the_start_document_names(
    raw: Container, scans: TiledScans, tiled_server: TiledServer, names: list[str]
) -> None:
    """An HDF5 file with a distance of its own, beside the frames of another detector."""
    uid = write(raw, tiled_server.scans, StepScan(detectors=names, far=True))
    scan = scans.open(uid)
    np.testing.assert_array_equal(scan.frames(0, N), FAR)
    assert scan._frames.local is not None
    assert (str(scan.orientation), scan.mask_HW()) == ("as stored", None)
    geometry = scan.geometry(AS_RECORDED)
    assert (geometry.distance_m, geometry.detector_pixel_m) == (1.8, 75e-6)
    assert geometry.sources["distance_m"] == "baseline far_z = 1800 mm"


def test_frames_of_a_file_come_from_tiled_where_it_cannot_be_read(
    raw: Container, scans: TiledScans, tiled_server: TiledServer
) -> None:
    scan = scans.open(write(raw, tiled_server.scans, StepScan(cam=False, far=True)))
    scan._frames.local = None
    np.testing.assert_array_equal(scan.frames(2, 7), FAR[2:7])


@pytest.mark.parametrize("names", [[], ["other"], ["cam", "far"]])
def test_of_several_the_first_of_the_profile(
    raw: Container, scans: TiledScans, tiled_server: TiledServer, names: list[str]
) -> None:
    uid = write(raw, tiled_server.scans, StepScan(detectors=names, far=True))
    np.testing.assert_array_equal(scans.open(uid).frames(0, N), FRAMES)


def test_no_detector_of_the_profile(
    raw: Container, scans: TiledScans, tiled_server: TiledServer
) -> None:
    uid = write(raw, tiled_server.scans, StepScan(cam=False))
    with pytest.raises(DataError, match="one of cam_image, far_file in stream primary"):
        scans.open(uid)


def test_energy_that_is_no_number(
    raw: Container, scans: TiledScans, tiled_server: TiledServer
) -> None:
    uid = write(raw, tiled_server.scans, StepScan(energy="high"))
    with pytest.raises(GeometryError, match=r"start\.beam\.energy = high; .*in keV there"):
        scans.check(uid, DataOptions(), AS_RECORDED)
