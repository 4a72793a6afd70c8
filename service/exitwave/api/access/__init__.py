"""Who calls, what that caller may do, and how often.

- `principal`: a caller with its scopes; whose jobs it sees
- `keyring`: from a key, session or code to a caller; keys are made and revoked here
- `limits`: token buckets
- `streams`: open event and picture streams, ended with their key
- `desk`: all of it, as the application holds it
- `middleware`: nobody comes in under ``/api`` without a key or a session
"""
