"""Whether one hypothesis of a scan fits its patterns clearly better than others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..assessment.fit_evidence import Evidence
from .trials import TrialResult

LEAST_EXPLAINED = 0.1
"""Of what there is to foretell: below it even the best hypothesis has found no picture yet."""

LEAST_SIGMA_FIT = 4.0
LEAST_SIGMA = 6.0
"""Of a hypothesis that predicts something: on fitted pixels, and with those left out, too."""

LEAST_SIGMA_ALONE = 8.0
"""Of another one, on fitted pixels. Among wrong hypotheses alone, chance gave up to 5."""


Shared = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How much better one hypothesis fits than another.

    Attributes
    ----------
    ratio : float
        Deviance of the other on the fitted pixels over that of the one.
    sigma_fit, sigma_held : float
        Mean difference of the deviances, pattern by pattern, in units of its own error: on
        the fitted pixels and on those left out.
    """

    ratio: float
    sigma_fit: float
    sigma_held: float


def ranked(tried: Sequence[TrialResult]) -> list[TrialResult]:
    """The best one first; those without a second round last, by their losses."""
    judged = [one for one in tried if one.evidence is not None]
    rest = [one for one in tried if one.evidence is None]
    figures = np.array([_figures(one.evidence) for one in judged if one.evidence is not None])
    figures = figures.reshape(-1, 2)
    together = (figures / figures.mean(axis=0).clip(min=1e-30)).sum(axis=1)
    order = np.argsort(together, kind="stable")
    return [judged[i] for i in order] + sorted(rest, key=lambda one: one.loss)


def margin(one: TrialResult, other: TrialResult, shared: Shared | None = None) -> Margin:
    """Of the one over the other; the other may have been hopeless.

    Parameters
    ----------
    one, other : TrialResult
    shared : (ndarray of int, ndarray of int), optional
        Places of the frames that are in both, in the one and in the other; none = they have
        the same frames.
    """
    here, there = one.evidence, other.evidence
    if here is None or there is None:
        return Margin(ratio=np.inf, sigma_fit=np.inf, sigma_held=np.inf)
    of_one, of_other = shared or (slice(None), slice(None))
    fit_n, other_fit_n = here.fit_n[of_one], there.fit_n[of_other]
    held_n, other_held_n = foretold_n(here)[of_one], foretold_n(there)[of_other]
    return Margin(
        ratio=float(other_fit_n.sum() / max(fit_n.sum(), 1e-30)),
        sigma_fit=_sigma(other_fit_n - fit_n),
        sigma_held=_sigma(other_held_n - held_n),
    )


def clearly_best(one: TrialResult, margins: Sequence[Margin]) -> bool:
    """Whether a hypothesis fits so much better than all others that it is no chance."""
    if one.evidence is None:
        return False
    foretells = one.evidence.explained() >= LEAST_EXPLAINED
    for gain in margins:
        both = gain.sigma_fit + gain.sigma_held
        enough = gain.sigma_fit >= LEAST_SIGMA_FIT and both >= LEAST_SIGMA
        if not (gain.sigma_fit >= LEAST_SIGMA_ALONE or (foretells and enough)):
            return False
    return True


def foretold_n(evidence: Evidence) -> NDArray[np.float64]:
    """Deviance on pixels left out, (n,), of what foretells them best.

    That is the model, or its best mixture with the mean pattern, or the mean pattern alone.
    """
    mixes_K = evidence.held_mixes_nK.sum(axis=0)
    if not mixes_K.min() < evidence.held_mean_n.sum():
        return evidence.held_mean_n
    best_n: NDArray[np.float64] = evidence.held_mixes_nK[:, int(mixes_K.argmin())]
    return best_n


def _figures(evidence: Evidence) -> tuple[float, float]:
    fit, held = float(evidence.fit_n.sum()), float(foretold_n(evidence).sum())
    return (fit, held) if np.isfinite(fit + held) else (1e300, 1e300)


def _sigma(differences_n: NDArray[np.float64]) -> float:
    if len(differences_n) < 2:
        return 0.0
    error = float(differences_n.std()) / math.sqrt(len(differences_n) - 1)
    return float(differences_n.mean()) / max(error, 1e-30)
