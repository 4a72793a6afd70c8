"""A worker: an agent without torch, and the engine process that it starts and watches.

- `agent`: claims jobs and keeps an engine process warm
- `attendance`: one attempt at a job, from claim to finish
- `handle`: the engine process as the agent sees it
- `messages`: what agent and engine process say to each other
- `engine_process`: the engine process's own side
- `run`: the body of the engine process; `attempt`: one attempt at a job in it
- `finals`: what each kind of job computes: a reconstruction, or an FRC of two halves
- `assess`, `halves`: the figures of a run, and of two runs on halves of the data
"""
