"""A reader of statistics, anomalies and alerts."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar, overload

from ..connection.options import TIMER_MS_MAX, ConnectOptions
from ..connection.state import ConnectionState, StateChange
from ..connection.welcome import Welcome
from ..errors import TickwireError
from ..iterators import PullIterator, QueueReader
from ..protocol.stats_entry import ALL_FIELDS
from ..value_checks import check_number, fault
from .alert import Alert, AlertGap, AlertLevel, AlertPage, AlertPhase
from .anomaly import Anomaly, AnomalyGap, HistoryPage
from .events import Reset, Retired, SubscriberCounters, SubscriberEvent
from .lag import Lag
from .live_stream import LiveStream
from .past_alerts import LIMIT, PastTime, past_alerts
from .past_pages import PastItems
from .round_trips import Latency
from .statistics import SymbolStatistics
from .subscription import Subscription, SubscriptionOptions
from .subscription_owner import StreamOwner
from .updates import Update, UpdateReader
from .verification import Verification, verify

if TYPE_CHECKING:
    import pandas

_T = TypeVar("_T")


class Subscriber:
    """Its subscriptions, its mirror and the order of its anomalies survive lost connections.

    Use it with ``async with``, or call `close`. Made by `connect`.
    """

    def __init__(
        self, urls: list[str], options: ConnectOptions, conflate_ms: float | None, lag_ms: float
    ) -> None:
        self._stream = LiveStream(urls, options, conflate_ms, lag_ms)

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
        """Round trip, the server's clock, and the lag of data; None until measured."""
        trips = self._stream.round_trips
        if trips.newest_ms is None:
            return None
        offset_ms = trips.server_time - time.time() * 1000
        return Latency(trips.newest_ms, offset_ms, trips.error_ms, self.lag_ms)

    @property
    def lag_ms(self) -> float:
        """How old the newest data may be, ms: on its way, at the server, and by the error of the
        clock; 0 until measured.
        """
        return self._stream.lag.lag_ms

    @property
    def is_lagging(self) -> bool:
        """Whether data may be older than the option `lag_ms` allows; see the event ``lag``."""
        return self._stream.lag.is_lagging

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
            alerts=stream.alerts,
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
        alerts: bool = False,
        alerts_since: Mapping[str, int] | None = None,
    ) -> Subscription:
        """Subscribes to one or more patterns: each a symbol, or a string with ``*`` for any run of
        characters. ``await`` the result for the server's answer. Calls made together go out as one
        request, and are repeated on each new connection.

        :param fields: which statistics: ``Field.PRICE | Field.COUNT``; the others are NaN
        :param since: symbol → sequence of its last anomaly seen: later ones are delivered first
        :param alerts: whether to send alerts of the server's rules
        :param alerts_since: as `since`, of alerts
        :raises TypeError, ValueError: for a bad option
        :raises TickwireError: if the subscriber ended
        """
        if self.state == "closed":
            raise self._stream.closed_error()
        points = dict(since or {}), dict(alerts_since or {})
        options = SubscriptionOptions(stats, anomalies, fields, points[0], alerts, points[1])
        names = _pattern_list(patterns)
        self._stream.anomaly_feed.seed(options.since)
        self._stream.alert_feed.seed(options.alerts_since)
        self._stream.wants_alerts |= alerts
        subscription = Subscription(names, options, StreamOwner(self._stream))
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
    def on(self, name: Literal["lag"], listener: Callable[[Lag], object]) -> Callable[[], None]: ...
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
        self, name: Literal["alert"], listener: Callable[[Alert], object]
    ) -> Callable[[], None]: ...
    @overload
    def on(
        self, name: Literal["alert_gap"], listener: Callable[[AlertGap], object]
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

    def live_alerts(self) -> AsyncIterator[Alert]:
        """The alerts of rules, of subscriptions with `alerts`, for ``async for``: as `anomalies`.

        :raises TickwireError: (in the loop) as `anomalies`
        """
        reader: QueueReader[Alert] = QueueReader("live_alerts()")
        self._stream.alert_readers.add(reader)
        return self._started(reader)

    def alerts(
        self,
        patterns: str | Iterable[str] = "*",
        *,
        from_: PastTime | None = None,
        to: PastTime | None = None,
        rule: str | Iterable[str] = (),
        level: AlertLevel | Iterable[AlertLevel] = (),
        phase: AlertPhase | Iterable[AlertPhase] = (),
        limit: int = LIMIT,
    ) -> PastItems[Alert]:
        """Past alerts of symbols and patterns, oldest first, for ``async for`` or ``await
        ….to_list()``: of a range of time, as far as the server's store has them, or the newest
        page. Read over HTTP; this works without a session. Live ones come by `live_alerts`.

        :param from_: the first time; without `from_` and `to` the newest alerts come, one page
        :param to: the time to end before
        :param rule: names of rules, one or several; none: all. So with `level` and `phase`
        :param limit: alerts of a page, 1 to 1000
        :raises TypeError, ValueError: for a bad argument
        :raises TickwireError: (in the loop) if the server cannot be reached or refuses
        """
        times = {"from": from_, "to": to}
        choices = {"rule": rule, "level": level, "phase": phase}
        return past_alerts(self._stream.past, _pattern_list(patterns), times, choices, limit)

    def events(self) -> AsyncIterator[SubscriberEvent]:
        """Everything but updates, anomalies and alerts, for ``async for``: `StateChange`, `Lag`,
        `AnomalyGap`, `AlertGap`, `Reset`, `Retired`, and `TickwireError` for what the event
        ``error`` carries.
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
        return await verify(self._stream)

    async def history(self, symbol: str, after: int = 0, limit: int = 100) -> HistoryPage:
        """Anomalies of a symbol after a sequence, oldest first, at most `limit`; the server may
        send fewer.

        :raises ServerError: ``not_available`` if the server no longer has them
        :raises TickwireError: if the connection is lost before the answer
        """
        _check_page(symbol, after, limit)
        return HistoryPage(*await self._stream.history(symbol, int(after), int(limit)))

    async def alert_history(self, symbol: str, after: int = 0, limit: int = 100) -> AlertPage:
        """Alerts of a symbol after a sequence: as `history`.

        :raises ServerError: ``not_available`` if the server no longer has them
        :raises TickwireError: if the connection is lost before the answer
        """
        _check_page(symbol, after, limit)
        return AlertPage(*await self._stream.alert_history(symbol, int(after), int(limit)))

    async def ping(self) -> float:
        """Measures the round trip to the server, ms.

        :raises TickwireError: if the connection is lost before the answer
        """
        return await self._stream.ping()

    def set_conflate_ms(self, conflate_ms: float) -> None:
        """Changes the least time between two updates, ms; 0: as soon as possible."""
        check_number("conflate_ms", conflate_ms, 0, TIMER_MS_MAX, "ms")
        self._stream.subscriptions.set_conflate_ms(conflate_ms)

    def authenticate(self, token: str) -> None:
        """Replaces the token: in an open session without a reconnect, and for later ones where the
        option `token` is not a function. A refusal comes as the event ``error``.

        Not needed where `token` is a function: it is asked again in time.

        :raises TypeError: unless it is a string
        """
        self._stream.authenticate(token)

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


def _check_page(symbol: str, after: int, limit: int) -> None:
    if not isinstance(symbol, str):
        raise TypeError(fault("symbol", "a string", symbol))
    check_number("after", after, 0, 2**53 - 1, is_integer=True)
    check_number("limit", limit, 1, 2**53 - 1, is_integer=True)


def _pattern_list(patterns: str | Iterable[str]) -> list[str]:
    names = [patterns] if isinstance(patterns, str) else list(patterns)
    for name in names:
        _check_pattern(name)
    return names


def _check_pattern(pattern: object) -> None:
    if not isinstance(pattern, str):
        raise TypeError(fault("patterns", "a string, or strings", pattern))
    try:
        pattern.encode()
    except UnicodeEncodeError:
        raise ValueError(fault("patterns", "no lone surrogates", pattern)) from None
