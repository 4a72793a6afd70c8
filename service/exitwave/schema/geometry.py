"""Geometry of a far-field ptychography scan, in SI units."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import GeometryError

PLANCK_TIMES_C_EV_M = 1.239841984e-6
"""h c in eV m (CODATA 2018)."""

VISIBLE_EV = (0.5, 5.0)
SHORT_EV = (25.0, 2e6)
"""Energies that are believed: light of optical benches, and all from the extreme ultraviolet
on. Electrons have that of a photon of their wavelength. What lies between is keV, not eV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """What turns detector pixels into sample pixels.

    Attributes
    ----------
    energy_eV : float
        Photon energy; of electrons that of a photon of their wavelength.
    distance_m : float
        Sample to detector.
    detector_pixel_m : float
        Pitch of a (square) detector pixel.
    sources : dict
        Where each of the three values came from, in words: a document, a profile and
        its date, an override.
    """

    energy_eV: float
    distance_m: float
    detector_pixel_m: float
    sources: dict[str, str]

    def __post_init__(self) -> None:
        if not is_photon_energy(self.energy_eV):
            raise GeometryError(
                "geometry.energy_eV",
                self.energy_eV,
                f"{SHORT_EV[0]:g} to {SHORT_EV[1]:g} eV, or {VISIBLE_EV[0]:g} to "
                f"{VISIBLE_EV[1]:g} eV of visible light",
            )
        for key, low, high, unit in (
            ("distance_m", 1e-3, 100.0, "m"),
            ("detector_pixel_m", 1e-7, 1e-2, "m"),
        ):
            value = getattr(self, key)
            if not low <= value <= high:
                raise GeometryError(f"geometry.{key}", value, f"{low:g} to {high:g} {unit}")

    @property
    def nominal(self) -> bool:
        """Whether a value is nominal, not measured: to be said wherever a scale is shown."""
        return any("nominal" in text.lower() for text in self.sources.values())

    @property
    def wavelength_m(self) -> float:
        """Photon wavelength."""
        return PLANCK_TIMES_C_EV_M / self.energy_eV

    def pixel_size_m(self, pattern_px: int) -> float:
        """Sample pixel of a pattern `pattern_px` wide: wavelength x distance / extent."""
        return self.wavelength_m * self.distance_m / (pattern_px * self.detector_pixel_m)


def is_photon_energy(energy_eV: float) -> bool:
    """Whether people do ptychography at this energy."""
    return any(low <= energy_eV <= high for low, high in (VISIBLE_EV, SHORT_EV))
