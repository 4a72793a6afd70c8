"""What the desk remembers of scans that it has checked."""

from __future__ import annotations

from exitwave.api.jobs.scan_lookup import REMEMBERED, REMEMBERED_S, CheckedScans
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.job import ScanRef

REF = ScanRef(uid="u", path="raw/u", n_frames=5)


def question(uid: str, crop_px: int = 0) -> tuple[str, DataOptions, GeometryOverrides]:
    return uid, DataOptions(crop_px=crop_px), GeometryOverrides()


def test_an_answer_holds_for_its_question_and_its_time() -> None:
    now_s = 50.0
    checked = CheckedScans(lambda: now_s)
    checked.put(question("u"), REF)
    assert checked.get(question("u")) == REF
    assert checked.get(question("u", crop_px=64)) is None
    assert checked.get(question("v")) is None
    now_s += REMEMBERED_S - 1
    assert checked.get(question("u")) == REF
    now_s += 2
    assert checked.get(question("u")) is None


def test_the_oldest_answers_are_forgotten() -> None:
    checked = CheckedScans(lambda: 0.0)
    for index in range(REMEMBERED + 1):
        checked.put(question(str(index)), REF)
    assert checked.get(question("0")) is None
    assert checked.get(question("1")) == REF
