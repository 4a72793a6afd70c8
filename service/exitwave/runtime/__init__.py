"""What a process sets for itself before it works: its log lines, how its threads wait.

- `logs`: one logfmt line per event on standard error
- `threads`: environment of a process that computes beside others (standard library only)

What a deployment may choose belongs to `exitwave.settings`; starting and ending processes
belongs to `exitwave.processes`.
"""
