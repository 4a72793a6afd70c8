"""(v) The verdict's collection: runs with truth, good ones and each fault, and what was said.

Each case of `verdict_sets` goes through preparation, the recipe and the judge, as a job does. A
run is bad where its |cPCC| is below 0.9, or 0.05 below the best of the same scene with nothing
wrong; the verdict knows nothing of that. Rows are kept as all others are.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tests.bench.judged import extra_findings, product_code
from tests.bench.rows import Row, Store, circumstances, row_key
from tests.bench.sets import measurement
from tests.bench.verdict_sets import Case, Scan, all_cases, scan_of

from exitwave.commands.file_scan import FileScan
from exitwave.commands.ground_truth import cpcc_on_shared_region
from exitwave.engine import EpochState, reconstruct
from exitwave.files.reconstruction import Reconstruction, Truth
from exitwave.prepare import Prepared, build_dataset
from exitwave.recipes.loading import resolve_recipe
from exitwave.run_quality import quality_of_run
from exitwave.runtime.logs import configure_logging
from exitwave.schema.data import DataOptions
from exitwave.schema.errors import ExitwaveError
from exitwave.simulated_beamline.simulate import PIXEL_SIZE_M

PART = "v"
BAD_BELOW, BAD_BEHIND = 0.9, 0.05
QUICK = 6
"""Cases of a quick look, evenly over all."""


@dataclass(frozen=True)
class Desk:
    """Where rows are kept, and whether those that are there are made again."""

    rows: Path
    fresh: bool


def run_all(desk: Desk, processes: int, *, match: str = "", quick: bool = False) -> list[Row]:
    """Rows of all cases, in processes of one thread each."""
    cases = [case for case in with_references(all_cases()) if match in case.name]
    if quick:
        cases = cases[:: max(1, len(cases) // QUICK)]
    rows: list[Row] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _begin_process) as pool:
        waiting = [pool.submit(row_of, case, desk) for case in cases]
        try:
            for number, done in enumerate(as_completed(waiting), 1):
                rows.append(done.result())
                print(f"[{number}/{len(cases)}] {in_words(rows[-1])}", flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return rows


@cache
def names() -> frozenset[str]:
    """Of all cases."""
    return frozenset(case.name for case in with_references(all_cases()))


def with_references(cases: Sequence[Case]) -> Iterator[Case]:
    """The cases, and each scene with nothing wrong that is not among them."""
    yield from cases
    there = {case.scene for case in cases if not case.fault and not case.overrides}
    for scene in dict.fromkeys(case.scene for case in cases):
        if scene not in there:
            yield Case(scene=scene)


def row_of(case: Case, desk: Desk) -> Row:
    """The case's row: found, or made by running it."""
    scan = scan_of(case)
    settings = {"case": case.name, "scan": digest(scan), "code": product_code()}
    slug = re.sub(r"[^\w.+-]+", "_", case.name)[:100]
    key = row_key(PART, slug, case.recipe, settings)
    store = Store(desk.rows)
    found = None if desk.fresh else store.find(key)
    if found is not None:
        return found
    row: Row = {
        "part": PART,
        "set": case.name,
        "method": f"exitwave {case.recipe}",
        "seed": 0,
        "device": "",
        **circumstances(),
        "threads": torch.get_num_threads(),
        "key": key,
        "scene": case.scene.name,
        "fault": case.fault,
        "strength": case.strength,
        "screened": case.screened,
        "changed": sorted(case.overrides),
    }
    began_s = time.perf_counter()
    try:
        row |= {"status": "ok", **judged_run(case, scan)}
    except ExitwaveError as error:
        row |= {"status": "failed", "error": str(error)[:300]}
    row["run_s"] = round(time.perf_counter() - began_s, 2)
    store.put(key, row)
    return row


def judged_run(case: Case, scan: Scan) -> Row:
    """Prepare, reconstruct and judge; what came of it beside the truth."""
    recipe = resolve_recipe(case.recipe, dict(case.overrides))
    prepared = _prepared(case, scan)
    last: EpochState | None = None
    for state in reconstruct(prepared.dataset, recipe, device="cpu"):
        last = state
    if last is None:
        raise SystemExit(f"{case.name}: the recipe has no epochs")
    judged = quality_of_run(prepared, last, subpixel=recipe.subpixel, device="cpu")
    verdict = judged.verdict
    rules = [finding.model_dump(mode="json") for finding in verdict.rules]
    return {
        "cpcc": round(_cpcc(prepared, last, scan), 5),
        "verdict": verdict.verdict,
        "figures": verdict.figures,
        "findings": extra_findings(rules, verdict.figures),
        "left_out": [line.text for line in judged.preparation.left_out],
        "notes": [note.text for note in judged.preparation.notes],
        "chosen": judged.start.chosen.kind,
        "runs": last.runs,
        "epochs": last.epoch,
    }


def best_of_scenes(rows: Iterable[Row]) -> dict[str, float]:
    """|cPCC| of each scene with nothing wrong, by whichever recipe is best."""
    best: dict[str, float] = {}
    for row in rows:
        if row["status"] == "ok" and not row["fault"]:
            best[row["scene"]] = max(row["cpcc"], best.get(row["scene"], 0.0))
    return best


def is_bad(row: Row, best: dict[str, float]) -> bool:
    """Whether a run has no right picture; one that was refused has one only by its scene."""
    if row["status"] != "ok":
        return bool(row["fault"])
    behind = best.get(row["scene"], 1.0) - row["cpcc"]
    return bool(row["cpcc"] < BAD_BELOW or behind > BAD_BEHIND)


def in_words(row: Row) -> str:
    """One row for a terminal."""
    if row["status"] != "ok":
        return f"{row['set']}: refused: {row['error']}"
    return f"{row['set']}: cPCC {row['cpcc']:.3f}, {row['verdict']}, {row['run_s']:.1f} s"


def digest(scan: Scan) -> str:
    """Of all that a run is given."""
    found = hashlib.sha256()
    for values in (scan.counts_nHW, scan.positions_px, scan.mask_HW):
        found.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:12]


def _prepared(case: Case, scan: Scan) -> Prepared:
    whole = measurement(
        scan.counts_nHW, scan.positions_px, PIXEL_SIZE_M, scan.object_YX, scan.beam_NHW[0]
    )
    whole = replace(whole, mask_HW=scan.mask_HW)
    options = DataOptions(screen="auto" if case.screened else "off")
    return build_dataset(FileScan(Path("case"), whole), options, whole.geometry)


def _cpcc(prepared: Prepared, last: EpochState, scan: Scan) -> float:
    """Against the truth, which is continued where wrong positions lead beyond it."""
    window_px = scan.counts_nHW.shape[-1]
    beyond_px = int(max(0.0, scan.positions_px.max() + window_px - min(scan.object_YX.shape)))
    result = Reconstruction(
        object_MYX=last.object_MYX(),
        probe_NHW=last.probe_NHW(),
        positions_px=last.positions_px,
        positions_m=prepared.positions_m,
        loss=np.array([last.loss.total]),
        pixel_size_m=prepared.pixel_size_m,
    )
    truth = Truth(object_YX=_continued(scan.object_YX, beyond_px), probe_HW=scan.beam_NHW[0])
    return cpcc_on_shared_region(result, truth)


def _continued(object_YX: NDArray[Any], by_px: int) -> NDArray[Any]:
    return np.pad(object_YX, ((0, by_px), (0, by_px)), mode="edge")


def _begin_process() -> None:
    """One thread each: small windows are worked on faster side by side."""
    torch.set_num_threads(1)
    configure_logging("error")
