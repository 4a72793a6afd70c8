"""(f) to (j): beams out of focus, samples, several states and files as people bring them.

All of these go through the command, from file to verdict, with the recipe as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from tests.bench.beam_sets import BeamScan
from tests.bench.case_files import KINDS, PREFIX
from tests.bench.jobs import Job
from tests.bench.judged import product_code

from exitwave.recipes.loading import resolve_recipe

SEEDS = (1, 2, 3)

BEAMS = (
    ("narrow+75", "particles"),
    ("narrow-75", "particles"),
    ("narrow-90", "star"),
    ("wide+42", "grains"),
    ("wide-60", "particles"),
    ("wide+100a", "particles"),
    ("thin+30", "particles"),
    ("thin-96a", "circuit"),
    ("square-75", "particles"),
    ("square+42a", "particles"),
    ("stopped+90", "particles"),
    ("stopped-60a", "star"),
    ("ellipse+60", "particles"),
    ("ellipse-75", "circuit"),
)
"""Of (f): each pupil with both signs of defocus, 30 to 100 px wide, some astigmatic."""

HARDER = ("narrow-75", "wide+100a", "square-75", "stopped+90", "ellipse-75")
HARDER_SCANS = {
    "overlap 42 %": BeamScan(beam="", overlap=42),
    "1e4 photons": BeamScan(beam="", dose="1e4"),
    "25 views": BeamScan(beam="", views=25),
}
"""Of (g)."""

SAMPLED = ("narrow-75", "square-75")
SAMPLES = (
    "particles",
    "star",
    "grains",
    "circuit",
    "weak",
    "camera+astronaut",
    "brick+grass",
)
"""Of (h)."""

MIXED = ("narrow-75", "square-75", "stopped+90")
STATES = {"mll": 2, "fzp": 4}
"""Of (i): recipe to its probe states."""

TRUE_PROBE = "exitwave default, true probe"


@dataclass(frozen=True)
class Wanted:
    """|cPCC| that is demanded, and that is hoped for."""

    least: float
    goal: float | None = None


def wanted(part: str, scan: BeamScan) -> Wanted:
    """What is demanded of a set of (f), (g) or (i)."""
    if part == "i":
        return Wanted(0.975, 0.985)
    if part == "g":
        return Wanted(0.97 if scan.views < 144 else 0.965, 0.985)
    return Wanted(0.98 if scan.beam.endswith("a") else 0.985, 0.99)


def is_among_samples(set_name: str) -> bool:
    """Whether a set of (f) is one of (h), too."""
    scan = BeamScan.named(set_name)
    return scan.beam in SAMPLED and scan.sample in SAMPLES


def through_command(
    part: str, set_name: str, recipe: str, *, device: str, seed: int, **options: str
) -> Job:
    """A run of `exitwave reconstruct`."""
    return Job(
        part,
        set_name,
        TRUE_PROBE if options else f"exitwave {recipe}",
        "command",
        {"recipe": recipe, "device": device, **options},
        _epochs(recipe),
        start=False,
        seed=seed,
        code=product_code(),
    )


@cache
def _epochs(recipe: str) -> int:
    return resolve_recipe(recipe, {}).epochs


def beam_jobs(device: str) -> Iterator[Job]:
    """(f) a beam each."""
    for (beam, sample), seed in product(BEAMS, SEEDS):
        name = BeamScan(beam=beam, sample=sample, seed=seed).name
        yield through_command("f", name, "default", device=device, seed=seed)


def harder_jobs(device: str) -> Iterator[Job]:
    """(g) less overlap, fewer photons, fewer views."""
    for scan, beam, seed in product(HARDER_SCANS.values(), HARDER, SEEDS):
        name = replace(scan, beam=beam, seed=seed).name
        yield through_command("g", name, "default", device=device, seed=seed)


def sample_jobs(device: str) -> Iterator[Job]:
    """(h) the beam that is found beside the true one; the former is for some among (f)."""
    for beam, sample, seed in product(SAMPLED, SAMPLES, SEEDS):
        name = BeamScan(beam=beam, sample=sample, seed=seed).name
        if (beam, sample) not in BEAMS:
            yield through_command("h", name, "default", device=device, seed=seed)
        yield through_command("h", name, "default", device=device, seed=seed, begin="truth")


def mixed_beam_jobs(device: str) -> Iterator[Job]:
    """(i) beams of several states."""
    for (recipe, states), beam, seed in product(STATES.items(), MIXED, SEEDS):
        name = BeamScan(beam=beam, seed=seed, states=states).name
        yield through_command("i", name, recipe, device=device, seed=seed)


def case_jobs(device: str) -> Iterator[Job]:
    """(j) files as people bring them."""
    for kind in KINDS:
        yield through_command("j", f"{PREFIX}{kind}", "default", device=device, seed=1)
