"""Digests of texts, which tell one from another."""

from __future__ import annotations

import hashlib


def sha256_hex(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
