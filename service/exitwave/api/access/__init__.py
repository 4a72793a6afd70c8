"""Access control: who calls, what that caller may do, and how often.

- `principal`: a caller with its scopes, and the jobs that it may see
- `authenticator`: finds the caller of a key, session or code; makes and revokes keys
- `limits`: token buckets that limit the rate of requests and failed log-ins
- `streams`: open event and picture streams, ended with their key
- `control`: `AccessControl`, all of these as the application holds them
- `middleware`: refuses every request under ``/api`` without a valid key or session
- `dependencies`: what routes ask of their callers, in their signatures

Scopes and the bodies of the routes for keys belong to `exitwave.schema.access`; how keys are
stored belongs to `exitwave.ledger.keys`.
"""
