"""The HTTP front end. It keeps no state: jobs are in the ledger, pictures in Tiled.

- `app`, `server`: the application, and serving it; `openapi_file` writes its description
- `dependencies`: what routes ask of the application, in their signatures
- `background`, `tasks`: what runs beside the requests
- `routers`: the routes, one module per noun
- `jobs`: what routes do with jobs: submit, repeat, estimate, write results as files
- `access`: who calls, what that caller may do, and how often
- `http`: problems, entity tags, limits of bodies: what every route shares of the protocol
- `live`: pictures of running jobs for open pages
- `documentation`: the description of the API and of the files that people write
- `observability`: metrics and the log of requests

A new route goes into the router of its noun and into the table of `app`. Pages belong to
`exitwave.web`, rules about jobs' states to `exitwave.ledger`.
"""
