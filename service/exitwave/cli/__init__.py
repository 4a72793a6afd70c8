"""The command line: commands on top of the client, and those of the installed extras.

- `main`: builds the command line and maps errors to exit codes
- `submit_commands`: submit, retry, rerun, frc
- `query_commands`: jobs, show, watch, queue, download
- `control_commands`: cancel, stop, reprioritise, pause, resume, delete
- `worker_commands`, `key_commands`: workers and access keys
- `service`: up, demo, api, tiled, trigger, doctor, of the extra of that name
- `rendering`, `service_rendering`, `verdict_rendering`, `live_progress`: records as text
- `common`: options, JSON and exit codes that commands share
- `extras`: one clear line where an extra is not installed

Commands parse arguments, call and print. What they call belongs in the client, in
`exitwave.local` or in the workers' packages.
"""
