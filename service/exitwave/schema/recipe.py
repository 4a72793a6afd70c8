"""The recipe: every parameter of a reconstruction, with its unit, range, default and why.

Standard library only, so that the engine can be used alone in a notebook. A recipe is
a frozen dataclass; `recipe_from_mapping` builds one from YAML or JSON and refuses
unknown keys and values out of range with an error that names the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .baselines import AdmmOptions, BaselineOptions, DifferenceMapOptions, EpieOptions
from .errors import RecipeError
from .parameters import build, parameter, plain
from .parts import BackgroundOptions, IntensityOptions
from .sections import (
    AdamOptions,
    ClampOptions,
    GaugeOptions,
    RegularisationOptions,
    StartOptions,
)

AlgorithmName = Literal["dap", "epie", "dm", "admm"]
Loss = Literal["amplitude", "anscombe", "poisson", "gaussian"]
Method = Literal["descent", "difference_map"]
RateSchedule = Literal["decay", "plateau"]
SubPixel = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stretch of epochs with one loss. Stages run in order."""

    method: Method = parameter(
        "descent",
        "descent along the loss's gradient; or iterations of the difference map, which free "
        "views that descent leaves in wrong minima and average out noise less well",
    )
    below_overlap: float = parameter(
        1.0,
        "the stage is left out where views overlap more (1 - step / beam diameter, estimated "
        "from the probe so far); at 1 it always runs, as the first and the last do",
        low=-10,
        high=1,
    )
    loss: Loss = parameter(
        "amplitude",
        "amplitude converges fastest; anscombe tells few counts right; poisson fits them best",
    )
    background: float = parameter(
        0.0,
        "added to the modelled counts of every pixel; with poisson it keeps single counts, "
        "where next to none are modelled, from pulling hard",
        unit="counts",
        low=0,
        high=1e6,
    )
    integer_counts_only: bool = parameter(
        False,
        "the stage is left out where patterns are not integer counts, whose noise is known; "
        "the first one always runs",
    )
    epochs: int = parameter(100, "passes over all patterns", unit="epoch", low=1, high=100_000)
    batches: tuple[float, ...] = parameter(
        (5.0, 15.0, 45.0),
        "patterns per update, growing over the stage in equal shares of its epochs; "
        "below 1 a share of the scan's patterns (at least 2), from 1 on a number of patterns",
        unit="patterns",
        low=1e-6,
        high=1e6,
    )
    frequency_band: float = parameter(
        1.0,
        "share of the patterns' radius that is fitted, at 1 all of it with the corners; "
        "a coarse picture first keeps views out of wrong minima",
        low=0.01,
        high=1,
    )
    object_rate: float = parameter(
        0.15, "Adam step of the object, whose mean modulus is 1", low=1e-6, high=10
    )
    probe_rate: float = parameter(
        0.15, "Adam step of the probe, in units of its mean modulus", low=0, high=10
    )
    object_schedule: RateSchedule = parameter(
        "decay",
        "the object's rate: exponential decay over the stage, or drops where the loss stalls",
    )
    probe_schedule: RateSchedule = parameter("decay", "the probe's rate, likewise")
    final_rate: float = parameter(
        0.02,
        "share of the rate at the stage's end (decay), or below which it never falls (plateau)",
        low=1e-6,
        high=1,
    )
    patience: int = parameter(
        10,
        "epochs without a better loss before a drop (plateau)",
        unit="epoch",
        low=1,
        high=1e5,
    )
    plateau_factor: float = parameter(
        0.5, "what the rate is multiplied by at a drop (plateau)", low=0.01, high=0.99
    )
    full_regularisation_from: float = parameter(
        0.0,
        "share of the patterns in an update from which the regularisation's ratio holds; "
        "smaller updates, whose gradients are mostly noise, have it in proportion (balance "
        "gradient); 0 is off",
        low=0,
        high=1,
    )
    reset_moments: bool = parameter(False, "start the stage with Adam's moments at zero")
    object_clip: float = parameter(
        2.0, "object modulus is clipped here before the stage; 0 is off", low=0, high=1e3
    )


