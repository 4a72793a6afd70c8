"""A worker: an agent without torch, and the engine process that it starts and supervises.

- `agent`: claims jobs, supervises each attempt, and is never slow to answer
- `protocol`: what the two say to each other, and where both keep files
- `engine_process`: the process with torch that runs the jobs

Agent and engine process know the protocol, not each other: the agent names the engine
process's entry by its import path. Here belongs what a worker does with a job; what is
computed does not, that is `exitwave.engine`, nor how good it is (`exitwave.run_quality`), nor
where results go (`exitwave.results`).
"""
