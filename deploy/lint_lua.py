"""Run luacheck over the ledger's functions, joined as the server gets them.

Each part uses locals of the parts before it, so that a part by itself tells nothing of what is
unused or undefined. What luacheck finds is told by the part's own lines.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from exitwave.ledger import lua_functions

FOLDER = Path("service/exitwave/ledger/lua")


def main() -> int:
    """Print what luacheck finds; its exit status, 0 where it finds nothing."""
    command = ["luacheck", "-", "--formatter", "plain", "--filename", "joined.lua"]
    checked = subprocess.run(
        command, input=lua_functions.SOURCE, capture_output=True, text=True, check=False
    )
    for found in checked.stdout.splitlines():
        sys.stderr.write(re.sub(r"^joined\.lua:(\d+)", _in_its_part, found) + "\n")
    sys.stderr.write(checked.stderr)
    return checked.returncode


def _in_its_part(found: re.Match[str]) -> str:
    place, line = "", int(found[1])
    for path in (FOLDER / f"{part}.lua" for part in lua_functions.PARTS):
        begin, _, _ = lua_functions.SOURCE.partition(path.read_text("utf-8"))
        if begin.count("\n") < line:
            place = f"{path}:{line - begin.count(chr(10))}"
    return place


if __name__ == "__main__":
    sys.exit(main())
