"""What is run: for each part of the benchmark the scans, the methods and their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from tests.bench.rows import engine_code
from tests.bench.sets import DOSES, NOISE_SEEDS, OVERLAPS

from exitwave.recipes.loading import resolve_recipe
from exitwave.schema.recipe import recipe_from_mapping, recipe_to_mapping

PEER_SETS = [f"o50-{dose}-n1" for dose in DOSES] + [f"o{o}-1e4-n1" for o in OVERLAPS[1:]]
FAST_SETS = [name for name in PEER_SETS if name.startswith(("o50", "o40"))]
OTHER_SETS = (
    "rocket50-1e4-n5",
    "rocket25-1e4-n5",
    "moon50-1e3-n5",
    "moon30-1e4-n5",
    "brick50-1e4-n5",
)
OTHER_PEERS = ("pty-chi LSQML", "phaser AD + TV")
BASELINES = ("epie", "dm", "admm")
LOSSES = ("poisson", "amplitude", "gaussian")
MIXED_SETS = {"mll-5800": "mll", "mll-385000": "mll", "fzp-100000": "fzp"}
SPEED_EPOCHS = 5
SMALL_EPOCHS = 100
"""Of scans whose epochs take milliseconds: a processor needs a while to run at its speed."""
FRAME_COUNTS = (128, 256, 512, 1024, 2048)
"""For how the cost grows one run takes an epoch of each in turn: between two runs a processor's
speed drifts by more than what is asked of their ratio."""

# The settings that the peers' own examples and documentation use, with as many epochs as they
# need to settle on the set of 50 % overlap and 1e4 photons; the same for every set.
LSQML = {
    "engine": "lsqml",
    "noise_model": "gaussian",
    "batching_mode": "compact",
    "momentum": 0.5,
    "optimizer": "sgd",
    "object_step_size": 1.0,
    "probe_step_size": 1.0,
    "batch_size": 45,
}
AUTODIFF = {
    "engine": "autodiff",
    "loss": "mse_sqrt",
    "optimizer": "sgd",
    "object_step_size": 0.5,
    "probe_step_size": 0.5,
    "batch_size": 16,
}
PHASER = {
    "backend": "jax",
    "noise_model": "amplitude",
    "grouping": 16,
    "object_rate": 0.01,
    "probe_rate": 0.4,
    "tv_cost": 1.0,
}
PEERS: dict[str, tuple[str, dict[str, Any], int]] = {
    "pty-chi LSQML": ("ptychi", LSQML, 150),
    "pty-chi autodiff": ("ptychi", AUTODIFF, 120),
    "phaser AD + TV": ("phaser", PHASER, 200),
}


@dataclass(frozen=True)
class Job:
    """One run of one method on one set.

    Attributes
    ----------
    part, set, method : str
        What the row is called.
    runner : str
        exitwave, ptychi or phaser; or command, which is all of `exitwave reconstruct`.
    options : mapping
        What the runner understands.
    start : bool
        From the peers' starting probe and an empty object, not the method's own start.
    """

    part: str
    set: str
    method: str
    runner: str
    options: Mapping[str, Any]
    epochs: int
    states: int = 1
    start: bool = True
    seed: int = 0
    snapshot_every: int = 2
    code: str = field(default_factory=engine_code)

    def settings(self) -> dict[str, Any]:
        """All that the result depends on."""
        return {
            "runner": self.runner,
            "options": dict(self.options),
            "epochs": self.epochs,
            "states": self.states,
            "start": self.start,
            "seed": self.seed,
            "code": self.code,
        }


def ours(
    part: str,
    set_name: str,
    recipe: str,
    *,
    method: str | None = None,
    seed: int = 0,
    start: bool = False,
    device: str = "cpu",
    changes: Mapping[str, Any] | None = None,
    **more: Any,
) -> Job:
    """A run of our engine; `changes` replace top-level values of the recipe."""
    values = recipe_to_mapping(resolve_recipe(recipe, {"seed": seed}))
    chosen = recipe_from_mapping({**values, **(changes or {})})
    return Job(
        part,
        set_name,
        method or f"exitwave {recipe}",
        "exitwave",
        {"recipe": recipe_to_mapping(chosen), "device": device},
        chosen.epochs,
        states=chosen.probe_states,
        start=start,
        seed=seed,
        **more,
    )


def peer(
    part: str, set_name: str, method: str, versions: Mapping[str, str], **more: Any
) -> Job:
    """A run of a peer at its settings."""
    runner, options, epochs = PEERS[method]
    given = {"epochs": epochs, **more}
    return Job(part, set_name, method, runner, options, code=versions[runner], **given)


def quality_jobs(device: str) -> Iterator[Job]:
    """(a) `default` on all sets, three noise seeds; the run's seed is the noise's."""
    for overlap in OVERLAPS:
        for dose in DOSES:
            for noise in NOISE_SEEDS:
                name = f"o{overlap}-{dose}-n{noise if dose != 'free' else 1}"
                yield ours("a", name, "default", seed=noise, device=device)


def peer_jobs(device: str, versions: Mapping[str, str]) -> Iterator[Job]:
    """(b) baselines and peers from one starting probe; ours from its own, too.

    `default` from its own start on these sets is among (a).
    """
    for name in PEER_SETS:
        for method in PEERS:
            yield peer("b", name, method, versions)
        for recipe in BASELINES:
            yield ours("b", name, recipe, start=True, device=device)
        yield ours("b", name, "default", start=True, device=device)
    for name in FAST_SETS:
        yield ours("b", name, "fast", seed=1, device=device)
    for name in OTHER_SETS:
        for method in OTHER_PEERS:
            yield peer("b", name, method, versions)
        yield ours("b", name, "default", seed=5, device=device)


def paper_jobs(device: str) -> Iterator[Job]:
    """(c) the paper's losses; ePIE and ADMM on these sets are among (b)."""
    for dose in DOSES:
        name = f"o50-{dose}-n1"
        for loss in LOSSES:
            paper = recipe_to_mapping(resolve_recipe("paper", {}))
            stages = [*paper["stages"][:-1], {**paper["stages"][-1], "loss": loss}]
            yield ours(
                "c",
                name,
                "paper",
                method=f"exitwave paper, {loss}",
                device=device,
                changes={"stages": stages},
            )


