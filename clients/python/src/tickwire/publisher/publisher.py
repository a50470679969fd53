"""Publishes ticks in order, each applied once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import Literal, overload
from urllib.parse import urlencode

from ..connection.options import TIMER_MS_MAX, ConnectOptions, ServerUrl, Token, endpoint_urls
from ..connection.state import ConnectionState, StateChange
from ..connection.welcome import Welcome
from ..errors import BufferFullError, ClosedError, TickwireError
from ..events import Waiters
from ..iterators import QueueReader
from ..protocol.codec import Encoding
from ..protocol.ops import PUBLISH_PATH
from ..value_checks import check_number
from .alias_table import AliasTable
from .events import PublisherEvent, Rejection
from .frame_sender import FrameSender
from .intake import Intake
from .options import PublisherOptions, publisher_name
from .publish_session import PublishSession
from .tick import Price, Tick, Time
from .tick_stream import Acknowledgement, TickStream
from .tick_tally import PublisherTotals

logger = logging.getLogger("tickwire")

TickLike = Tick | tuple[str, Price] | tuple[str, Price, Time]


def connect_publisher(
    url: ServerUrl,
    *,
    publisher: str | None = None,
    token: Token | None = None,
    batch_ticks_max: int = 1024,
    batch_delay_ms: float = 1,
    buffer_ticks_max: int = 65_536,
    encoding: Encoding = "binary",
    connect_timeout_ms: float = 10_000,
    give_up_after_ms: float = float("inf"),
    ssl: SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
) -> "Publisher":
    """Opens a publisher at a server such as ``ws://127.0.0.1:9001``. Ticks can be published at
    once: they are sent when a session opens. While the server is down, it keeps trying.

    :param url: a list of addresses: the next one is tried where one fails or is lost
    :param publisher: name by which the server remembers its progress; only one publisher can use a
        name at a time: a newer one takes it over. None: a random name
    :raises TypeError, ValueError: for a bad URL, name or option
    :raises RuntimeError: outside a running event loop
    """
    options = ConnectOptions(token, encoding, connect_timeout_ms, give_up_after_ms, ssl, headers)
    batching = PublisherOptions(batch_ticks_max, batch_delay_ms, buffer_ticks_max)
    name = publisher_name(publisher)
    urls = endpoint_urls(url, PUBLISH_PATH, urlencode({"publisher": name}))
    return Publisher(urls, name, options, batching)


class Publisher:
    """Works over any number of connections: ticks are kept until the server acknowledges them, and
    sent again after a connection is lost. The buffer is bounded: `publish` waits for room.

    Use it with ``async with``, or call `close`. Made by `connect_publisher`.
    """

    def __init__(
        self, urls: list[str], name: str, options: ConnectOptions, batching: PublisherOptions
    ) -> None:
        self._buffer_ticks_max = batching.buffer_ticks_max
        self._aliases = AliasTable()
        self._stream = TickStream()
        sender = FrameSender(
            self._stream, self._aliases, options.encoding, batching.batch_ticks_max
        )
        self._intake = Intake(batching, self._stream, self._aliases, sender)
        self._waiters = Waiters()
        self._is_closing = False
        self._session = PublishSession(
            urls, name, options, self._stream, self._aliases, sender, self._progress
        )

    async def __aenter__(self) -> "Publisher":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self.close()
            return
        try:
            await self.close()
        except TickwireError as error:
            # The error that ended the block is the one to see.
            logger.warning("%s", error)

    @property
    def name(self) -> str:
        """The name by which the server remembers its progress."""
        return self._session.name

    @property
    def state(self) -> ConnectionState:
        """State of the connection; see the event ``state``."""
        return self._session.state

    @property
    def failure(self) -> TickwireError | None:
        """The failure that ended it; None after `close`."""
        return self._session.failure

    @property
    def session(self) -> Welcome | None:
        """WELCOME of the newest session."""
        return self._session.welcome

    @property
    def totals(self) -> PublisherTotals:
        """What happened to all ticks so far."""
        return self._session.totals

    @property
    def rejects(self) -> tuple[Rejection, ...]:
        """The newest ticks that the server refused, up to 1000; `totals` counts all."""
        return tuple(self._session.rejects)

    @overload
    def on(
        self, name: Literal["reject"], listener: Callable[[Rejection], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["ack"], listener: Callable[[Acknowledgement], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["state"], listener: Callable[[StateChange], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["error"], listener: Callable[[TickwireError], object]
    ) -> Callable[[], None]: ...
    def on(self, name: str, listener: Callable[..., object]) -> Callable[[], None]:
        """Adds a listener for an event, a plain function. Returns a function that removes it."""
        return self._session.emitter.on(name, listener)

    def events(self) -> AsyncIterator[PublisherEvent]:
        """`StateChange`, `Rejection`, and `TickwireError`, for ``async for``."""
        reader: QueueReader[PublisherEvent] = QueueReader("events()")
        self._session.event_readers.add(reader)
        if self.state == "closed":
            reader.end(self.failure)
        return reader

    async def publish(self, symbol: str, price: Price, time: Time = None) -> None:
        """Takes a tick, to be sent with others within `batch_delay_ms`; waits for room if the
        buffer is full.

        :param time: ms since the Unix epoch; or a datetime with a time zone; None: the time of
            arrival at the server
        :raises TypeError, ValueError: for a tick that the server would refuse
        :raises TickwireError: after the publisher ended
        """
        alias, value, ms = self._intake.read(symbol, price, time)
        self._check_open()
        intake = self._intake
        if intake.has_room:
            intake.take(alias, value, ms)
            if intake.is_batch_full:
                # A loop over ready ticks must let batches leave.
                await asyncio.sleep(0)
        else:
            await intake.take_batch([alias, value, ms])

    def publish_nowait(self, symbol: str, price: Price, time: Time = None) -> None:
        """Takes a tick at once, for code that cannot await.

        :raises BufferFullError: if there is no room; the tick is not taken
        """
        alias, value, ms = self._intake.read(symbol, price, time)
        self._check_open()
        if not self._intake.has_room:
            full = f"{self._buffer_ticks_max} ticks are unacknowledged, the buffer is full"
            raise BufferFullError(f"{full}: await publish() waits for room")
        self._intake.take(alias, value, ms)

    async def publish_batch(self, ticks: Iterable[TickLike]) -> None:
        """Takes ticks, waiting for room as needed; returns once all are taken (`flush` waits for
        acknowledgement). Ticks keep the order of calls.

        :param ticks: tuples of symbol, price and, optionally, time
        :raises TypeError, ValueError: for a tick that the server would refuse: none is taken then
        :raises TickwireError: if the publisher ends before all are taken
        """
        values = self._intake.read_batch(ticks)
        self._check_open()
        await self._intake.take_batch(values)
        if self._intake.is_batch_full:
            await asyncio.sleep(0)

    async def ready(self) -> None:
        """Returns while a session is open, or when the next one opens.

        :raises TickwireError: if the publisher ends before
        """
        self._check_open()
        await self._waiters.wait(lambda: self.state == "live")

    async def flush(self) -> None:
        """Sends what is buffered without waiting for more. Returns when the server has
        acknowledged everything published before this call.

        :raises TickwireError: if the publisher ends before
        """
        target = self._intake.flush()
        if self._stream.acknowledged >= target:
            return
        if self.state == "closed":
            raise self._ending()
        await self._waiters.wait(lambda: self._stream.acknowledged >= target)

    async def close(self, timeout_ms: float = 10_000) -> None:
        """Stops taking ticks, waits until all are acknowledged, and closes.

        :param timeout_ms: longest wait, ms
        :raises TickwireError: that says how many ticks stay unacknowledged, or why it failed
        """
        check_number("timeout_ms", timeout_ms, 0, TIMER_MS_MAX, "ms")
        self._is_closing = True
        try:
            if self.state != "closed" or self.failure is not None:
                await asyncio.wait_for(self.flush(), timeout_ms / 1000)
        except asyncio.TimeoutError:
            unacknowledged = self.totals.unacknowledged
            failure = TickwireError(f"no ACK for {unacknowledged} ticks in {timeout_ms} ms")
            self._session.fail(failure)
            raise failure from None
        finally:
            await self._session.close()

    def authenticate(self, token: str) -> None:
        """Replaces the token: in an open session without a reconnect, and for later ones where the
        option `token` is not a function. A refusal comes as the event ``error``.

        Not needed where `token` is a function: it is asked again in time.

        :raises TypeError: unless it is a string
        """
        self._session.authenticate(token)

    def reconnect(self) -> None:
        """Ends the wait for the next attempt; while a session is open, checks that it works."""
        self._session.reconnect()

    def _progress(self) -> None:
        if self.state == "closed":
            reason = self._ending()
            self._intake.end(reason)
            self._waiters.wake()
            self._waiters.fail(reason)
        else:
            self._intake.take_waiting()
            self._waiters.wake()

    def _check_open(self) -> None:
        if self._is_closing or self.state == "closed":
            raise self._ending()

    def _ending(self) -> TickwireError:
        return self._session.failure or ClosedError("the publisher is closed")
