"""Keeps a session open: connects, and reconnects after a loss, at each server in turn."""

import asyncio
import contextlib
import logging
import random
import time
from typing import Protocol

from ..errors import ConnectionLostError, TickwireError
from ..protocol.codec import Frame
from ..protocol.codes import is_reconnectable
from ..protocol.ops import PROTOCOL_VERSION, Op
from ..value_checks import fault
from .connection import Connection
from .options import ConnectOptions
from .state import ABNORMAL_CLOSURE, Closure
from .token import expires_at, find_token, renewal_delay
from .welcome import Welcome

logger = logging.getLogger("tickwire")

# After a session of this length, the backoff starts over.
_STABLE_S = 10.0
# Upper bound of the first wait, and of all waits, ms.
_BASE_MS = 500.0
_CAP_MS = 20_000.0


class ReconnectorListener(Protocol):
    """Callbacks of a reconnector."""

    def opened(self, info: Welcome, connection: Connection) -> None:
        """A session opened. `connection` may be used until `lost` or `ended`."""

    def frame(self, frame: Frame) -> None:
        """A frame of the open session, except WELCOME, HEARTBEAT and GOAWAY."""

    def lost(self, closure: Closure, retry_in_ms: float) -> None:
        """An attempt failed or the open session was lost. Another attempt follows after a wait."""

    def ended(self, failure: TickwireError | None, closure: Closure | None) -> None:
        """Called once, as the last callback; without a failure after `close`."""


