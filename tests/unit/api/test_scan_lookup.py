"""Which scans are checked again, and which are known from a check before."""

from __future__ import annotations

from typing import Any

import pytest

from exitwave.api.jobs import scan_lookup
from exitwave.api.jobs.scan_lookup import CHECK_TTL_S, ScanLookup
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import ScanNotFinished, ScanNotFound, TiledUnavailable
from exitwave.schema.job import ScanRef
from exitwave.settings.service import Settings


class Scans:
    """Scans in Tiled, as `TiledScans` gives them; counts what is asked."""

    def __init__(self) -> None:
        self.checked: list[str] = []
        self.fails: Exception | None = None

    def find(self, scan: str) -> ScanRef:
        return ScanRef(uid=scan.ljust(36, "0"), path="raw")

    def check(self, uid: str, data: DataOptions, geometry: GeometryOverrides) -> ScanRef:
        self.checked.append(uid)
        if self.fails:
            raise self.fails
        return ScanRef(uid=uid, path=f"raw/{uid}", n_frames=5)


class Lookup:
    """A `ScanLookup` with a clock that stands still."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.scans: Any = Scans()
        self.lookup = ScanLookup(Settings(), timer=lambda: self.now_s)
        self.lookup._scans = self.scans

    async def ask(self, scan: str, crop_px: int = 0) -> ScanRef:
        return await self.lookup.look_up(
            scan, DataOptions(crop_px=crop_px), GeometryOverrides()
        )

    @property
    def checks(self) -> int:
        return len(self.scans.checked)


@pytest.fixture
def asked() -> Lookup:
    return Lookup()


def uid(number: int) -> str:
    return f"{number:036d}"


async def test_a_check_holds_for_its_uid_its_options_and_its_time(asked: Lookup) -> None:
    first = await asked.ask(uid(1))
    assert await asked.ask(uid(1)) == first and asked.checks == 1
    await asked.ask(uid(1), crop_px=64)
    await asked.ask(uid(2))
    assert asked.checks == 3
    asked.now_s += CHECK_TTL_S - 1
    await asked.ask(uid(1))
    assert asked.checks == 3
    asked.now_s += 2
    await asked.ask(uid(1))
    assert asked.checks == 4


async def test_the_beginning_of_a_uid_is_looked_up_each_time(asked: Lookup) -> None:
    """It may mean a newer scan by now."""
    for _ in range(2):
        assert (await asked.ask("7f0c")).uid == "7f0c".ljust(36, "0")
    assert asked.checks == 2


@pytest.mark.parametrize("error", [ScanNotFound("gone"), ScanNotFinished("runs")])
async def test_a_refusal_is_not_remembered(asked: Lookup, error: Exception) -> None:
    asked.scans.fails = error
    with pytest.raises(type(error)):
        await asked.ask(uid(1))
    asked.scans.fails = None
    assert (await asked.ask(uid(1))).n_frames == 5


async def test_while_tiled_is_away_the_reference_is_what_was_asked_for(asked: Lookup) -> None:
    asked.scans.fails = TiledUnavailable("away")
    assert await asked.ask(uid(1)) == ScanRef(uid=uid(1), path=f"raw/{uid(1)}")
    asked.scans.fails = None
    assert (await asked.ask(uid(1))).n_frames == 5


async def test_the_oldest_checks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_lookup, "MAX_CHECKS", 3)
    asked = Lookup()
    for number in range(4):
        await asked.ask(uid(number))
    await asked.ask(uid(1))
    assert asked.checks == 4
    await asked.ask(uid(0))
    assert asked.checks == 5
