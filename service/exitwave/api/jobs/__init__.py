"""What the routes do with jobs, apart from answering.

- `submission`: from a request to a job; `batch`: the same for many scans
- `rerun`: an ended job's work again, unchanged or changed; `frc`: its resolution
- `scan_lookup`: finds and checks the scan that a request names
- `start_estimate`: when a queued job may start
- `result_files`: a job's result as a file

States and their transitions belong to `exitwave.ledger`, routes to `exitwave.api.routers`.
"""
