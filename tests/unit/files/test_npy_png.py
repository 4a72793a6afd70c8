"""The npy tree as its readers expect it, and pictures judged by their pixels."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.support.verdicts import DOUBTFUL, GOOD, NO_PICTURE, PREPARATION, START

from exitwave.files.reconstruction import Reconstruction
from exitwave.files.result_formats.npy import write_npy_tree
from exitwave.files.result_formats.npz import write_npz
from exitwave.files.result_formats.png import Plane, object_png, scale_bar
from exitwave.files.result_formats.tiff import write_tiff
from exitwave.files.verdict_text import plain_ascii
from exitwave.schema.errors import InvalidInput
from exitwave.schema.verdict import Preparation, Start, Verdict


def result(states: int) -> Reconstruction:
    object_MYX = (np.arange(12 * 20).reshape(1, 12, 20) * 1j).astype(np.complex64)
    object_MYX[0, 0, 0] = np.nan
    return Reconstruction(
        object_MYX=object_MYX,
        probe_NHW=np.arange(states * 64).reshape(states, 8, 8).astype(np.complex64),
        positions_px=np.array([[0.0, 0.0], [4.0, 12.0]]),
        positions_m=np.zeros((2, 2)),
        loss=np.ones(1),
        pixel_size_m=1e-8,
    )


def test_tree_that_readers_turn_back(tmp_path: Path) -> None:
    made = result(states=2)
    data = write_npy_tree(tmp_path, made, scan_id=4711, sign="t1")
    assert data == tmp_path / "recon_result/S4711/t1/recon_data"
    assert {path.name for path in data.iterdir()} == {
        "recon_4711_t1_object.npy",
        "recon_4711_t1_object_ave.npy",
        "recon_4711_t1_probe.npy",
        "recon_4711_t1_probe_ave.npy",
        "recon_4711_t1_probe_mode_orth_ave_rp_mode_0.npy",
        "recon_4711_t1_probe_mode_orth_ave_rp_mode_1.npy",
    }
    shown = np.rot90(np.load(data / "recon_4711_t1_object_ave.npy"))
    expected = made.object_MYX[0].copy()
    expected[0, 0] = 0
    np.testing.assert_array_equal(shown, expected)
    second = np.rot90(np.load(data / "recon_4711_t1_probe_mode_orth_ave_rp_mode_1.npy"))
    np.testing.assert_array_equal(second, made.probe_NHW[1])


def test_the_tree_tells_what_was_judged_beside_its_arrays(tmp_path: Path) -> None:
    judged = replace(result(states=1), verdict=NO_PICTURE, start=START)
    data = write_npy_tree(tmp_path, judged, scan_id=4711, sign="t1")
    told = json.loads((data / "verdict.json").read_text("utf-8"))
    assert Verdict.model_validate(told["verdict"]) == NO_PICTURE
    assert Start.model_validate(told["start"]) == START
    assert "preparation" not in told


def test_named_arrays_are_whole_and_need_no_pickle(tmp_path: Path) -> None:
    made, path = result(states=2), tmp_path / "r.npz"
    write_npz(path, made)
    with np.load(path, allow_pickle=False) as found:
        for name in ("object_MYX", "probe_NHW", "positions_m", "positions_px", "loss"):
            np.testing.assert_array_equal(found[name], getattr(made, name))
        assert float(found["pixel_size_m"]) == made.pixel_size_m
        assert str(found["verdict"]) == "null"
    write_npz(path, replace(made, verdict=NO_PICTURE, preparation=PREPARATION, start=START))
    with np.load(path, allow_pickle=False) as found:
        assert Verdict.model_validate_json(str(found["verdict"])) == NO_PICTURE
        assert Preparation.model_validate_json(str(found["preparation"])) == PREPARATION
        assert Start.model_validate_json(str(found["start"])) == START


def test_the_box_of_all_views_stands_in_for_an_unknown_one() -> None:
    assert result(states=1).illuminated_box == (0, 12, 0, 20)


def test_what_hardly_any_light_reached_is_not_shown() -> None:
    made = replace(
        result(states=1),
        object_MYX=np.ones((1, 12, 30), np.complex64),
        probe_NHW=np.pad(np.ones((1, 4, 4), np.complex64), ((0, 0), (2, 2), (2, 2))),
    )
    lit_YX = np.zeros((12, 30), bool)
    lit_YX[2:6, 2:6] = lit_YX[6:10, 14:18] = True
    np.testing.assert_array_equal(np.isfinite(made.visible_object_YX()), lit_YX)


def test_phase_picture_has_no_ramp_and_shows_the_step() -> None:
    y, x = np.indices((100, 160))
    step = np.where((x >= 80), 0.4, -0.4)
    object_YX = np.exp(1j * (step + 0.3 * y + 1.0))
    object_YX[:10] = np.nan
    picture = np.asarray(Image.open(io.BytesIO(object_png(object_YX, (0, 100, 0, 160), 1e-8))))
    zoom = 4
    assert picture.shape[1] == 160 * zoom
    light = picture.astype(float) @ (0.299, 0.587, 0.114)
    left = light[40 * zoom : 90 * zoom, 10 * zoom : 60 * zoom]
    right = light[40 * zoom : 90 * zoom, 100 * zoom : 150 * zoom]
    assert np.ptp(left) < 20, "a ramp would sweep through all colours"
    assert right.mean() - left.mean() > 100
    assert (picture[: 10 * zoom] == 228).all(), "not illuminated is not a value"
    bar = picture[100 * zoom + 16, : 90 * zoom]
    assert (bar == 0).all(axis=1).sum() in {200, 201}, "500 nm are 200 px of 2.5 nm"


def test_scale_bar_is_round_and_at_most_a_third() -> None:
    assert scale_bar(1.6e-6) == (pytest.approx(500e-9), "500 nm")
    assert scale_bar(4e-6) == (pytest.approx(1e-6), "1 um")
    assert scale_bar(7e-3) == (pytest.approx(2e-3), "2 mm")


def test_unknown_plane_and_empty_box() -> None:
    with pytest.raises(InvalidInput, match="expected one of phase, amplitude"):
        object_png(np.ones((9, 9), complex), (0, 9, 0, 9), 1e-8, "modulus")
    with pytest.raises(InvalidInput, match="box"):
        object_png(np.ones((9, 9), complex), (4, 4, 0, 9), 1e-8)


def test_a_nominal_scale_is_said_beside_the_bar() -> None:
    object_YX = np.ones((64, 64), complex)
    measured, nominal = (
        np.asarray(
            Image.open(
                io.BytesIO(object_png(object_YX, (0, 64, 0, 64), 1e-8, nominal=nominal))
            ).convert("L")
        )
        for nominal in (False, True)
    )
    differs = measured != nominal
    assert differs[-56:, :200].any()
    assert not differs[:-56].any()


def painted(verdict: Verdict | None, **about: str) -> Image.Image:
    object_YX = np.exp(0.3j * np.indices((100, 160))[0] / 100)
    content = object_png(object_YX, (0, 100, 0, 160), 1e-8, verdict=verdict, about=about)
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize(
    ("verdict", "ground"), [(DOUBTFUL, (244, 200, 75)), (NO_PICTURE, (179, 38, 30))]
)
def test_a_picture_that_is_not_good_says_so_below_itself(
    verdict: Verdict, ground: tuple[int, int, int]
) -> None:
    plain, warned = painted(None), painted(verdict)
    pixels = np.asarray(warned)
    np.testing.assert_array_equal(pixels[: plain.height], np.asarray(plain))
    strip = pixels[plain.height :]
    is_ground = (strip == ground).all(axis=-1)
    assert len(strip) >= 36
    assert is_ground[:4].all() and 0.6 < is_ground.mean() < 0.95, "words and a sign on it"
    assert (~is_ground[:, 44:]).any(axis=0).sum() > 300, "a line of words"
    assert (~is_ground[8:31, 12:37]).sum() > 100, "a sign that is no colour"
    assert is_ground[:, -10:].all(), "the words end before the edge"


def test_a_longer_reason_takes_more_lines() -> None:
    finding = NO_PICTURE.rules[0]
    longer = NO_PICTURE.model_copy(
        update={"rules": [finding.model_copy(update={"text": 4 * finding.text})]}
    )
    assert painted(longer).height >= painted(NO_PICTURE).height + 3 * 20


def test_a_good_picture_looks_as_one_that_nobody_judged() -> None:
    np.testing.assert_array_equal(np.asarray(painted(GOOD)), np.asarray(painted(None)))


def test_the_texts_of_a_picture_tell_verdict_and_origin() -> None:
    texts = painted(NO_PICTURE, Scan="4711 7f0c", Sample="Körnung 5 µm").text
    assert texts["Verdict"] == "no picture"
    first, second = texts["Rules"].splitlines()
    assert first.startswith("no picture: pixels left out of the fit") and "Check or" in first
    assert second.startswith("doubtful: frame 17") and second.endswith("[worst_frame]")
    assert (texts["Scan"], texts["Sample"]) == ("4711 7f0c", "Körnung 5 µm")
    assert painted(GOOD).text == {"Verdict": "good"}
    assert painted(None).text == {}


def test_words_beyond_ascii_keep_their_sense() -> None:
    assert plain_ascii("±3 µm, √counts ≥ 2…") == "+/-3 um, sqrt counts >= 2..."
    assert plain_ascii("Körnung 漢") == "Kornung ?"


def test_a_tiff_tells_the_verdict_and_keeps_its_numbers(tmp_path: Path) -> None:
    object_YX = np.exp(0.1j * np.indices((12, 20))[1]).astype(np.complex64)
    rule = NO_PICTURE.rules[0].model_copy(update={"text": "off by 3 µm,\nnot ±1 µm."})
    verdict = NO_PICTURE.model_copy(update={"rules": [rule]})
    for name, judged in (("plain", None), ("judged", verdict)):
        write_tiff(
            tmp_path / f"{name}.tiff",
            object_YX,
            (0, 12, 0, 20),
            2e-8,
            verdict=judged,
            about={"Scan": "4711 7f0c"},
        )
    with (
        tifffile.TiffFile(tmp_path / "plain.tiff") as plain,
        tifffile.TiffFile(tmp_path / "judged.tiff") as file,
    ):
        np.testing.assert_array_equal(file.asarray(), plain.asarray())
        assert file.asarray().dtype == np.float32
        found = file.imagej_metadata
        lines = file.pages[0].description.splitlines()
    assert found["unit"] == "um" and found["verdict"] == "no picture"
    assert "scan=4711 7f0c" in lines
    told = "rule_1=no picture: off by 3 um, not +/-1 um. Check orientation and distance, or"
    assert any(line.startswith(told) for line in lines)
    assert "Rule 1: no picture: off by 3 µm, not ±1 µm." in found["Info"]
    assert "verdict" not in plain.imagej_metadata


@pytest.mark.parametrize("plane", ["phase", "amplitude"])
def test_a_tiff_holds_the_plane_and_its_scale(tmp_path: Path, plane: Plane) -> None:
    object_YX = (1 + np.arange(12 * 20).reshape(12, 20) / 100).astype(np.complex64)
    object_YX[0, 0] = np.nan
    write_tiff(tmp_path / "a.tiff", object_YX, (0, 12, 0, 20), 2e-8, plane)
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        values_YX = file.asarray()
        assert file.imagej_metadata["unit"] == "um"
        assert file.pages[0].resolution == pytest.approx((50.0, 50.0), rel=1e-4)
    assert values_YX.dtype == np.float32
    assert np.isnan(values_YX[0, 0])
    expected_YX = np.abs(object_YX) if plane == "amplitude" else np.zeros((12, 20))
    np.testing.assert_allclose(values_YX[1:], expected_YX[1:], atol=1e-5)
    with pytest.raises(InvalidInput, match="plane"):
        write_tiff(tmp_path / "b.tiff", object_YX, (0, 12, 0, 20), 2e-8, "depth")  # type: ignore[arg-type]  # what a caller without types may give
