"""What every route shares of the HTTP protocol.

- `problems`: errors become problem+json (RFC 9457)
- `responses`: the error responses that routes document
- `conditions`: conditional requests with entity tags of jobs
- `body_limit`: largest size and depth of a request's body
- `cors`: other sites whose pages may call

Who may call belongs to `exitwave.api.access`; nothing here knows of a single route.
"""
