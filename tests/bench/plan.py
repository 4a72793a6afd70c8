"""Which jobs are run, of which parts and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial

from tests.bench import verdict_runs
from tests.bench.beam_jobs import (
    beam_jobs,
    case_jobs,
    harder_jobs,
    mixed_beam_jobs,
    sample_jobs,
)
from tests.bench.beam_sets import BeamScan
from tests.bench.jobs import (
    Job,
    mixed_jobs,
    paper_jobs,
    peer_jobs,
    quality_jobs,
    speed_jobs,
    star_jobs,
)
from tests.bench.rows import Row

BEAM_PARTS: Mapping[str, Callable[[str], Iterator[Job]]] = {
    "f": beam_jobs,
    "g": harder_jobs,
    "h": sample_jobs,
    "i": mixed_beam_jobs,
    "j": case_jobs,
}
QUICK_METHODS = ("phaser AD + TV", "pty-chi LSQML", "exitwave epie", "exitwave default")
QUICK_FEW = BeamScan(beam="narrow-75", views=25).name


def is_planned(row: Row) -> bool:
    """Whether a row is still asked for; of parts that were chosen before this one, each is."""
    if row["part"] == verdict_runs.PART:
        return row["set"] in verdict_runs.names()
    known = row["part"] not in BEAM_PARTS
    return known or (row["part"], row["set"], row["method"], row["seed"]) in _planned()


@cache
def _planned() -> frozenset[tuple[str, str, str, int]]:
    """Of the parts on beams and files: part, set, method and seed of each row."""
    every = [job for jobs in BEAM_PARTS.values() for job in jobs("cpu")]
    return frozenset((job.part, job.set, job.method, job.seed) for job in every)


def quick(jobs: Iterator[Job]) -> Iterator[Job]:
    """A few rows of every part, to see in minutes that all works."""
    kept: dict[str, Callable[[Job], bool]] = {
        "a": lambda job: job.seed == 1 and job.set.startswith(("o50-1e4", "o25-1e4")),
        "b": lambda job: job.set.startswith("o50-1e4") and job.method in QUICK_METHODS,
        "c": lambda job: job.set.startswith("o50-1e4"),
        "d": lambda job: False,
        "f": lambda job: job.seed == 1 and job.set.startswith("beam_square-75"),
        "g": lambda job: (
            job.seed == 1 and job.set.startswith("beam_narrow") and "v25" in job.set
        ),
        "h": lambda job: False,
        "i": lambda job: False,
        "j": lambda job: job.set in {"case_clean", "case_swapped", "case_hot"},
        "e": lambda job: (
            job.set in {"big-2025", "n128", "n1024"}
            and job.method != "pty-chi autodiff, batch 64"
        ),
    }
    return (job for job in jobs if kept[job.part](job))


def all_jobs(parts: str, device: str, versions: Mapping[str, str]) -> Iterator[Job]:
    """The jobs of the wanted parts (letters); the longest runs come last."""
    made: list[tuple[str, Callable[[], Iterator[Job]]]] = [
        ("e", lambda: speed_jobs(device, versions)),
        ("a", lambda: quality_jobs(device)),
        ("b", lambda: peer_jobs(device, versions)),
        ("c", lambda: paper_jobs(device)),
        ("d", lambda: star_jobs(device, versions)),
        *((part, partial(jobs, device)) for part, jobs in BEAM_PARTS.items()),
        ("c", lambda: mixed_jobs(device)),
    ]
    for part, jobs in made:
        if part in parts:
            yield from jobs()
