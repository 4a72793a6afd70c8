"""Which beams a few patterns could have: what their shadows say, and what is known."""

from __future__ import annotations

from ..data.scan import Scan
from ..initial_guess.candidates import Candidate
from ..initial_guess.pupil import extent_cycles
from ..initial_guess.search import defocus_bounds, from_shadows

MOST_SHADOWS = 2
"""Beams that shadows speak for, tried for each hypothesis."""


def beams_of(
    scan: Scan, known: tuple[Candidate, ...] = (), most: int = MOST_SHADOWS
) -> tuple[Candidate, ...]:
    """Pupils out of focus, beside the autocorrelation's probe; none near focus.

    Parameters
    ----------
    scan : Scan
        With the positions of a hypothesis.
    known : tuple of Candidate
        Beams found before, whatever they are worth here; pupils among them are taken.
    most : int
        Of those that the shadows speak for.
    """
    bounds = defocus_bounds(scan, extent_cycles(scan.mean_light()))
    if bounds is None:
        return ()
    seen = from_shadows(scan, bounds)[:most]
    return (*seen, *[one for one in known if one.kind == "pupil"][:1])
