"""`make bench-demo`: how long the way from a scan's end to its picture takes on this machine.

Everything is started anew in a folder of its own, with a browser looking at the dashboard.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import threading
import time
from dataclasses import fields
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.browser.conftest import ARGUMENTS, NAMES
from tests.support.stack import free_port

from exitwave.client import Client
from exitwave.local.demo import Outcome, play_once
from exitwave.local.supervisor import System, announce
from exitwave.processes import survivors

BROWSER_LIMIT_MS = 600_000
LOOK_EVERY_S = 0.2


class Looker(threading.Thread):
    """A Chromium on the dashboard; notes when the first picture is on the page."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.first_picture_at: float | None = None
        self.open = threading.Event()
        self.close = threading.Event()

    def run(self) -> None:
        found = next(filter(None, map(shutil.which, NAMES)))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(self._url)
            self.open.set()
            page.wait_for_selector(
                "[data-testid=object_phase]:not([data-epoch='0'])",
                state="attached",
                timeout=BROWSER_LIMIT_MS,
            )
            self.first_picture_at = time.time()
            self.close.wait()
            browser.close()


class Scales(threading.Thread):
    """Peak resident memory of every process of the service, in MB."""

    def __init__(self, owner: Path) -> None:
        super().__init__(daemon=True)
        self._owner = owner
        self.peak_mb: dict[str, float] = {}
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.wait(LOOK_EVERY_S * 5):
            for pid in survivors(self._owner):
                self._weigh(pid)

    def _weigh(self, pid: int) -> None:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:  # it has ended
            return
        peak = [line for line in status.splitlines() if line.startswith("VmHWM")]
        if peak:
            name = part(words)
            mb = int(peak[0].split()[1]) / 1024
            self.peak_mb[name] = max(mb, self.peak_mb.get(name, 0.0))


def part(words: list[str]) -> str:
    """What a process is to its reader."""
    if "valkey-server" in words[0]:
        return "valkey"
    if "exitwave.cli" in words:
        return " ".join(w for w in words[words.index("exitwave.cli") + 1 :][:2] if w)
    if any("resource_tracker" in word for word in words):
        return "worker: resource tracker"
    return "worker: engine"


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="exitwave-bench-"))
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    try:
        with System(folder / "data", free_port(), print) as system:
            announce(system, 300.0)
            worker_s = system.elapsed_s
            looker, scales = Looker(system.dashboard_url()), Scales(system.layout.root)
            looker.start()
            scales.start()
            looker.open.wait(60)
            with Client(system.url, system.key) as client:
                outcome = play_once(system, client, None)
                stopped_at = outcome.stopped_at
            scales.stop.set()
            looker.close.set()
            looker.join(30)
        report(outcome, worker_s, looker.first_picture_at, stopped_at, scales.peak_mb)
    finally:
        shutil.rmtree(folder)


def report(
    outcome: Outcome,
    worker_s: float,
    browser_at: float | None,
    stopped_at: float,
    peak_mb: dict[str, float],
) -> None:
    rows = [("up to worker ready", worker_s)]
    rows += [
        (field.name.replace("_", " "), getattr(outcome.timings, field.name))
        for field in fields(outcome.timings)
    ]
    rows.append(("stop to picture in browser", browser_at and browser_at - stopped_at))
    print(f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"job {outcome.job.state.value} on {outcome.job.attempts[-1].device}\n")
    print("| from ... to | s |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {'-' if value is None else format(value, '.2f')} |")
    print("\n| process | peak memory, MB |\n|---|---|")
    for name, value in sorted(peak_mb.items()):
        print(f"| {name} | {value:.0f} |")


if __name__ == "__main__":
    main()