def mixed_jobs(device: str) -> Iterator[Job]:
    """(c) scans like the paper's two examples, beside ePIE and ADMM."""
    own = [
        ours("c", name, recipe, device=device, snapshot_every=10)
        for name, recipe in MIXED_SETS.items()
    ]
    yield from own
    for baseline, job in product(("epie", "admm"), own):
        yield ours(
            "c",
            job.set,
            baseline,
            start=True,
            device=device,
            changes={"probe_states": job.states},
            snapshot_every=10,
        )


def star_jobs(device: str, versions: Mapping[str, str]) -> Iterator[Job]:
    """(d) the measured star: once without the patterns held out, once for each half."""
    for name in ("star", "star-even", "star-odd"):
        changes = {"held_out_fraction": 0.0}
        yield ours("d", name, "default", device=device, snapshot_every=0, changes=changes)
        for method in ("pty-chi LSQML", "pty-chi autodiff"):
            yield peer("d", name, method, versions, epochs=60, snapshot_every=0)


def speed_jobs(device: str, versions: Mapping[str, str]) -> Iterator[Job]:
    """(e) seconds per epoch beside the bare transforms."""

    def timed(
        name: str, batch: int, states: int, label: str, epochs: int = SPEED_EPOCHS, **more: Any
    ) -> Job:
        stages = [{"loss": "amplitude", "epochs": epochs, "batches": [batch]}]
        changes = {"stages": stages, "probe_states": states, "held_out_fraction": 0.0}
        made = ours("e", name, "default", device=device, changes=changes, snapshot_every=0)
        return replace(made, method=label, options={**made.options, **more})

    for batch in (64, 256):
        yield timed("big-2025", batch, 2, f"exitwave, batch {batch}")
    for method in PEERS:
        runner, options, _ = PEERS[method]
        size = "grouping" if runner == "phaser" else "batch_size"
        slow = peer("e", "big-2025", method, versions, epochs=3, states=2, snapshot_every=0)
        yield replace(slow, options={**options, size: 64}, method=f"{method}, batch 64")
    for batch in (5, 15, 45):
        yield timed("o50-1e4-n1", batch, 1, f"exitwave, batch {batch}")
    for frames in FRAME_COUNTS:
        yield timed(f"n{frames}", 64, 1, "exitwave, batch 64", SMALL_EPOCHS)
    smallest, *larger = (f"n{frames}" for frames in FRAME_COUNTS)
    yield timed(smallest, 64, 1, "exitwave, sizes in turn", SMALL_EPOCHS, beside=larger)
