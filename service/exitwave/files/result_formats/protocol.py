"""What a format of files with results is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exitwave.schema.result import Plane
from exitwave.schema.result_formats import ResultFormat

from ..reconstruction import Reconstruction


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What a file may say beside the result.

    Attributes
    ----------
    plane : {"phase", "amplitude"}
        What a picture shows.
    scan_id : int
        Of the scan.
    sign : str
        Tells reconstructions of one scan apart.
    about : mapping of str to str
        Where the result comes from, such as ``Scan`` and ``Job``.
    """

    plane: Plane = "phase"
    scan_id: int = 0
    sign: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWriter:
    """A format of files with results.

    Attributes
    ----------
    name : str
        As asked for.
    suffix : str
        End of the file's name.
    media_type : str
        Of the file, for HTTP.
    write : callable
        Writes a result to a path.
    shows_plane : bool
        Whether the file shows one plane, which its name tells.
    """

    name: ResultFormat
    suffix: str
    media_type: str
    write: Callable[[Path, Reconstruction, ExportOptions], None]
    shows_plane: bool = False
