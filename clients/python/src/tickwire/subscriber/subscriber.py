"""A reader of statistics and anomalies."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar, overload

from ..connection.options import ConnectOptions, Token, endpoint_url
from ..connection.state import ConnectionState, StateChange
from ..connection.welcome import Welcome
from ..errors import TickwireError
from ..iterators import PullIterator, QueueReader
from ..protocol.codec import Encoding
from ..protocol.digest import fnv1a
from ..protocol.ops import STREAM_PATH, Op
from ..protocol.stats_entry import ALL_FIELDS
from ..value_checks import check_number, fault
from .anomaly import Anomaly, AnomalyGap, HistoryPage
from .events import Reset, Retired, SubscriberCounters, SubscriberEvent, Verification
from .live_stream import LiveStream
from .round_trips import Latency
from .statistics import SymbolStatistics
from .subscription import Refusal, Subscription, SubscriptionOptions
from .updates import Update, UpdateReader

if TYPE_CHECKING:
    import pandas

_T = TypeVar("_T")

# Above this many bytes, a digest is computed beside the event loop: some ms.
_LARGE_DIGEST_BYTES = 52 * 2000
_CONFLATE_MS_MAX = 2**31 - 1


def connect(
    url: str,
    *,
    token: Token | None = None,
    conflate_ms: float | None = None,
    encoding: Encoding = "binary",
    connect_timeout_ms: float = 10_000,
    give_up_after_ms: float = float("inf"),
    ssl: SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
) -> "Subscriber":
    """Connects to a server such as ``ws://127.0.0.1:9001`` as a subscriber and stays connected. It
    keeps trying, also while there is no server yet. No need to wait: subscribe and listen at once.

    :param conflate_ms: least time between two updates, ms; None: the server's choice; 0: as soon
        as possible
    :raises TypeError, ValueError: for a bad URL or option
    :raises RuntimeError: outside a running event loop
    """
    options = ConnectOptions(token, encoding, connect_timeout_ms, give_up_after_ms, ssl, headers)
    if conflate_ms is not None:
        check_number("conflate_ms", conflate_ms, 0, _CONFLATE_MS_MAX, "ms")
    return Subscriber(endpoint_url(url, STREAM_PATH), options, conflate_ms)


class Subscriber:
    """Its subscriptions, its mirror and the order of its anomalies survive lost connections.

    Use it with ``async with``, or call `close`. Made by `connect`.
    """

    def __init__(self, url: str, options: ConnectOptions, conflate_ms: float | None) -> None:
        self._stream = LiveStream(url, options, conflate_ms)

    async def __aenter__(self) -> "Subscriber":
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def state(self) -> ConnectionState:
        """State of the connection; see the event ``state``."""
        return self._stream.state

    @property
    def failure(self) -> TickwireError | None:
        """What ended the subscriber; None while it lives and after `close`."""
        return self._stream.failure

    @property
    def session(self) -> Welcome | None:
        """WELCOME of the newest session; None before the first."""
        return self._stream.session

    @property
    def latency(self) -> Latency | None:
        """Round trip and clock offset; None until measured."""
        return self._stream.round_trips.latency

    @property
    def counters(self) -> SubscriberCounters:
        """What was received so far."""
        stream = self._stream
        connection = stream.connection
        return SubscriberCounters(
            frames=stream.frames + (connection.frames_received if connection else 0),
            bytes=stream.bytes + (connection.bytes_received if connection else 0),
            stats_frames=stream.stats_frames,
            entries=stream.entries,
            full_entries=stream.full_entries,
            updates=stream.updates,
            anomalies=stream.anomalies,
            reconnects=stream.reconnects,
        )

    async def ready(self) -> None:
        """Returns while a session is open, or when the next one opens.

        :raises TickwireError: if the subscriber ends before
        """
        await self._stream.until_live()

    def subscribe(
        self,
        patterns: str | Iterable[str],
        *,
        stats: bool = True,
        anomalies: bool = True,
        fields: int = ALL_FIELDS,
        since: Mapping[str, int] | None = None,
    ) -> Subscription:
        """Subscribes to one or more patterns: each a symbol, or a string with ``*`` for any run of
        characters. ``await`` the result for the server's answer. Calls made together go out as one
        request, and are repeated on each new connection.

        :param fields: which statistics: ``Field.PRICE | Field.COUNT``; the others are NaN
        :param since: symbol → sequence of its last anomaly seen: later ones are delivered first
        :raises TypeError, ValueError: for a bad option
        :raises TickwireError: if the subscriber ended
        """
        if self.state == "closed":
            raise self._stream.closed_error()
        options = SubscriptionOptions(stats, anomalies, fields, dict(since or {}))
        names = [patterns] if isinstance(patterns, str) else list(patterns)
        for name in names:
            _check_pattern(name)
        self._stream.feed.seed(options.since)
        subscription = Subscription(names, options, _Owner(self._stream))
        self._stream.subscriptions.add(subscription)
        return subscription

    def __getitem__(self, symbol: str) -> SymbolStatistics:
        """The newest statistics of a symbol.

        :raises KeyError: before its first entry
        """
        statistics = self.get(symbol)
        if statistics is None:
            raise KeyError(symbol)
        return statistics

    def get(self, symbol: str) -> SymbolStatistics | None:
        """The newest statistics of a symbol; None before its first entry."""
        held = self._stream.mirror.get(symbol)
        return None if held is None else held.snapshot()

    def __contains__(self, symbol: object) -> bool:
        return isinstance(symbol, str) and self._stream.mirror.get(symbol) is not None

    def __iter__(self) -> Iterator[str]:
        """The names of the symbols with data, in no particular order."""
        return iter([held.symbol for held in self._stream.mirror.symbols()])

    def symbols(self) -> list[SymbolStatistics]:
        """The newest statistics of all symbols with data, live or not, sorted by name."""
        snapshots = [held.snapshot() for held in self._stream.mirror.symbols()]
        return sorted(snapshots, key=lambda each: each.symbol)

    def to_frame(self) -> "pandas.DataFrame":
        """The newest statistics of all symbols as a table, one row a symbol.

        :raises ImportError: without pandas
        """
        from .data_frame import statistics_frame

        return statistics_frame(self.symbols())

    @overload
    def on(
        self, name: Literal["update"], listener: Callable[[Update], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["anomaly"], listener: Callable[[Anomaly], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["gap"], listener: Callable[[AnomalyGap], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["state"], listener: Callable[[StateChange], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["reset"], listener: Callable[[Reset], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["retired"], listener: Callable[[Retired], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["error"], listener: Callable[[TickwireError], object]
    ) -> Callable[[], None]: ...
    def on(self, name: str, listener: Callable[..., object]) -> Callable[[], None]:
        """Adds a listener for an event, a plain function. Returns a function that removes it."""
        return self._stream.emitter.on(name, listener)

    def updates(self) -> AsyncIterator[Update]:
        """The updates, for ``async for``. A loop that lags gets several updates as one, and never
        an outdated value. Ends when the subscriber is closed.

        :raises TickwireError: (in the loop) if the subscriber ends because of a failure
        """
        reader = UpdateReader()
        self._stream.update_readers.add(reader)
        return self._started(reader)

    def anomalies(self) -> AsyncIterator[Anomaly]:
        """The anomalies, for ``async for``: those of a symbol in order, without duplicates. Ends
        when the subscriber is closed.

        :raises TickwireError: (in the loop) if the loop lags 65 536 anomalies behind, or the
            subscriber ends because of a failure
        """
        reader: QueueReader[Anomaly] = QueueReader("anomalies()")
        self._stream.anomaly_readers.add(reader)
        return self._started(reader)

    def events(self) -> AsyncIterator[SubscriberEvent]:
        """Everything but updates and anomalies, for ``async for``: `StateChange`, `AnomalyGap`,
        `Reset`, `Retired`, and `TickwireError` for what the event ``error`` carries.
        """
        reader: QueueReader[SubscriberEvent] = QueueReader("events()")
        self._stream.event_readers.add(reader)
        return self._started(reader)

    async def verify(self) -> Verification:
        """Compares the mirror with the server's state of this session, at the same point of the
        stream. If they differ, the client reconnects and receives everything again.

        :raises ServerError: if a subscription leaves out fields
        :raises TickwireError: if the connection is lost before the answer
        """
        stream = self._stream
        server_digest, symbol_count, data, own_symbol_count, connection = await stream.request(
            lambda request_id: [Op.VERIFY, request_id],
            lambda answer: (
                int(answer[2]),
                int(answer[3]),
                *stream.mirror.digest_bytes(),
                stream.connection,
            ),
        )
        is_large = len(data) > _LARGE_DIGEST_BYTES
        own_digest = await asyncio.to_thread(fnv1a, data) if is_large else fnv1a(data)
        equal = server_digest == own_digest and symbol_count == own_symbol_count
        if not equal and stream.connection is connection:
            stream.fault("the mirror was not in sync with the server")
        return Verification(equal, server_digest, own_digest, symbol_count, own_symbol_count)

    async def history(self, symbol: str, after: int = 0, limit: int = 100) -> HistoryPage:
        """Anomalies of a symbol after a sequence, oldest first, at most `limit`; the server may
        send fewer.

        :raises ServerError: ``not_available`` if the server no longer has them
        :raises TickwireError: if the connection is lost before the answer
        """
        if not isinstance(symbol, str):
            raise TypeError(fault("symbol", "a string", symbol))
        check_number("after", after, 0, 2**53 - 1, is_integer=True)
        check_number("limit", limit, 1, 2**53 - 1, is_integer=True)
        return await self._stream.history(symbol, int(after), int(limit))

    async def ping(self) -> float:
        """Measures the round trip to the server, ms.

        :raises TickwireError: if the connection is lost before the answer
        """
        return await self._stream.ping()

    def set_conflate_ms(self, conflate_ms: float) -> None:
        """Changes the least time between two updates, ms; 0: as soon as possible."""
        check_number("conflate_ms", conflate_ms, 0, _CONFLATE_MS_MAX, "ms")
        self._stream.subscriptions.set_conflate_ms(conflate_ms)

    def authenticate(self, token: str) -> None:
        """Replaces the token of the open session. A refusal comes as the event ``error``.

        Not needed where `token` is a function: it is asked again in time.
        """
        if not isinstance(token, str):
            raise TypeError("token: expected a string")
        self._stream.send([Op.AUTH, token])

    def reconnect(self) -> None:
        """Ends the wait for the next attempt; while a session is open, checks that it works."""
        self._stream.reconnect()

    def pause(self) -> None:
        """Stops reading from the socket; the server then holds changes back."""
        if self._stream.connection is not None:
            self._stream.connection.pause()

    def resume(self) -> None:
        """Resumes reading after `pause`."""
        if self._stream.connection is not None:
            self._stream.connection.resume()

    async def close(self) -> None:
        """Closes for good. Open requests fail; loops over iterators end."""
        await self._stream.close()

    def _started(self, reader: "PullIterator[_T]") -> "PullIterator[_T]":
        if self.state == "closed":
            reader.end(self.failure)
        return reader


class _Owner:
    """What a subscription needs from its subscriber."""

    def __init__(self, stream: LiveStream) -> None:
        self._stream = stream

    async def answered(self, subscription: Subscription) -> None:
        stream = self._stream
        await stream.wait(lambda: stream.subscriptions.is_answered(subscription))

    def refusals(self, subscription: Subscription) -> tuple[Refusal, ...]:
        return self._stream.subscriptions.refusals(subscription)

    def remove(self, subscription: Subscription) -> None:
        self._stream.subscriptions.remove(subscription)
        self._stream.wake()


def _check_pattern(pattern: object) -> None:
    if not isinstance(pattern, str):
        raise TypeError(fault("patterns", "a string, or strings", pattern))
    try:
        pattern.encode()
    except UnicodeEncodeError:
        raise ValueError(fault("patterns", "no lone surrogates", pattern)) from None
