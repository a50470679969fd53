"""The core of a subscriber: turns frames into the mirror, the feeds, answers and events."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakSet

from ..connection.connection import Connection
from ..connection.options import ConnectOptions
from ..connection.reconnector import Reconnector
from ..connection.state import Closure, ConnectionState, StateChange
from ..connection.welcome import Welcome
from ..errors import ClosedError, ConnectionLostError, ServerError, TickwireError
from ..events import Emitter, Waiters
from ..iterators import PullIterator, QueueReader
from ..protocol.codec import ClientFrame, Frame
from ..protocol.ops import Op
from ..protocol.stats_entry import FULL
from .alert import Alert, AlertGap, read_alert
from .anomaly import Anomaly, AnomalyGap, read_anomaly
from .events import Reset, Retired, SubscriberEvent
from .lag import Lag, LagMonitor
from .mirror import Mirror
from .numbered_feed import FeedOwner, Item, NumberedFeed, Page
from .past_pages import PastPages
from .requests import RequestPacer, Requests
from .round_trips import RoundTrips
from .subscription_sync import SubscriptionSync
from .updates import Update, UpdateReader

logger = logging.getLogger("tickwire")

T = TypeVar("T")

_PING_INTERVAL_S = 10.0
# Silence is looked for so often in the time that data may be late, but at least so often, s.
_CHECKS = 4
_CHECK_S_MAX = 0.25
EVENTS = (
    *("update", "anomaly", "gap", "state", "lag", "reset", "retired", "error"),
    *("alert", "alert_gap"),
)


class LiveStream:
    """Works over one connection after another."""

    def __init__(
        self, urls: list[str], options: ConnectOptions, conflate_ms: float | None, lag_ms: float
    ) -> None:
        self.emitter = Emitter(*EVENTS)
        self.update_readers: WeakSet[UpdateReader] = WeakSet()
        self.anomaly_readers: WeakSet[QueueReader[Anomaly]] = WeakSet()
        self.alert_readers: WeakSet[QueueReader[Alert]] = WeakSet()
        self.event_readers: WeakSet[QueueReader[SubscriberEvent]] = WeakSet()
        self.mirror = Mirror()
        self.round_trips = RoundTrips()
        self.lag = LagMonitor(lag_ms, self.round_trips, self._lag_changed)
        self.anomaly_feed = NumberedFeed(
            FeedOwner(
                self.history,
                self.is_live,
                lambda anomaly: anomaly.timestamp,
                self._deliver_anomaly,
                lambda *missing: self._emit("gap", AnomalyGap(*missing)),
            )
        )
        self.alert_feed = NumberedFeed(
            FeedOwner(
                self.alert_history,
                self.is_live,
                lambda alert: alert.time,
                self._deliver_alert,
                lambda *missing: self._emit("alert_gap", AlertGap(*missing)),
            )
        )
        # Whether any subscription ever asked for alerts.
        self.wants_alerts = False
        self.state: ConnectionState = "connecting"
        self.failure: TickwireError | None = None
        self.session: Welcome | None = None
        # Frames and bytes of past connections, and counts over all connections.
        self.frames = self.bytes = self.stats_frames = self.entries = self.full_entries = 0
        self.updates = self.anomalies = self.alerts = self.reconnects = 0
        self.connection: Connection | None = None
        self._requests = Requests()
        self._pacer = RequestPacer()
        self._waiters = Waiters()
        self._check_s = max(0.01, min(lag_ms / 1000 / _CHECKS, _CHECK_S_MAX))
        self._check_timer: asyncio.TimerHandle | None = None
        self._since_ping_s = 0.0
        # Names of rules by their ids, as this session was told.
        self._rules: dict[int, str] = {}
        self.subscriptions = SubscriptionSync(conflate_ms, self._requests, self)
        self._reconnector = Reconnector(urls, options, self)
        self.past = PastPages(urls, options, self._reconnector.find_token)

    async def wait(self, is_done: Callable[[], bool]) -> None:
        """Returns when the condition holds; raises if the stream ends before."""
        if is_done():
            return
        if self.state == "closed":
            raise self.closed_error()
        await self._waiters.wait(is_done)

    async def until_live(self) -> None:
        # The session may be lost again before this continues: then keep waiting.
        while not self.is_live():
            await self.wait(self.is_live)

    async def request(self, frame: Callable[[int], ClientFrame], read: Callable[[Frame], T]) -> T:
        """Sends a request in the open session or the next one, and again after a rate limit
        refusal. `read` converts the answer.
        """
        await self.until_live()
        return await self._pacer.run(
            lambda: self._requests.open(lambda request_id: self.send(frame(request_id)), read)
        )

    async def history(self, symbol: str, after_sequence: int, limit: int) -> Page[Anomaly]:
        return await self._page(Op.HISTORY, read_anomaly, symbol, after_sequence, limit)

    async def alert_history(self, symbol: str, after_sequence: int, limit: int) -> Page[Alert]:
        return await self._page(Op.ALERT_HISTORY, self._read_alert, symbol, after_sequence, limit)

    async def ping(self) -> float:
        """Measures the round trip in the open session or the next one, ms."""
        await self.until_live()
        return await self.round_trips.measure(self._send_ping)

    def wake(self) -> None:
        """A condition may have changed because a subscription was removed."""
        self._waiters.wake()

    def fault(self, reason: str) -> None:
        """The server broke the protocol: reconnects."""
        self._reconnector.fault(reason)

    def authenticate(self, token: str) -> None:
        self._reconnector.authenticate(token)

    def reconnect(self) -> None:
        self._reconnector.reconnect()

    async def close(self) -> None:
        await self._reconnector.close()

    def closed_error(self) -> TickwireError:
        """The error of calls after the stream ended."""
        return self.failure or ClosedError("the subscriber is closed")

    # What the feeds and the subscriptions need.

    def is_live(self) -> bool:
        return self.state == "live"

    def send(self, frame: ClientFrame) -> None:
        if self.connection is not None:
            self.connection.send(frame)

    def answered(self, covers: Callable[[str], bool]) -> None:
        self.mirror.retain(covers)
        self._waiters.wake()

    def error(self, error: TickwireError) -> None:
        if not self.emitter.has_listeners("error") and not self.event_readers:
            logger.warning("%s", error)
        self._emit("error", error)

    # The listener of the reconnector.

    def opened(self, info: Welcome, connection: Connection) -> None:
        is_new_epoch = self.session is not None and self.session.epoch != info.epoch
        self.connection = connection
        self.session = info
        # Follow symbols without anomalies so far, before a reset forgets them: theirs may have
        # been missed too.
        for held in self.mirror.symbols():
            if held.first_time == held.first_time:
                self.anomaly_feed.follow(held.symbol, held.first_time)
                if self.wants_alerts:
                    self.alert_feed.follow(held.symbol, held.first_time)
        if is_new_epoch:
            self.mirror.reset()
            for reader in self.update_readers:
                reader.forget()
            self._emit("reset", Reset(info.epoch))
        self.lag.reset()
        # First: the way is still empty.
        self._measure_latency()
        self.subscriptions.restart(
            self.anomaly_feed.resume(info.epoch),
            self.alert_feed.resume(info.epoch),
            info.limits.frame_bytes_max,
        )
        self._check_later()
        self._enter("live")

    def frame(self, frame: Frame) -> None:
        op = frame[0]
        if op == Op.STATS:
            self.lag.take(float(frame[1]), float(frame[3]) if len(frame) > 3 else 0.0)
            self._take_stats(frame[2], float(frame[1]))
        elif op == Op.ANOMALY:
            self._take_numbered(frame, self.anomaly_feed, read_anomaly)
        elif op == Op.ALERT:
            self._take_numbered(frame, self.alert_feed, self._read_alert)
        elif op == Op.RULES:
            # Ids, names and kinds in turn.
            self._rules.update(zip(frame[1][::3], frame[1][1::3], strict=False))
        elif op == Op.SYMBOLS:
            self._retire(self.mirror.learn_names(frame[1]))
        elif op == Op.RETIRED:
            self._retire(frame[1])
        elif op == Op.PONG:
            self.round_trips.note(frame[1], float(frame[2]))
            self.lag.take(float(frame[2]))
        elif op == Op.ERROR:
            error = ServerError.from_frame(frame)
            if not self._requests.refuse(error):
                self.error(error)
        else:
            # An answer, or an op of a later version, which is ignored.
            self._requests.answer(frame)

    def lost(self, closure: Closure, retry_in_ms: float) -> None:
        if self.connection is not None:
            self.reconnects += 1
        self._leave_session(ConnectionLostError(closure.code, closure.reason))
        state: ConnectionState = "connecting" if self.session is None else "reconnecting"
        self._enter(state, closure, retry_in_ms)

    def ended(self, failure: TickwireError | None, closure: Closure | None) -> None:
        self.failure = failure
        self._leave_session(self.closed_error())
        self.anomaly_feed.close()
        self.alert_feed.close()
        self._enter("closed", closure)
        self._waiters.fail(self.closed_error())
        readers: list[PullIterator[Any]] = [*self.update_readers, *self.anomaly_readers]
        for reader in (*readers, *self.alert_readers, *self.event_readers):
            reader.end(failure)

    def _leave_session(self, error: TickwireError) -> None:
        if self._check_timer is not None:
            self._check_timer.cancel()
        if self.connection is not None:
            self.frames += self.connection.frames_received
            self.bytes += self.connection.bytes_received
        self.connection = None
        self._rules.clear()
        self.subscriptions.suspend()
        self.mirror.disconnect()
        self.mirror.set_lagging(False)
        self.lag.reset()
        self.round_trips.forget(error)
        self._requests.fail(error)
        self._pacer.fail(error)

    def _enter(
        self,
        state: ConnectionState,
        closure: Closure | None = None,
        retry_in_ms: float | None = None,
    ) -> None:
        previous, self.state = self.state, state
        self._emit("state", StateChange(state, previous, closure, retry_in_ms))
        self._waiters.wake()

    def _emit(self, name: str, event: SubscriberEvent) -> None:
        for reader in self.event_readers:
            reader.add(event)
        self.emitter.emit(name, event)

    def _send_ping(self, client_time: float) -> None:
        self.send([Op.PING, client_time])

    def _measure_latency(self) -> None:
        # A missing latency is visible to readers; the failure itself needs no report.
        self.round_trips.measure(self._send_ping)
        self._since_ping_s = 0.0

    def _check_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._check_timer = loop.call_later(self._check_s, self._check)

    def _check(self) -> None:
        frames = self.connection.frames_received if self.connection else 0
        self._since_ping_s += self._check_s
        if self.lag.check(frames) or self._since_ping_s >= _PING_INTERVAL_S:
            self._measure_latency()
        self._check_later()

    def _lag_changed(self, lag: Lag) -> None:
        self.mirror.set_lagging(lag.is_lagging)
        self._emit("lag", lag)

    def _retire(self, symbol_ids: Sequence[int]) -> None:
        symbols = self.mirror.retire(symbol_ids)
        if not symbols:
            return
        for symbol in symbols:
            self.anomaly_feed.retired(symbol)
            self.alert_feed.retired(symbol)
        for reader in self.update_readers:
            reader.forget(symbols)
        self._emit("retired", Retired(tuple(symbols)))

    def _take_stats(self, entries: Sequence[Any], server_time: float) -> None:
        changes = self.mirror.apply(entries)
        self.stats_frames += 1
        self.entries += len(changes)
        for change in changes:
            if change.changed & FULL:
                self.full_entries += 1
            updates = change.values.count - change.previous_count
            # Not of a first entry (NaN), nor of another life of the symbol.
            if updates > 0:
                self.updates += int(updates)
        for reader in self.update_readers:
            reader.add(changes, server_time)
        if self.emitter.has_listeners("update"):
            snapshots = tuple(change.snapshot() for change in changes)
            self.emitter.emit("update", Update(snapshots, server_time))

    async def _page(
        self,
        op: int,
        read: Callable[[str, Sequence[Any]], Item],
        symbol: str,
        after_sequence: int,
        limit: int,
    ) -> Page[Item]:
        return await self.request(
            lambda request_id: [op, request_id, symbol, after_sequence, limit],
            lambda answer: (
                tuple(read(symbol, values) for values in answer[3]),
                answer[4] is True,
            ),
        )

    def _read_alert(self, symbol: str, values: Sequence[Any]) -> Alert:
        return read_alert(self._rules, symbol, values)

    def _take_numbered(
        self,
        frame: Frame,
        feed: NumberedFeed[Item],
        read: Callable[[str, Sequence[Any]], Item],
    ) -> None:
        self.lag.take(float(frame[1]))
        for symbol_id, *values in frame[2]:
            symbol = self.mirror.name_of(symbol_id)
            if symbol is None:
                raise ValueError(f"symbol id {symbol_id} has no name")
            feed.receive(read(symbol, values))

    def _deliver_anomaly(self, anomaly: Anomaly) -> None:
        self.anomalies += 1
        for reader in self.anomaly_readers:
            reader.add(anomaly)
        self.emitter.emit("anomaly", anomaly)

    def _deliver_alert(self, alert: Alert) -> None:
        self.alerts += 1
        for reader in self.alert_readers:
            reader.add(alert)
        self.emitter.emit("alert", alert)