def _default_stages() -> tuple[Stage, ...]:
    return (
        Stage(epochs=30, batches=(0.04, 0.008, 0.02), final_rate=0.3),
        Stage(method="difference_map", epochs=60, below_overlap=0.45),
        Stage(
            epochs=250,
            batches=(0.067, 0.022, 0.067, 0.2, 0.2),
            object_rate=0.1,
            probe_rate=0.1,
            final_rate=0.03,
            full_regularisation_from=0.067,
            reset_moments=True,
        ),
        Stage(
            loss="poisson",
            background=0.1,
            integer_counts_only=True,
            epochs=60,
            batches=(0.2,),
            object_rate=0.03,
            probe_rate=0.03,
            reset_moments=True,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides how a dataset becomes a picture."""

    name: str = parameter("default", "how users refer to it")
    description: str = parameter("", "one line for people")
    algorithm: AlgorithmName = parameter(
        "dap", "dap; or a baseline: epie, dm (difference map), admm"
    )
    seed: int = parameter(
        0, "of the initial guess's noise and the order of patterns", low=0, high=2**31 - 1
    )
    probe_states: int = parameter(1, "mutually incoherent probe states (modes)", low=1, high=32)
    object_states: int = parameter(
        1, "mutually incoherent object states (modes)", low=1, high=8
    )
    probe_update_start: int = parameter(
        0, "epochs before the probe begins to change", unit="epoch", low=0, high=100_000
    )
    held_out_fraction: float = parameter(
        0.03,
        "share of the patterns left out of the fit to test it with; none below 400 patterns",
        low=0,
        high=0.5,
    )
    held_out_pixels: float = parameter(
        0.03,
        "share of the detector's illuminated pixels left out of the fit of every pattern, by "
        "seed, to test it with",
        low=0,
        high=0.3,
    )
    deterministic: bool = parameter(
        False, "bit for bit equal runs on a GPU, too; slower there, always so on a CPU"
    )
    subpixel: SubPixel = parameter(
        "auto",
        "shift the probe by the fractional part of each position; "
        "auto: on where any position is more than 0.05 px off the grid",
    )
    stages: tuple[Stage, ...] = parameter(_default_stages, "run in order")
    adam: AdamOptions = parameter(AdamOptions, "optimiser moments")
    regularisation: RegularisationOptions = parameter(
        RegularisationOptions, "total variation of the object"
    )
    start: StartOptions = parameter(StartOptions, "initial guess")
    clamp: ClampOptions = parameter(ClampOptions, "limits of the object")
    gauge: GaugeOptions = parameter(GaugeOptions, "what is pinned after each epoch")
    intensity: IntensityOptions = parameter(IntensityOptions, "part: the flux of each pattern")
    background: BackgroundOptions = parameter(
        BackgroundOptions, "part: light beside the sample's"
    )
    epie: EpieOptions = parameter(
        EpieOptions, "steps of algorithm epie; the others do not read them"
    )
    dm: DifferenceMapOptions = parameter(
        DifferenceMapOptions, "steps of algorithm dm, and of stages by the difference map"
    )
    admm: AdmmOptions = parameter(AdmmOptions, "steps of algorithm admm; likewise")

    @property
    def baseline(self) -> BaselineOptions | None:
        """Section of the algorithm, which has its name; none for dap."""
        options: BaselineOptions | None = getattr(self, self.algorithm, None)
        return options

    @property
    def plan(self) -> tuple[Stage, ...]:
        """What the algorithm runs: `stages`, or all of a baseline's epochs as one stage."""
        if (options := self.baseline) is None:
            return self.stages
        batches = (options.patterns_per_update,)
        return (Stage(loss="amplitude", epochs=options.epochs, batches=batches),)

    @property
    def surely_in_difference_map(self) -> bool:
        """Whether dap's first or last stage, which always run, is by the difference map."""
        methods = {self.plan[0].method, self.plan[-1].method}
        return self.algorithm == "dap" and "difference_map" in methods

    @property
    def waves_kept(self) -> int:
        """Waves of every view and probe state that are surely kept from epoch to epoch."""
        if (options := self.baseline) is None:
            return self.dm.waves_kept if self.surely_in_difference_map else 0
        return options.waves_kept

    @property
    def epochs(self) -> int:
        """Total number of epochs of the algorithm."""
        return sum(stage.epochs for stage in self.plan)


def recipe_from_mapping(values: Mapping[str, Any]) -> Recipe:
    """Build and check a recipe.

    Parameters
    ----------
    values : mapping
        Nested plain values, as YAML or JSON give them. Missing keys take defaults; a word
        for ``start`` is its kind.

    Raises
    ------
    RecipeError
        Unknown key, wrong type or value out of range; the message names the key,
        what was found and what is expected.
    """
    if isinstance(values, Mapping) and isinstance(kind := values.get("start"), str):
        values = {**values, "start": {"kind": kind}}
    return build(Recipe, values, "recipe", RecipeError)


def checked_recipe(recipe: Recipe) -> Recipe:
    """The recipe with every parameter checked, as one that was put together by hand needs it.

    Raises
    ------
    RecipeError
        As `recipe_from_mapping`.
    """
    if not isinstance(recipe, Recipe):
        raise RecipeError(
            "recipe", type(recipe).__name__, "a Recipe; recipe_from_mapping makes it of a dict"
        )
    return recipe_from_mapping(recipe_to_mapping(recipe))


def recipe_to_mapping(recipe: Recipe) -> dict[str, Any]:
    """Plain nested values of a recipe, ready for JSON or YAML."""
    values: dict[str, Any] = plain(recipe)
    return values
