"""The peers' environments: one each, from the package index, with torch pinned as ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "methods"
PACKAGES = {"ptychi": "ptychi", "phaser": "phaserem[jax,torch]"}
"""Runner to requirement; its constraints file lies beside its script."""
OURS = Path("deploy/constraints.txt")


class NoPeerError(Exception):
    """A peer cannot be installed here."""


def versions() -> dict[str, str]:
    """Runner to the pinned version of its package."""
    found = {}
    for runner, requirement in PACKAGES.items():
        name = requirement.split("[")[0]
        found[runner] = f"{name} {_pin(HERE / f'{runner}-constraints.txt', name)}"
    return found


def python_of(runner: str, folder: Path) -> Path:
    """The interpreter for a runner; the peer is installed on first use.

    Raises
    ------
    NoPeerError
        Installing failed; the message is the installer's last line.
    """
    if runner == "exitwave":
        return Path(sys.executable)
    place = folder / runner
    python, done = place / "bin/python", place / "installed"
    constraints = HERE / f"{runner}-constraints.txt"
    if done.exists() and done.read_text() == constraints.read_text():
        return python
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    print(f"installing {PACKAGES[runner]} into {place} (a few minutes, once)", flush=True)
    torch = f"torch=={_pin(OURS, 'torch')}"
    command = [str(python), "-m", "pip", "install", "--quiet"]
    command += ["--constraint", str(constraints), PACKAGES[runner], torch]
    install = subprocess.run(command, capture_output=True, text=True)
    if install.returncode != 0:
        lines = [line for line in install.stderr.splitlines() if line.startswith("ERROR")]
        raise NoPeerError(lines[-1] if lines else f"pip ended with {install.returncode}")
    done.write_text(constraints.read_text())
    return python


def _pin(file: Path, package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)", file.read_text(), re.M | re.I)
    if found is None:
        raise NoPeerError(f"{file} pins no version of {package}")
    return found[1]
