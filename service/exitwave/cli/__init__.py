"""The command line: verbs on top of the client, and what the extras add.

- `main`: builds the command line and maps errors to exit codes
- `jobs`: submit, jobs, show, watch, cancel, download
- `service`: up, demo, api, tiled, trigger, doctor
- `extras`: one clear line where an extra is not installed
"""
