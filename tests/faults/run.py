"""`make faults [ONLY=F1a,F6] [SEED=n]`: measure figures in full and write docs/faults.md.

Each figure runs in a process of its own, which is killed with all it started if it takes
longer than `LIMIT_S`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.faults.figures import FIGURES, Measured, figure
from tests.faults.report import ROOT, keep, row_of, write_page

from exitwave import processes

LIMIT_S = 1800.0


def measure(name: str, seed: int) -> Measured:
    """In a process of its own. A figure that did not come to its end is missed."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        owner, log, answer = Path(folder), Path(folder) / "log", Path(folder) / "answer"
        words = ["--alone", name, "--seed", str(seed), "--answer", str(answer)]
        child = processes.start(
            [sys.executable, "-m", "tests.faults.run", *words],
            owner=owner,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": folder},
            log=log,
        )
        deadline = time.monotonic() + LIMIT_S
        try:
            while child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.2)
            late = child.poll() is None
        finally:  # also when somebody interrupts
            child.kill()
            child.wait()
            processes.kill_survivors(owner)
        if answer.exists():
            said = json.loads(answer.read_text())
            return Measured(said["text"], tuple(said["misses"]), said["details"])
        print(log.read_text(errors="replace")[-8000:], file=sys.stderr)
        last = (log.read_text(errors="replace").strip().splitlines() or ["no word"])[-1]
        why = f"not done within {LIMIT_S:.0f} s" if late else f"it broke off: {last[:300]}"
        return Measured("not measured", (why,))


def alone(name: str, seed: int, answer: Path) -> None:
    measured = figure(name)(seed)
    draft = answer.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(measured)))
    draft.replace(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="figures, such as F1a,F6")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        return alone(asked.alone, asked.seed, asked.answer)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    names = [name for name in asked.only.replace(" ", "").split(",") if name]
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        parser.error(f"--only: found {unknown}; expected some of {', '.join(FIGURES)}")
    for name in [] if asked.page else names or list(FIGURES):
        load, began_s = os.getloadavg()[0], time.monotonic()
        print(f"{name} ...", flush=True)
        measured = measure(name, asked.seed)
        seconds = time.monotonic() - began_s
        keep(row_of(name, asked.seed, measured, seconds, load))
        print(f"{name} {measured.verdict} ({seconds:.0f} s): {measured.text}", flush=True)
        for miss in measured.misses:
            print(f"  missed: {miss}", flush=True)
    write_page()
    return None


if __name__ == "__main__":
    main()
