"""How the two clients reach the server: one sends and blocks, the other awaits."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

import redis
import redis.asyncio as redis_asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from exitwave.schema.errors import ExitwaveError, LedgerUnavailable, UsageError
from exitwave.settings.service import LedgerSettings

from . import durability, lua_functions
from .commands import LONGEST_BLOCK_S, Command, Commands, ping

T = TypeVar("T")

OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    "encoding_errors": "replace",  # a record damaged by hand must not break the reading
    "protocol": 2,
    "socket_connect_timeout": 2.0,
    "socket_timeout": 2 * LONGEST_BLOCK_S,
}

# A command may be sent again after a lost reply: all of them are idempotent.
RETRIES = 2


def _backoff() -> ExponentialWithJitterBackoff:
    return ExponentialWithJitterBackoff(cap=0.5, base=0.05)


def _in_our_words(error: RedisError) -> ExitwaveError:
    if any(words in str(error) for words in ("WRONGTYPE", "not an integer")):
        # Not one job's record but what all commands need: as good as away until it is mended.
        return LedgerUnavailable(
            f"a key of the queue is of another kind than was written: {error}"
        )
    if lua_functions.is_other_layout(error):
        theirs = str(error).rpartition("EXITWAVELAYOUT ")[2].split()[0]
        return LedgerUnavailable(
            f"the queue speaks version {theirs} and this program version "
            f"{lua_functions.VERSION}; use the release that belongs to it, or another "
            "ledger.prefix"
        )
    return LedgerUnavailable(f"the queue does not answer: {error}")


class Connection:
    """The blocking way. Safe to share between threads: a pool keeps a socket for each."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._commands = Commands(settings)
        self._layout = f"{{{settings.prefix}}}:version", f"{{{settings.prefix}}}:jobs"
        self._ready = False
        self._replicated = False
        self._client = redis.Redis.from_url(
            settings.uri.get_secret_value(), retry=Retry(_backoff(), RETRIES), **OPTIONS
        )

    def run(self, command: Command[T]) -> T:
        """Send a command and read its reply; `LedgerUnavailable` while the server is away."""
        try:
            reply = self._execute(command)
        except RedisError as error:
            raise _in_our_words(error) from error
        return command.parse(reply)

    def check_layout(self) -> None:
        """Refuse records of another release; to be called once, at start.

        Later on they are as good as away: that release may be at work again.

        Raises
        ------
        UsageError
            The records are of another version.
        """
        try:
            refusal = self._other_layout()
        except RedisError as error:
            raise _in_our_words(error) from error
        if refusal:
            raise UsageError(refusal)

    def check_durability(self) -> None:
        """Demand that accepted work survives the server; to be called once, at start.

        From then on a job is accepted only when a replica has it on disk too, if the server
        has replicas now.

        Raises
        ------
        UsageError
            The server answers before its disk has the write, or its replicas could lose it.
        """
        try:
            self._check_durability()
        except RedisError as error:
            raise _in_our_words(error) from error

    def ping(self) -> None:
        """Raise `LedgerUnavailable` if the server does not answer."""
        self.run(ping())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _execute(self, command: Command[Any]) -> Any:
        if not self._ready:
            self._load_functions()
        try:
            return self._send_command(command)
        except ResponseError as error:
            if not lua_functions.is_missing(error):
                raise
        self._load_functions()
        return self._send_command(command)

    def _send_command(self, command: Command[Any]) -> Any:
        if not (command.durable and self._replicated):
            return self._send(*command.arguments)
        # WAITAOF tells of the writes of its own connection.
        pipeline = self._client.pipeline(transaction=False)
        for words in (command.arguments, durability.WAIT):
            pipeline.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py's
        reply, replicated = pipeline.execute()
        durability.check_replicated(replicated)
        return reply

    def _load_functions(self) -> None:
        if lua_functions.must_load(self._send(*lua_functions.LIST_COMMAND)):
            if refusal := self._other_layout():
                raise LedgerUnavailable(refusal)
            self._send(*lua_functions.load_command())
        self._ready = True

    def _other_layout(self) -> str | None:
        version_key, jobs_key = self._layout
        version, has_jobs = self._send("GET", version_key), self._send("EXISTS", jobs_key)
        return lua_functions.other_layout(version, bool(has_jobs))

    def _check_durability(self) -> None:
        try:
            durability.check_config(self._send(*durability.CONFIG))
        except ResponseError as error:
            durability.config_is_hidden(error)
        if durability.has_replicas(self._send(*durability.REPLICATION)):
            try:
                self._send(*durability.PROBE)
            except ResponseError as error:
                raise durability.no_waitaof(error) from error
            self._replicated = True

    def _send(self, *words: str | int | float) -> Any:
        return self._client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py's


class AsyncConnection:
    """The same for asyncio. `Connection` documents the methods."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._commands = Commands(settings)
        self._layout = f"{{{settings.prefix}}}:version", f"{{{settings.prefix}}}:jobs"
        self._ready = False
        self._replicated = False
        self._client = redis_asyncio.Redis.from_url(
            settings.uri.get_secret_value(), retry=AsyncRetry(_backoff(), RETRIES), **OPTIONS
        )

    async def run(self, command: Command[T]) -> T:
        try:
            reply = await self._execute(command)
        except RedisError as error:
            raise _in_our_words(error) from error
        return command.parse(reply)

    async def check_layout(self) -> None:
        try:
            refusal = await self._other_layout()
        except RedisError as error:
            raise _in_our_words(error) from error
        if refusal:
            raise UsageError(refusal)

    async def check_durability(self) -> None:
        try:
            await self._check_durability()
        except RedisError as error:
            raise _in_our_words(error) from error

    async def ping(self) -> None:
        await self.run(ping())

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _execute(self, command: Command[Any]) -> Any:
        if not self._ready:
            await self._load_functions()
        try:
            return await self._send_command(command)
        except ResponseError as error:
            if not lua_functions.is_missing(error):
                raise
        await self._load_functions()
        return await self._send_command(command)

    async def _send_command(self, command: Command[Any]) -> Any:
        if not (command.durable and self._replicated):
            return await self._send(*command.arguments)
        # WAITAOF tells of the writes of its own connection.
        pipeline = self._client.pipeline(transaction=False)
        for words in (command.arguments, durability.WAIT):
            pipeline.execute_command(*words)
        reply, replicated = await pipeline.execute()
        durability.check_replicated(replicated)
        return reply

    async def _load_functions(self) -> None:
        if lua_functions.must_load(await self._send(*lua_functions.LIST_COMMAND)):
            if refusal := await self._other_layout():
                raise LedgerUnavailable(refusal)
            await self._send(*lua_functions.load_command())
        self._ready = True

    async def _other_layout(self) -> str | None:
        version_key, jobs_key = self._layout
        version = await self._send("GET", version_key)
        has_jobs = await self._send("EXISTS", jobs_key)
        return lua_functions.other_layout(version, bool(has_jobs))

    async def _check_durability(self) -> None:
        try:
            durability.check_config(await self._send(*durability.CONFIG))
        except ResponseError as error:
            durability.config_is_hidden(error)
        if durability.has_replicas(await self._send(*durability.REPLICATION)):
            try:
                await self._send(*durability.PROBE)
            except ResponseError as error:
                raise durability.no_waitaof(error) from error
            self._replicated = True

    async def _send(self, *words: str | int | float) -> Any:
        return await self._client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py's
