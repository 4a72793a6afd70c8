"""The agent: claims jobs, supervises the engine process, and is never slow to answer.

- `agent`: claims jobs and keeps an engine process warm
- `attempt_supervisor`: one attempt at a job, from claim to finish
- `engine_handle`: the engine process as the agent sees it
- `ledger_outage`: logs once that the queue is away, and once that it is back
- `shutdown`: what SIGTERM and SIGINT do
- `cleanup`: removes from disk what jobs have left there
- `launcher`, `gpus`: a worker for each GPU

Neither torch nor numpy nor Tiled's client is imported here: when memory runs out, a GPU hangs
or a driver crashes, it is the engine process that dies, and the agent reports it within a
second. What a job does belongs into `exitwave.worker.engine_process`.
"""

from .agent import run_worker

__all__ = ["run_worker"]
