"""A worker: an agent without torch, and the engine process that it starts and watches.

The agent's side:

- `agent`: claims jobs and keeps an engine process warm
- `attendance`: one attempt at a job, from claim to finish
- `handle`: the engine process as the agent sees it
- `leaving`: what SIGTERM and SIGINT do
- `folders`, `leftovers`: what lies on disk, and how it goes
- `launcher`: a worker for each GPU

Between the two:

- `control`: what a job hears, and what the engine process runs
- `messages`: what agent and engine process say to each other

The engine process's side:

- `engine_process`: jobs in, outcomes out; `classify`: what an error means
- `run`: the body of the engine process; `attempt`: one attempt at a job in it
- `beginning`, `checkpoints`, `spooled`: what an attempt takes over from earlier ones
- `finals`: what each kind of job computes: a reconstruction, or an FRC of two halves
- `assess`, `halves`: the figures of a run, and of two runs on halves of the data
- `health`, `devices`: whether a device is sound, and how it is named
"""
