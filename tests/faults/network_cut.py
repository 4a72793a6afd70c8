"""F5: a worker is cut off from the queue while it computes."""

from __future__ import annotations

import contextlib
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from tests.faults.children import Worker
from tests.faults.figures import Findings, Measured
from tests.faults.harness import ServiceHarness, running_service, scratch
from tests.faults.history import judge
from tests.faults.proxy import Proxy, proxy_to

from exitwave.schema.errors import TransitionNotAllowed

BATCH_S = 0.25
HEARTBEAT_INTERVAL_S = 1.0

Way = Literal["cut", "silence"]
"""Connections break and new ones are refused, or stay and fall silent."""


def cut_off(seed: int) -> Measured:
    """A worker cut off for 3 leases by a TCP proxy: one final; once its attempt has been
    replaced its engine stops within one heartbeat + one batch of the link's return
    """
    with scratch() as folder:
        return cut_off_for(
            folder, leases=3.0, lease_s=15.0, limit_s=HEARTBEAT_INTERVAL_S + BATCH_S
        )


def cut_off_for(
    folder: Path, *, leases: float, lease_s: float, limit_s: float | None
) -> Measured:
    """Both ways at once, each with a queue of its own. Without `limit_s`: however long."""
    found = Findings()
    away_s = leases * lease_s
    ways: tuple[Way, ...] = ("cut", "silence")
    with ExitStack() as stack:
        services = {
            way: stack.enter_context(
                running_service(folder / way, LEDGER__LEASE_S=str(lease_s))
            )
            for way in ways
        }
        proxies = {
            way: stack.enter_context(proxy_to(service.socket_path))
            for way, service in services.items()
        }
        # All workers first: starting them may take as long as a job.
        near = {way: _ready(service, proxies[way]) for way, service in services.items()}
        jobs = {
            way: _begun(service, near[way], away_s + 20) for way, service in services.items()
        }
        proxies["cut"].cut()
        proxies["silence"].silence()
        time.sleep(away_s)
        for way, service in services.items():
            _check_replaced(way, service, jobs[way], found)
        returned_at = {}
        for way, proxy in proxies.items():
            returned_at[way] = time.time()
            proxy.mend()
        for way, service in services.items():
            took_s = _stopped_at(service) - returned_at[way]
            found.check(took_s < float("inf"), f"{way}: its engine did not stop")
            found.say(f"{way}: engine stopped {took_s:.2f} s after the link's return")
            found.check(
                limit_s is None or took_s <= limit_s,
                f"{way}: its engine stopped after {took_s:.2f} s, <= {limit_s} s wanted",
            )
        for way, service in services.items():
            _check_final(way, service, jobs[way], found)
    return found.measured()


def _ready(service: ServiceHarness, proxy: Proxy) -> Worker:
    """A worker behind the proxy; another one, which it gives, stands by."""
    service.tick()
    service.worker("far", LEDGER__URI=f"redis://{proxy.address}/0")
    (near,) = service.standby("near")
    return near


def _begun(service: ServiceHarness, near: Worker, seconds: float) -> str:
    """A job that runs on the worker behind the proxy; the other would take it over."""
    job_id = service.submit(
        [f"seconds:{seconds}", f"epochs:{seconds:.0f}", f"batches:{1 / BATCH_S:.0f}"]
    )
    service.until(job_id, lambda job: job.progress is not None and job.progress.epoch > 0)
    service.release(near)
    service.until_listed(near)
    return job_id


def _check_replaced(way: Way, service: ServiceHarness, job_id: str, found: Findings) -> None:
    job = service.ledger.get(job_id)
    replaced = job.attempt == 2 and job.attempts[1].worker == "near"
    found.check(replaced, f"{way}: after the cut the job was not the other worker's")
    computing = [e for e in service.executions("epoch") if e.worker == "far"]
    goes_on = time.time() - computing[-1].at < 5.0
    found.check(goes_on, f"{way}: the cut worker's engine did not go on")


def _stopped_at(service: ServiceHarness) -> float:
    """When the cut worker's engine gave its job up; infinity if not within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        stopped = [e.at for e in service.executions("cancelled") if e.worker == "far"]
        if stopped:
            return stopped[0]
        time.sleep(0.05)
    return float("inf")


def _check_final(way: Way, service: ServiceHarness, job_id: str, found: Findings) -> None:
    with contextlib.suppress(TransitionNotAllowed):  # it has ended already
        service.ledger.stop(job_id)  # its second attempt need not run to the last epoch
    service.until_ended([job_id])
    each = Findings()
    judge(service, [job_id], each)
    finals = sum(event.kind == "ended" for event in service.events(job_id))
    found.say(f"{way}: {finals} final")
    for miss in each.measured().misses:
        found.check(False, f"{way}: {miss}")
