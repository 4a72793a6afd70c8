"""Frames that went wrong, at several strengths: these and no others are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from .made import SIDE, MadeScan, left_out, made_scan, masked, prepared

WRONG = (23, 57, 58)


@pytest.fixture(scope="module")
def scans() -> dict[str, MadeScan]:
    return {
        "round": made_scan(2e4),
        "ring": made_scan(2e4, beam="ring"),
        "opaque": made_scan(2e4, sample="opaque", step=9, seed=3),
        "emptiness": made_scan(2e4, sample="emptiness"),
    }


def kept(frames: Sequence[int]) -> list[int]:
    return [number for number in range(81) if number not in frames]


@pytest.mark.parametrize("scatter", [1, 20, 200])
@pytest.mark.parametrize("lost", [range(50, 51), range(38, 52), range(60, 81)])
@pytest.mark.parametrize("kind", ["round", "ring", "emptiness"])
def test_frames_without_beam(
    scans: dict[str, MadeScan], kind: str, lost: range, scatter: float
) -> None:
    rng = np.random.default_rng(1)

    def lose(counts: Any) -> Any:
        shape = counts[lost.start : lost.stop].shape
        counts[lost.start : lost.stop] = rng.poisson(scatter / SIDE**2, shape)
        return counts

    made = prepared(scans[kind].spoiled(lose))
    told = left_out(made)
    assert set(told) <= {"no beam", "dark"}
    left = set(range(81)) - set(made.frame_indices.tolist())
    assert left <= set(lost)
    # A single frame with a count or two may be anything.
    assert left == set(lost) or scatter == 1


def test_frames_without_beam_beside_opaque_parts(scans: dict[str, MadeScan]) -> None:
    dark = left_out(prepared(scans["opaque"])).get("dark", (0, []))
    rng = np.random.default_rng(1)

    def lose(counts: Any) -> Any:
        counts[66:72] = rng.poisson(20 / SIDE**2, counts[66:72].shape)
        return counts

    told = left_out(prepared(scans["opaque"].spoiled(lose)))
    assert told["no beam"] == (6, list(range(66, 72)))
    assert told.get("dark", (0, [])) == dark


@pytest.mark.parametrize("level", [2, 20, 400])
@pytest.mark.parametrize("smooth", [False, True])
def test_foggy_frames(scans: dict[str, MadeScan], level: float, smooth: bool) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    lobe = np.exp(-((y - 10) ** 2 + (x - 50) ** 2) / (2 * SIDE**2))
    rng = np.random.default_rng(2)

    def fog(counts: Any) -> Any:
        for frame in WRONG:
            light = level * (lobe if smooth else np.ones_like(lobe))
            counts[frame] += rng.poisson(light).astype(counts.dtype)
        return counts

    made = prepared(scans["round"].spoiled(fog))
    assert left_out(made) == {"fog": (3, list(WRONG))}
    assert made.frame_indices.tolist() == kept(WRONG)


@pytest.mark.parametrize(
    "missing",
    [np.s_[SIDE // 2 :], np.s_[: SIDE // 2], np.s_[:, SIDE // 2 :], np.s_[33:, 32:]],
)
def test_frames_cut_off(scans: dict[str, MadeScan], missing: Any) -> None:
    def cut(counts: Any) -> Any:
        for frame in WRONG:
            counts[frame][missing] = 0
        return counts

    assert left_out(prepared(scans["round"].spoiled(cut))) == {"cut off": (3, list(WRONG))}


def test_repeated_frames(scans: dict[str, MadeScan]) -> None:
    def repeat(counts: Any) -> Any:
        counts[31] = counts[30]
        counts[66:68] = counts[65]
        return counts

    told = left_out(prepared(scans["round"].spoiled(repeat)))
    assert told == {"repeated": (3, [31, 66, 67])}


def test_equal_frames_of_a_scan_without_noise_are_kept() -> None:
    empty = made_scan(None, sample="emptiness", grid=6)
    again = MadeScan(np.repeat(empty.counts, 2, axis=0), np.repeat(empty.positions, 2, axis=0))
    assert "repeated" not in left_out(prepared(again))


def test_frames_brighter_than_the_beam(scans: dict[str, MadeScan]) -> None:
    def brighten(counts: Any) -> Any:
        counts[list(WRONG[:2])] *= 9
        return counts

    told = left_out(prepared(scans["emptiness"].spoiled(brighten)))
    assert told == {"too bright": (2, list(WRONG[:2]))}


@pytest.mark.parametrize("value", [255, 12345, 2**32 - 1])
@pytest.mark.parametrize("kind", ["round", "ring"])
def test_a_block_of_garbage_is_masked_in_its_frame_only(
    scans: dict[str, MadeScan], kind: str, value: int
) -> None:
    block = np.zeros((SIDE, SIDE), np.bool_)
    block[3:29, 36:63] = True

    def garble(counts: Any) -> Any:
        counts[40, block] = value
        return counts

    made = prepared(scans[kind].spoiled(garble))
    assert all(line.what == "pixels of frames" for line in made.preparation.left_out)
    assert masked(made) == set() and made.frame_indices.tolist() == list(range(81))
    masks = made.dataset.frame_masks
    assert masks is not None
    assert [frame for frame in range(81) if len(masks.of(frame))] == [40]
    found = np.zeros(SIDE**2, np.bool_)
    found[masks.of(40)] = True
    found = np.fft.fftshift(found.reshape(SIDE, SIDE))
    assert found[block].all()
    assert (found & ~block).sum() < 0.3 * block.sum()


@pytest.mark.parametrize("level", [200, 900, 30_000])
def test_cosmic_rays(scans: dict[str, MadeScan], level: int) -> None:
    rng = np.random.default_rng(7)
    hits = {(int(f), 2 + int(y), int(x)) for f, y, x in rng.integers(0, (81, 9, 60), (15, 3))}

    def hit(counts: Any) -> Any:
        for frame, y, x in hits:
            counts[frame, y, x] += level
        counts[33, 50:58, 8] += level  # a track
        return counts

    made = prepared(scans["round"].spoiled(hit))
    assert set(left_out(made)) == {"flash"} and masked(made) == set()
    masks = made.dataset.frame_masks
    assert masks is not None
    corner = np.fft.fftshift(np.arange(SIDE**2).reshape(SIDE, SIDE))
    wanted = {(f, int(corner[y, x])) for f, y, x in hits}
    wanted |= {(33, int(corner[y, 8])) for y in range(50, 58)}
    found = {(f, int(p)) for f in range(81) for p in masks.of(f)}
    assert found == wanted


def test_halves_are_screened_likewise(scans: dict[str, MadeScan]) -> None:
    """Each half of an FRC: masks of single frames go with their frames."""
    rng = np.random.default_rng(1)

    def spoil(counts: Any) -> Any:
        counts[:, 12, 20] = rng.poisson(5000, len(counts))
        counts[38:52] = rng.poisson(0.01, counts[38:52].shape)
        counts[7, 5, 5] = 9000
        return counts

    scan = scans["round"].spoiled(spoil)
    odd, even = (prepared(scan, subset=half) for half in ("odd", "even"))
    lost = set(range(38, 52))
    assert odd.frame_indices.tolist() == [n for n in range(1, 81, 2) if n not in lost]
    assert even.frame_indices.tolist() == [n for n in range(0, 81, 2) if n not in lost]
    assert masked(odd) == masked(even) == {(12, 20)}
    masks = odd.dataset.frame_masks
    assert masks is not None and even.dataset.frame_masks is None
    assert [i for i in range(len(masks)) if len(masks.of(i))] == [3]
