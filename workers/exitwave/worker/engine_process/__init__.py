"""The engine process: runs jobs with torch, and may die without the agent.

- `main`: its entry: jobs in, outcomes out, while the agent lives
- `runner`: what it runs, and how the setting `worker.runner` names it
- `reconstruction_runner`: the runner that reconstructs, on one device
- `execution`: one attempt at a job, which takes
  `reading` (scan, checkpoint, result to begin with), `job_kinds` (what each kind computes)
  and `delivery` (the result, to all sinks)
- `job_progress`: what a job has reported, and which commands it obeys when
- `checkpoints`, `resume`, `spooled_result`: what is kept, and taken over from an earlier
  attempt
- `error_classification`: what an exception means for the job, and for this process
- `devices`, `health`: how a device is named, and whether it computes as it should

Modules that import torch or Tiled's client say so; `main` loads them after it has started.
How good a run is belongs into `exitwave.run_quality`, where results go into
`exitwave.results`.
"""
