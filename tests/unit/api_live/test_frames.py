"""The codec of live pictures."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitwave.api.live.frames import Frame, decode, encode
from exitwave.files.codes import dequantise, quantise
from exitwave.schema.errors import InvalidInput


def frame(**changes: object) -> Frame:
    values: dict[str, object] = {
        "job": "01j",
        "attempt": 2,
        "epoch": 7,
        "version": 3,
        "plane": "object_phase",
        "data": np.arange(12, dtype=np.uint16).reshape(3, 4),
        "lo": -0.5,
        "hi": 1.5,
        "unit": "rad",
        "pixel_size_m": 1e-8,
        "origin_m": (1e-6, -2e-6),
        "n_frames": 516,
        "note": "nominal Ångström",
    }
    return Frame(**{**values, **changes})


def test_message_is_laid_out_as_documented() -> None:
    message = encode(frame(), seq=9)
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    start = -(-(4 + length) // 8) * 8
    assert not any(message[4 + length : start])
    assert message[start:] == np.arange(12, dtype="<u2").tobytes()
    assert header == {
        "job": "01j",
        "attempt": 2,
        "epoch": 7,
        "seq": 9,
        "version": 3,
        "plane": "object_phase",
        "shape": [3, 4],
        "dtype": "u2",
        "lo": -0.5,
        "hi": 1.5,
        "unit": "rad",
        "cyclic": False,
        "pixel_size_m": 1e-8,
        "origin_m": [1e-6, -2e-6],
        "n_frames": 516,
        "note": "nominal Ångström",
    }


@given(job=st.text(max_size=20), note=st.text(max_size=20), rows=st.integers(0, 5))
def test_round_trip(job: str, note: str, rows: int) -> None:
    codes = np.arange(rows * 3, dtype=np.uint16).reshape(rows, 3)
    sent = frame(job=job, note=note, data=codes)
    got, seq = decode(encode(sent, 5))
    assert seq == 5
    np.testing.assert_array_equal(got.data, codes)
    assert {k: getattr(got, k) for k in ("job", "note", "origin_m", "n_frames")} == {
        "job": job,
        "note": note,
        "origin_m": (1e-6, -2e-6),
        "n_frames": 516,
    }


def test_loss_travels_as_float32() -> None:
    curve = np.array([[1, 0.5], [2, 0.25]], np.float32)
    got, _ = decode(encode(frame(plane="loss", data=curve), 1))
    assert got.data.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(got.data, curve)


@pytest.mark.parametrize("cut", [3, 50, -1])
def test_a_cut_message_is_refused(cut: int) -> None:
    with pytest.raises(InvalidInput, match="frame"):
        decode(encode(frame(), 1)[:cut])


def test_code_zero_is_not_visited_and_ends_are_exact() -> None:
    values = np.array([[np.nan, -1.0, 0.0], [3.0, 5.0, -9.0]])
    codes = quantise(values, -1.0, 3.0)
    assert codes.tolist() == [[0, 1, 16385], [65535, 65535, 1]]
    back = dequantise(codes, -1.0, 3.0)
    assert np.isnan(back[0, 0])
    assert back[0, 1] == -1.0
    assert back[1, 0] == 3.0


@given(st.floats(-3, 3), st.floats(0.01, 6), st.lists(st.floats(0, 1), min_size=1))
def test_quantising_errs_by_half_a_step_at_most(
    lo: float, span: float, at: list[float]
) -> None:
    values = lo + span * np.array([at])
    back = dequantise(quantise(values, lo, lo + span), lo, lo + span)
    assert np.abs(back - values).max() <= span / 65534 / 2 * 1.001
