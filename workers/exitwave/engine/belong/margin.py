"""Whether one idea of a scan fits its patterns clearly better than another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence import Evidence
from .bench import Tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How much better one idea fits than another.

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


def margin(one: Tried, other: Tried) -> Margin:
    """Of the one over the other; both have been through the second round."""
    here, there = one.evidence, other.evidence
    assert here is not None and there is not None
    return Margin(
        ratio=float(there.fit_n.sum() / max(here.fit_n.sum(), 1e-30)),
        sigma_fit=_sigma(there.fit_n - here.fit_n),
        sigma_held=_sigma(_foretold_n(there) - _foretold_n(here)),
    )


def _foretold_n(evidence: Evidence) -> NDArray[np.float64]:
    """Deviance on pixels left out, of the model as far as it tells more than no model, (n,)."""
    mixes_K = evidence.held_mixes_nK.sum(axis=0)
    if mixes_K.min() >= evidence.held_mean_n.sum():
        return evidence.held_mean_n
    best_n: NDArray[np.float64] = evidence.held_mixes_nK[:, int(mixes_K.argmin())]
    return best_n


def _sigma(differences_n: NDArray[np.float64]) -> float:
    error = float(differences_n.std()) / np.sqrt(len(differences_n))
    return float(differences_n.mean()) / max(error, 1e-30)
