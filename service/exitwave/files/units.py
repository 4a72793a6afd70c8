"""Units as files state them, and what they are in SI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from exitwave.schema.errors import DataError

JOULES_PER_EV = 1.602176634e-19

PIXELS = frozenset({"px", "pixel", "pixels"})
"""Of the object: a length only together with the geometry."""

_NOTHING_SAID = frozenset({"", "any", "none", "1", "-", "unitless", "dimensionless"})
_ATTRIBUTES = ("units", "unit", "Units", "Unit")


@dataclass(frozen=True, slots=True)
class Dimension:
    """Units of one kind.

    Attributes
    ----------
    base : str
        The unit that values are turned into.
    in_base : dict
        How many of that each unit is, by the spellings in use.
    """

    base: str
    in_base: Mapping[str, float]

    def factor(self, unit: str, key: str) -> float:
        """What turns a value in `unit` into the base unit.

        Raises
        ------
        DataError
            The unit is unknown, or not one of these.
        """
        name = unit.replace("\u03bc", "\u00b5").strip()
        if name in self.in_base:
            return self.in_base[name]
        # Words and long abbreviations in any case; of short ones it tells m from M.
        if len(name) > 3 and name.lower() in self.in_base:
            return self.in_base[name.lower()]
        known = ", ".join(sorted({*_SHORT[self.base]}))
        raise DataError(key, f"the unit {unit!r}", f"one of {known}")


_MICRO = "\u00b5"
LENGTH = Dimension(
    "m",
    {
        **dict.fromkeys(("m", "metre", "meter", "metres", "meters"), 1.0),
        **dict.fromkeys(("cm", "centimetre", "centimeter"), 1e-2),
        **dict.fromkeys(("mm", "millimetre", "millimeter", "millimetres", "millimeters"), 1e-3),
        **dict.fromkeys(
            (
                "um",
                f"{_MICRO}m",
                "micron",
                "microns",
                "micrometre",
                "micrometer",
                "micrometers",
            ),
            1e-6,
        ),
        **dict.fromkeys(("nm", "nanometre", "nanometer", "nanometres", "nanometers"), 1e-9),
        **dict.fromkeys(
            ("A", "Å", "\u212b", "Ang", "ang", "angstrom", "angstroms", "ångström"), 1e-10
        ),
        **dict.fromkeys(("pm", "picometre", "picometer", "picometres", "picometers"), 1e-12),
        **dict.fromkeys(("fm", "femtometre", "femtometer"), 1e-15),
    },
)
ENERGY = Dimension(
    "eV",
    {
        **dict.fromkeys(("eV", "ev", "EV", "electronvolt", "electronvolts"), 1.0),
        **dict.fromkeys(("keV", "kev", "KeV", "KEV", "kiloelectronvolt"), 1e3),
        **dict.fromkeys(("MeV", "megaelectronvolt"), 1e6),
        "GeV": 1e9,
        "meV": 1e-3,
        **dict.fromkeys(("J", "j", "joule", "joules"), 1 / JOULES_PER_EV),
        "mJ": 1e-3 / JOULES_PER_EV,
        "fJ": 1e-15 / JOULES_PER_EV,
        "aJ": 1e-18 / JOULES_PER_EV,
    },
)
_SHORT = {
    "m": ("m", "cm", "mm", "um", "nm", "angstrom", "pm"),
    "eV": ("eV", "keV", "MeV", "GeV", "J"),
}


class Leaf(Protocol):
    """A dataset of an HDF5 file, or an array that is held like one."""

    @property
    def attrs(self) -> Mapping[str, Any]: ...


def stated_unit(leaf: Leaf, key: str) -> str | None:
    """The unit that the attributes of a dataset state; None if they state none.

    Raises
    ------
    DataError
        The columns have different units.
    """
    for attribute in _ATTRIBUTES:
        # An attribute without a value has no shape.
        if getattr(leaf.attrs.get(attribute), "shape", ()) is not None and (
            attribute in leaf.attrs
        ):
            said = {_text(part) for part in np.atleast_1d(np.asarray(leaf.attrs[attribute]))}
            if len(said) > 1:
                raise DataError(
                    key, f"the units {', '.join(sorted(said))}", "one unit for all columns"
                )
            unit = said.pop() if said else ""
            nothing = unit.lower() in _NOTHING_SAID or unit.startswith("NX_")
            return None if nothing else unit
    return None


def unit_in_name(name: str, *, pixels: bool = False) -> str | None:
    """The unit that a name ends with, as in ``positions_um``; None without.

    `pixels`: whether ``_px`` is one, as of positions, or speaks of a pixel's size.
    """
    word = name.rpartition("/")[2].rpartition("_")[2]
    known = {*LENGTH.in_base, *ENERGY.in_base, *(PIXELS if pixels else ())}
    return word if "_" in name and word in known else None


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip()
