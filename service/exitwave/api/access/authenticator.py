"""Authenticate callers: by the operator's key, stored keys, sessions and one-time codes."""

from __future__ import annotations

import hmac
import os
import secrets
from datetime import UTC, datetime, timedelta

from exitwave.ledger import ServiceLedger
from exitwave.ledger.ids import ALPHABET
from exitwave.ledger.keys import Credential, KeyCommands, StoredKey, hash_of
from exitwave.schema.access import KEY_PATTERN, KeyInfo, KeyList, KeyRequest, NewKey, Scope
from exitwave.schema.errors import AccessDenied, LedgerCorrupt, NotFound, UsageError
from exitwave.settings.connection import KEY_VARIABLE
from exitwave.settings.service import ApiSettings, LedgerSettings

from .principal import Principal

OPERATOR = "operator"
"""Owner and id of the key that the settings name. No id in the queue has an `o` in it."""

CODE_TTL_S = 600
ID_CHARACTERS = 10
SECRET_CHARACTERS = 40


def read_key(settings: ApiSettings) -> str:
    """The operator's key from ``EXITWAVE_API_KEY``, else from the file the settings name.

    Raises
    ------
    UsageError
        There is no key: the service is never open to all.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key and settings.key_file is not None and settings.key_file.is_file():
        key = settings.key_file.read_text(encoding="utf-8").strip()
    if not key:
        raise UsageError(
            f"no access key: set {KEY_VARIABLE}, or api.key_file to a file that holds one"
        )
    return key


class Authenticator:
    """Finds the caller that holds a secret, and makes and revokes secrets.

    Nothing is cached, so that a revoked key is refused at the next request.

    Parameters
    ----------
    ledger : ServiceLedger
    ledger_settings : LedgerSettings
        Of the same queue.
    operator_key : str
        Kept as its hash only.
    session_hours : float
        How long a new session lasts.
    """

    def __init__(
        self,
        ledger: ServiceLedger,
        ledger_settings: LedgerSettings,
        operator_key: str,
        session_hours: float,
    ) -> None:
        self._ledger = ledger
        self._commands = KeyCommands(ledger_settings)
        self._operator_hash = hash_of(operator_key)
        self.session_ttl_s = max(1, round(session_hours * 3600))

    async def authenticate_key(self, given: str) -> Principal:
        """Find the caller that holds this key; `AccessDenied` if it is not valid."""
        secret_hash = hash_of(given)
        if hmac.compare_digest(secret_hash, self._operator_hash):
            return await self._principal(Credential(key_id=OPERATOR, secret_hash=secret_hash))
        found = KEY_PATTERN.fullmatch(given)
        if found is None:
            raise AccessDenied("key: found one that this service has not made")
        return await self._principal(Credential(key_id=found[1], secret_hash=secret_hash))

    async def authenticate_session(self, token_hash: str) -> Principal:
        """Find the caller of a session; `AccessDenied` once it or its key has ended."""
        credential = await self._ledger.run(self._commands.session(token_hash))
        if credential is None:
            raise AccessDenied("session: found one that has ended; expected a new log-in")
        return await self._principal(credential, session=token_hash)

    async def is_valid(self, principal: Principal) -> bool:
        """Whether neither key nor session has been revoked or has expired meanwhile."""
        try:
            if principal.session:
                await self.authenticate_session(principal.session)
            else:
                await self._principal(principal.credential)
        except (AccessDenied, LedgerCorrupt):
            return False
        return True

    async def create_key(self, request: KeyRequest) -> NewKey:
        """Make a key. Only its hash is kept: the secret is in this answer and nowhere else."""
        now = datetime.now(UTC)
        days = request.expires_in_days
        info = KeyInfo(
            id=_random(ID_CHARACTERS),
            owner=request.owner,
            scopes=sorted(set(request.scopes)),
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
            note=request.note,
        )
        key = f"ew_{info.id}_{_random(SECRET_CHARACTERS)}"
        stored = StoredKey(secret_hash=hash_of(key), info=info)
        await self._ledger.run(self._commands.create(stored))
        return NewKey(key=key, info=info)

    async def list_keys(self) -> KeyList:
        """List the keys without their secrets; the operator's is not in the queue."""
        return await self._ledger.run(self._commands.list_all())

    async def revoke_key(self, key_id: str) -> None:
        """End a key; its sessions and streams end with it. `NotFound` if there is none."""
        if not await self._ledger.run(self._commands.revoke(key_id)):
            raise NotFound(
                f"key: found {key_id!r}; expected the id of a key that `GET /api/v1/keys` lists"
            )

    async def create_code(self, principal: Principal) -> str:
        """Make a code that starts one session of this caller."""
        return await self._ledger.run(
            self._commands.create_code(principal.credential, CODE_TTL_S)
        )

    async def authenticate_code(self, code: str) -> Principal:
        """Find the caller that made this code. It is valid once."""
        credential = await self._ledger.run(self._commands.redeem_code(code))
        if credential is None:
            raise AccessDenied(
                "code: found one that is unknown, used or older than ten minutes"
            )
        return await self._principal(credential)

    async def create_session(self, principal: Principal) -> str:
        """Start a session of this caller; returns its token."""
        return await self._ledger.run(
            self._commands.create_session(principal.credential, self.session_ttl_s)
        )

    async def end_session(self, principal: Principal) -> None:
        """End the caller's session."""
        await self._ledger.run(self._commands.end_session(principal.session))

    async def _principal(self, credential: Credential, session: str = "") -> Principal:
        if credential.key_id == OPERATOR:
            expected, owner, scopes = self._operator_hash, OPERATOR, frozenset({Scope.ADMIN})
        else:
            key = await self._ledger.run(self._commands.get(credential.key_id))
            if key is None:
                raise AccessDenied("key: found one that is unknown or has been revoked")
            expected, owner = key.secret_hash, key.info.owner
            scopes = frozenset(key.info.scopes)
            if key.info.expires_at is not None and key.info.expires_at <= datetime.now(UTC):
                raise AccessDenied("key: found one that has expired")
        if not hmac.compare_digest(credential.secret_hash, expected):
            raise AccessDenied("key: found one that is unknown or has been revoked")
        return Principal(
            name=owner,
            scopes=scopes,
            key_id=credential.key_id,
            by="session" if session else "key",
            secret_hash=credential.secret_hash,
            session=session,
        )


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
