"""What the worker and demo extras add to the command line.

- `registry`: the commands' arguments; light to import
- `reconstruct`, `simulate`: from file to file, without any service
- `inspect`: what a file holds
- `beamline`: plays a scan
"""
