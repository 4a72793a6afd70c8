"""F16: unexpected requests. Schemathesis asks a real API everything that its description allows
and much that it forbids, and judges every answer by that description.

    python -m tests.faults.api_contract 2000 1
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests.faults.figures import Findings, Measured
from tests.faults.real import site
from tests.integration.api_process import KEY, Api, nowhere, running_api
from tests.support.stack import clean_environment, running_valkey

from exitwave.schema.job import Result

CASES = 2000
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "negative_data_rejection",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
)
LEFT_OUT = r"/events$"
"""Streams have no end; `test_api_events.py` reads them."""

AWAY = 503
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx"%s]
"""

PROBLEM = "application/problem+json"
FAST = {"REQUESTS_PER_S": "100000"}
PHASES = ("coverage", "fuzzing", "stateful")


def contract(seed: int) -> Measured:
    """Schemathesis, 2,000 cases: no 5xx, no undocumented code, every error a problem+json"""
    said = run(CASES, seed, with_tiled=True)
    found = Findings()
    statuses = ", ".join(f"{count} x {status}" for status, count in said["statuses"].items())
    found.say(f"{said['cases']} cases, {len(said['failures'])} failed checks; {statuses}")
    found.check(said["cases"] >= CASES, f"{said['cases']} cases, {CASES} wanted")
    for name, what in (
        ("failures", "answers against the description"),
        ("server_errors", "5xx"),
        ("not_problems", "errors that are no problem+json"),
    ):
        shown = "; ".join(said[name][:3])
        found.check(not said[name], f"{len(said[name])} {what}: {shown}")
    return found.measured()


def run(
    cases: int, seed: int, phases: Iterable[str] = PHASES, *, with_tiled: bool = False
) -> dict[str, Any]:
    """Send at least `cases` requests, half of them in sequences that follow what was answered.

    Without Tiled any scan is taken, and a result may be answered by 503.

    Returns
    -------
    dict
        `cases`, `seed`, `statuses` (how often each), and three lists that should be empty:
        `failures` (of Schemathesis's checks), `server_errors` and `not_problems` (errors that
        are no problem+json), each with method, path and what was found.
    """
    with tempfile.TemporaryDirectory(prefix="exitwave-contract-") as name:
        folder = Path(name)
        (folder / "valkey").mkdir()
        with (
            running_valkey(folder / "valkey") as uri,
            site(folder / "tiled") if with_tiled else nullcontext() as place,
            running_api(
                folder, uri, place.tiled.settings if place else nowhere(), **FAST
            ) as api,
        ):
            _furnish(api, [place.scan.uid] * 3 if place else ["0", "1", "2"])
            expected = "" if place else f", {AWAY}"
            (folder / "schemathesis.toml").write_text(CONFIG % expected)
            report, entries = _schemathesis(api, cases, seed, phases, folder)
    answered = [(_where(entry), entry["response"]) for entry in entries]
    return {
        "cases": len(answered),
        "seed": seed,
        "statuses": dict(sorted(Counter(answer["status"] for _, answer in answered).items())),
        "failures": report,
        "server_errors": [
            f"{where}: {answer['status']}"
            for where, answer in answered
            if _is_bug(answer, with_tiled)
        ],
        "not_problems": [
            f"{where}: {answer['status']} {answer['content']['mimeType']}"
            for where, answer in answered
            if answer["status"] >= 400 and answer["content"]["mimeType"] != PROBLEM
        ],
    }


def _is_bug(answer: Any, with_tiled: bool) -> bool:
    # Schemathesis writes 0 where no answer came.
    status = answer["status"]
    return status == 0 or (status >= 500 and (with_tiled or status != AWAY))


def _where(entry: Any) -> str:
    return f"{entry['request']['method']} {entry['request']['url'].split('/', 3)[-1]}"


def _furnish(api: Api, scans: Iterable[str]) -> None:
    """Something of every kind to be found: jobs in each state, a worker."""
    api.ledger.register_worker("worker", "cpu", "idle")
    for scan in scans:
        api.submit(scan=scan, tags=["there"])
    job = api.ledger.claim("worker", "cpu")
    assert job is not None
    result = Result(node=f"ptycho/u/{job.id}/a1", attempt=1, epochs=1)
    api.ledger.finish(job.id, 1, "worker", "succeeded", result=result)
    assert api.ledger.claim("worker", "cpu") is not None


def _schemathesis(
    api: Api, cases: int, seed: int, phases: Iterable[str], folder: Path
) -> tuple[list[str], list[Any]]:
    paths = api.client.get("/openapi.json").json()["paths"]
    operations = sum(
        len(methods) for path, methods in paths.items() if not re.search(LEFT_OUT, path)
    )
    har, report = folder / "requests.har", folder / "report.json"
    argv = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json"),
        *("--phases", ",".join(phases), "--checks", ",".join(CHECKS)),
        *("--max-examples", str(-(-cases // operations)), "--seed", str(seed)),
        *("--header", f"Authorization: Apikey {KEY}", "--exclude-path-regex", LEFT_OUT),
        *("--report", "har,json", "--report-har-path", str(har)),
        *("--report-json-path", str(report), "--output-sanitize", "false"),
        *("--continue-on-failure", "--generation-database", "none", "--no-shrink"),
        *("--warnings", "off", "--no-color", "--request-timeout", "60"),
    ]
    done = subprocess.run(
        argv, cwd=folder, env=clean_environment(), capture_output=True, text=True
    )
    if not har.is_file() or not report.is_file():
        raise RuntimeError(
            f"Schemathesis ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )
    failures = [
        f"{each['title']}, {each['count']} times: {', '.join(each['operations'])}"
        for each in json.loads(report.read_text())["failures"]
    ]
    return failures, json.loads(har.read_text())["log"]["entries"]


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2])), indent=1))
