"""Commands for access keys and browsers' sessions; run with `ServiceLedger.run`.

Only hashes of secrets are stored: who reads the queue cannot log in with what is there. A
session points to the key that it was made from and ends with it.

::

    root:keys            hash    id of a key -> JSON of `StoredKey`
    root:code:<hash>     string  one-time code -> JSON of `Credential`; expires
    root:session:<hash>  string  session's token -> JSON of `Credential`; expires
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from pydantic import ValidationError

from exitwave.schema.access import KeyInfo, KeyList
from exitwave.schema.errors import LedgerCorrupt
from exitwave.schema.strict import StrictModel
from exitwave.settings.service import LedgerSettings

from .commands import Command


class StoredKey(StrictModel):
    """A key as the queue keeps it."""

    secret_hash: str
    info: KeyInfo


class Credential(StrictModel):
    """Which key a code or a session was made from."""

    key_id: str
    secret_hash: str


class KeyCommands:
    """Builds the commands of one queue's keys, codes and sessions."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._root = f"{{{settings.prefix}}}"

    def create(self, key: StoredKey) -> Command[None]:
        """Keep a new key."""
        text = key.model_dump_json()
        return Command(("HSET", self._keys, key.info.id, text), lambda reply: None)

    def get(self, key_id: str) -> Command[StoredKey | None]:
        """The key of that id; `LedgerCorrupt` where its record cannot be read."""

        def parse(reply: Any) -> StoredKey | None:
            return None if reply is None else _stored(key_id, reply)

        return Command(("HGET", self._keys, key_id), parse)

    def list_all(self) -> Command[KeyList]:
        """Every key, the newest first."""

        def parse(reply: Any) -> KeyList:
            infos, corrupt = [], []
            for key_id, text in reply.items():
                try:
                    infos.append(_stored(key_id, text).info)
                except LedgerCorrupt:
                    corrupt.append(key_id)
            infos.sort(key=lambda info: (info.created_at, info.id), reverse=True)
            return KeyList(keys=infos, corrupt=sorted(corrupt))

        return Command(("HGETALL", self._keys), parse)

    def revoke(self, key_id: str) -> Command[bool]:
        """Forget a key; whether there was one."""
        return Command(("HDEL", self._keys, key_id), bool)

    def create_code(self, credential: Credential, ttl_s: int) -> Command[str]:
        """A one-time code for a browser."""
        return self._create("code", credential, ttl_s)

    def redeem_code(self, code: str) -> Command[Credential | None]:
        """What the code allows; nothing a second time."""
        return Command(("GETDEL", self._place("code", hash_of(code))), _credential)

    def create_session(self, credential: Credential, ttl_s: int) -> Command[str]:
        """A browser session's token."""
        return self._create("session", credential, ttl_s)

    def session(self, token_hash: str) -> Command[Credential | None]:
        """The key a session was made from; nothing once it has ended."""
        return Command(("GET", self._place("session", token_hash)), _credential)

    def end_session(self, token_hash: str) -> Command[None]:
        """Forget a session."""
        return Command(("DEL", self._place("session", token_hash)), lambda reply: None)

    @property
    def _keys(self) -> str:
        return f"{self._root}:keys"

    def _place(self, kind: str, secret_hash: str) -> str:
        return f"{self._root}:{kind}:{secret_hash}"

    def _create(self, kind: str, credential: Credential, ttl_s: int) -> Command[str]:
        secret = secrets.token_urlsafe(24)
        place, text = self._place(kind, hash_of(secret)), credential.model_dump_json()
        return Command(("SET", place, text, "EX", ttl_s), lambda reply: secret)


def hash_of(secret: str) -> str:
    """SHA-256 in hex. Secrets are long and random, so that no slower hash is called for."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _stored(key_id: str, text: str) -> StoredKey:
    try:
        return StoredKey.model_validate_json(text)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"])) or "all"
        raise LedgerCorrupt(
            f"key {key_id}: its record in the queue cannot be read (field: {field}); revoke it "
            "and make another"
        ) from None


def _credential(reply: Any) -> Credential | None:
    try:
        return None if reply is None else Credential.model_validate_json(reply)
    except ValidationError:
        raise LedgerCorrupt(
            "session: its record in the queue cannot be read; log in anew"
        ) from None
