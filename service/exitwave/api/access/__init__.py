"""Who calls, what that caller may do, and how often.

- `principal`: a caller with its scopes; whose jobs it sees
"""