class Reconnector:
    """Ends when the server's close code says so (4500 to 4999, and 4004), after
    `give_up_after_ms` without success, or on request.
    """

    def __init__(
        self, urls: list[str], options: ConnectOptions, listener: ReconnectorListener
    ) -> None:
        """:raises RuntimeError: if no event loop is running"""
        #: Where it connects, the present or next one first.
        self.urls = urls
        self._options = options
        self._listener = listener
        self._connection: Connection | None = None
        self._is_open = False
        self._is_ended = False
        self._is_outage_logged = False
        self._opened_at = 0.0
        # Start of the present run of attempts, moved on by sessions that did not last.
        self._lost_at = time.monotonic()
        self._failures = 0
        # Spread announced by GOAWAY on this connection.
        self._jitter_ms: float | None = None
        self._retry = asyncio.Event()
        self._renewal: asyncio.Task[None] | None = None
        #: Given by `authenticate`, in place of the option.
        self._given_token: str | None = None
        self._token: str | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def fault(self, reason: str) -> None:
        """Drops the open connection because the server broke the protocol, and reconnects."""
        if self._connection is not None:
            self._connection.fault(reason)

    def reconnect(self) -> None:
        """Ends the wait for the next attempt; probes the connection if one is open."""
        if self._is_open and self._connection is not None:
            self._connection.probe()
        self._retry.set()

    def authenticate(self, token: str) -> None:
        """Replaces the token, also of an open session. A function is asked again, nevertheless.

        :raises TypeError: unless it is a string
        """
        if not isinstance(token, str):
            raise TypeError(fault("token", "a string", token))
        if not callable(self._options.token):
            self._given_token = token
        if self._is_open and self._connection is not None:
            self._connection.send([Op.AUTH, token])

    async def find_token(self) -> str | None:
        """The token for the next connection or request. Raises as `token.find_token`."""
        token = self._given_token or self._options.token
        return await find_token(token, self._options.connect_timeout_ms)

    def fail(self, failure: TickwireError) -> None:
        """Ends for good because of a failure."""
        self._end(failure, None)

    async def close(self) -> None:
        """Closes for good; returns when the connection is gone, within two seconds."""
        self._end(None, None)
        await asyncio.wait({self._task})

    # The listener of each connection.

    def welcome(self, info: Welcome) -> None:
        if info.version != PROTOCOL_VERSION:
            versions = f"version {info.version}, this client {PROTOCOL_VERSION}"
            self.fail(TickwireError(f"the server speaks protocol {versions}"))
            return
        assert self._connection is not None
        self._is_open = True
        self._is_outage_logged = False
        self._opened_at = time.monotonic()
        self._renewal = asyncio.get_running_loop().create_task(self._renew(self._connection))
        self._listener.opened(info, self._connection)

    def frame(self, frame: Frame) -> None:
        if frame[0] == Op.GOAWAY:
            self._jitter_ms = float(frame[3])
        else:
            self._listener.frame(frame)

    async def _run(self) -> None:
        try:
            while not self._is_ended:
                closure = await self._attempt()
                self._connection = None
                if self._renewal is not None:
                    self._renewal.cancel()
                if not self._is_ended:
                    retry_in_ms = self._closed(closure)
                    if retry_in_ms is not None:
                        await self._wait(retry_in_ms)
        except asyncio.CancelledError:
            if not self._is_ended:
                self._end(None, None)
                raise
        except Exception as error:
            # A fault of this package: whoever waits must not wait for ever.
            self._connection = None
            self._end(TickwireError(f"unexpected: {error!r}"), None)
            raise

    async def _attempt(self) -> Closure:
        self._jitter_ms = None
        self._retry.clear()
        options = self._options
        try:
            self._token = await self.find_token()
        except Exception as error:
            reason = f"no token: {error}"
            return Closure(ABNORMAL_CLOSURE, reason)
        self._connection = Connection(self.urls[0], options, self._token, self)
        return await self._connection.run()

    def _closed(self, closure: Closure) -> float | None:
        """Notes the end of a connection. Returns the wait before the next, ms; None if none."""
        now = time.monotonic()
        open_s = now - self._opened_at if self._is_open else 0.0
        self._is_open = False
        if open_s >= _STABLE_S:
            self._failures = 0
            self._lost_at = now
        else:
            self._lost_at = min(now, self._lost_at + open_s)
        tried_ms = (now - self._lost_at) * 1000
        if not is_reconnectable(closure.code) or tried_ms >= self._options.give_up_after_ms:
            self._end(ConnectionLostError(closure.code, closure.reason), closure)
            return None
        retry_in_ms = self._next_wait_ms()
        self._log_outage(closure)
        self.urls.append(self.urls.pop(0))
        self._listener.lost(closure, retry_in_ms)
        return retry_in_ms

    def _log_outage(self, closure: Closure) -> None:
        # Without a word, a program that waits for a server that is not there looks stuck.
        level = logging.DEBUG if self._is_outage_logged else logging.WARNING
        self._is_outage_logged = True
        cause = f"{closure.reason} ({closure.code})" if closure.reason else str(closure.code)
        logger.log(level, "no connection to %s, trying again: %s", self.urls[0], cause)

    def _next_wait_ms(self) -> float:
        failures = self._failures
        self._failures += 1
        if self._jitter_ms is None:
            return _backoff_ms(failures)
        spread_ms = random.random() * self._jitter_ms
        # A server that sends everyone away again at once is not retried faster than one that fails.
        return spread_ms if failures == 0 else max(spread_ms, _backoff_ms(failures))

    async def _wait(self, delay_ms: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._retry.wait(), delay_ms / 1000)

    async def _renew(self, connection: Connection) -> None:
        """Replaces a token that says when it expires, without a reconnect."""
        token, options = self._token, self._options
        while token is not None and callable(options.token):
            expiry = expires_at(token)
            if expiry is None:
                return
            await asyncio.sleep(renewal_delay(expiry - time.time()))
            try:
                newest = await find_token(options.token, options.connect_timeout_ms)
            except Exception as error:
                logger.warning("the token could not be renewed: %s", error)
                continue
            if newest is not None and newest != token:
                connection.send([Op.AUTH, newest])
                token = newest

    def _end(self, failure: TickwireError | None, closure: Closure | None) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        self._is_open = False
        self._retry.set()
        if self._renewal is not None:
            self._renewal.cancel()
        if self._connection is not None:
            self._connection.close()
        elif self._task is not asyncio.current_task():
            self._task.cancel()
        self._listener.ended(failure, closure)


def _backoff_ms(failures: int) -> float:
    """Random between 0 and a bound that doubles with each failure ("full jitter"), so that clients
    of a restarted server do not all return at once.
    """
    return random.random() * min(_CAP_MS, _BASE_MS * 2.0 ** min(failures, 16))
