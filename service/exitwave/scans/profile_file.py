"""Finding and reading a beamline profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from exitwave.schema.errors import InvalidInput
from exitwave.settings.yaml_files import configs_dir, read_mapping

from .detectors import Detector
from .profile import Profile
from .sources import DistanceSource, EnergySource

_UNIONS: dict[str, Any] = {
    "detectors": Detector,
    "energy": EnergySource,
    "distance": DistanceSource,
}
"""What is told apart by its `kind`, by the profile's key."""


def load_profile(name: str) -> Profile:
    """A shipped profile, ``configs/beamlines/<name>.yaml``, or any other YAML file.

    Parameters
    ----------
    name : str
        Of a shipped profile, or a path that ends in .yaml.

    Raises
    ------
    InvalidInput
        There is no such profile, or it is not valid; the message names the key.
    """
    path = Path(name)
    if path.suffix != ".yaml":
        folder = configs_dir() / "beamlines"
        names = sorted(each.stem for each in folder.glob("*.yaml"))
        if name not in names:
            expected = f"one of {', '.join(names)}, or the path of a .yaml file"
            raise InvalidInput("beamline", name, expected)
        path = folder / f"{name}.yaml"
    elif not path.is_file():
        raise InvalidInput("beamline", name, "a file that exists")
    values = read_mapping(path)
    try:
        profile = Profile.model_validate(values)
    except ValidationError as error:
        raise _plain(path, values, error) from None
    detectors = [
        detector.model_copy(update={"mask": str(path.parent / detector.mask)})
        if detector.mask
        else detector
        for detector in profile.detectors
    ]
    return profile.model_copy(update={"detectors": detectors})


def _plain(path: Path, values: Mapping[str, Any], error: ValidationError) -> InvalidInput:
    """The first error as a person who wrote the file would put it."""
    first = error.errors()[0]
    parts = _without_kinds(values, first["loc"])
    place = ".".join(map(str, parts))
    key = f"{path.name}:{place}" if place else path.name
    if first["type"].startswith("union_tag"):
        union = next(_UNIONS[part] for part in reversed(parts) if part in _UNIONS)
        found = first.get("ctx", {}).get("tag", "nothing")
        return InvalidInput(f"{key}.kind", found, f"one of {', '.join(_kinds(union))}")
    if first["type"] == "missing":
        return InvalidInput(key, "nothing", "a value")
    if first["type"] == "extra_forbidden":
        return InvalidInput(key, first["input"], "no such key")
    if first["type"] == "value_error":
        return InvalidInput(key, "nothing", str(first["ctx"]["error"]))
    return InvalidInput(key, first["input"], first["msg"])


def _without_kinds(values: Any, place: Sequence[str | int]) -> list[str | int]:
    """The place in the file: pydantic's has the kinds of what it went through as well."""
    kept: list[str | int] = []
    for part in place:
        if isinstance(values, Mapping) and part not in values and part == values.get("kind"):
            continue
        kept.append(part)
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            values = None  # a key that is missing: the last part
    return kept


def _kinds(union: Any) -> list[str]:
    """Names of the kinds in a union that `kind` tells apart."""
    members, _ = get_args(union)
    kinds: list[str] = []
    for member in get_args(members):
        kinds.extend(get_args(member.model_fields["kind"].annotation))
    return kinds
