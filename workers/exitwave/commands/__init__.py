"""Commands that the worker and demo extras add to the command line.

- `registry`: the commands' arguments; light to import
- `reconstruct` (with `run_start`, `file_scan`, `ground_truth`, `progress_bar`) and `simulate`:
  from file to file, without any service
- `inspect`: what a file holds
- `beamline`: plays a scan

Commands of the base install and of the service belong in `exitwave.cli`; what is computed here
belongs in the packages below, which a notebook can call, too.
"""
