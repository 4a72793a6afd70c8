"""What turns "a scan has finished" into a job. A trigger is a client like any other.

An event source tells of finished scans; what becomes of them is the same for all sources.
Ways to hear of scans belong here; how a scan is read (`exitwave.scans`) and whether it can
be reconstructed (the API tells when it is submitted) do not.

- `protocol`: what an event source must do
- `registry`: all event sources there are
- `tiled_runs`: the source on Tiled's catalogue of runs
- `options`: settings that only one source has
- `rules`: which finished scans become jobs
- `submitter`: the job of a scan
- `cursor`: how far a trigger has come, kept over a restart
- `trigger`: source, rule, submitter and cursor together
- `process`: what ``exitwave trigger`` runs
"""
