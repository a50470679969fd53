"""A publisher's side of the protocol over all its connections."""

import logging
from collections import deque
from collections.abc import Callable
from weakref import WeakSet

from ..connection.connection import Connection
from ..connection.options import ConnectOptions
from ..connection.reconnector import Reconnector
from ..connection.state import Closure, ConnectionState, StateChange
from ..connection.welcome import Welcome
from ..errors import ServerError, TickwireError
from ..events import Emitter
from ..iterators import QueueReader
from ..protocol.codec import Frame
from ..protocol.codes import ErrorCode, error_name
from ..protocol.ops import Op
from .alias_table import AliasTable
from .events import PublisherEvent, Rejection
from .frame_sender import FrameSender
from .tick_stream import TickStream
from .tick_tally import PublisherTotals, TickTally

logger = logging.getLogger("tickwire")

# Wait after a refusal if the server does not say, ms.
_RETRY_MS = 50.0
# Rejections kept for `Publisher.rejects`.
_REJECTS_MAX = 1000
EVENTS = ("reject", "ack", "state", "error")


class PublishSession:
    """Sends a stream and handles the answers."""

    def __init__(
        self,
        urls: list[str],
        name: str,
        options: ConnectOptions,
        stream: TickStream,
        aliases: AliasTable,
        sender: FrameSender,
        progress: Callable[[], None],
    ) -> None:
        """`progress` is called when ticks were acknowledged, and at the end."""
        self.name = name
        self.emitter = Emitter(*EVENTS)
        self.event_readers: WeakSet[QueueReader[PublisherEvent]] = WeakSet()
        self.rejects: deque[Rejection] = deque(maxlen=_REJECTS_MAX)
        self.state: ConnectionState = "connecting"
        self.failure: TickwireError | None = None
        #: WELCOME of the newest session.
        self.welcome: Welcome | None = None
        self._connection: Connection | None = None
        self._stream = stream
        self._aliases = aliases
        self._sender = sender
        self._progress = progress
        self._tally = TickTally()
        self._reconnector = Reconnector(urls, options, self)

    @property
    def totals(self) -> PublisherTotals:
        stream = self._stream
        unacknowledged = stream.taken - stream.acknowledged
        return self._tally.totals(stream.taken, unacknowledged, unacknowledged - stream.in_flight)

    def authenticate(self, token: str) -> None:
        self._reconnector.authenticate(token)

    def reconnect(self) -> None:
        self._reconnector.reconnect()

    def fail(self, failure: TickwireError) -> None:
        """Ends the session because of a failure."""
        self._reconnector.fail(failure)

    async def close(self) -> None:
        """Ends the session and drops unacknowledged ticks."""
        await self._reconnector.close()

    # The listener of the reconnector.

    def opened(self, info: Welcome, connection: Connection) -> None:
        resumed = self._stream.resume(info.sequence, self._sender.frame_ticks_max(info.limits))
        if resumed is None:
            sequence = f"its sequence is {info.sequence}"
            self.fail(TickwireError(f"another publisher uses the name {self.name}: {sequence}"))
            return
        self.welcome = info
        self._connection = connection
        self._tally.restart(resumed.ticks)
        self._sender.opened(connection, info)
        self._change("live")
        self._progress()
        self.emitter.emit("ack", resumed)

    def frame(self, frame: Frame) -> None:
        op = frame[0]
        if op == Op.ACK:
            self._ack(*map(int, frame[1:6]))
        elif op == Op.REJECT:
            self._reject(int(frame[1]), frame[2], frame[3] if len(frame) > 3 else None)
        elif op == Op.ERROR:
            self._error(ServerError.from_frame(frame))

    def lost(self, closure: Closure, retry_in_ms: float) -> None:
        self._connection = None
        self._sender.lost()
        state: ConnectionState = "connecting" if self.state == "connecting" else "reconnecting"
        self._change(state, closure, retry_in_ms)

    def ended(self, failure: TickwireError | None, closure: Closure | None) -> None:
        self._connection = None
        self._sender.lost()
        self.failure = failure
        self._change("closed", closure)
        self._progress()
        if failure is not None:
            self._report(failure)
        for reader in self.event_readers:
            reader.end(failure)

    def _ack(self, sequence: int, accepted: int, rejected: int, dropped: int, credit: int) -> None:
        self._tally.note(accepted, rejected, dropped)
        acknowledged = self._stream.acknowledge(sequence)
        self._sender.acknowledged(credit)
        self._progress()
        self.emitter.emit("ack", acknowledged)

    def _reject(self, sequence: int, faults: list[int], detail: object) -> None:
        for index, code in zip(faults[::2], faults[1::2], strict=False):
            position = self._stream.position_of(sequence, int(index))
            if position is None:
                continue
            alias, price, time = self._stream.buffer.slice(position, 1)
            rejection = Rejection(
                symbol=self._aliases.symbol_of(int(alias or 0)),
                price=float(price or 0),
                time=time,
                index=position,
                code=int(code),
                reason=error_name(int(code)),
                detail=str(detail) if code == ErrorCode.symbol_limit and detail else None,
            )
            self.rejects.append(rejection)
            for reader in self.event_readers:
                reader.add(rejection)
            self.emitter.emit("reject", rejection)

    def _error(self, error: ServerError) -> None:
        retry_after_ms = _RETRY_MS if error.retry_after_ms is None else error.retry_after_ms
        if error.code == ErrorCode.backpressure:
            self._sender.hold(retry_after_ms)
        elif error.code == ErrorCode.rate_limited:
            self._sender.slow_down(retry_after_ms)
        elif error.code != ErrorCode.sequence_gap:
            # After a gap the server closes with 4005; resuming on a new connection repairs it.
            self._report(error)

    def _report(self, error: TickwireError) -> None:
        if not self.emitter.has_listeners("error") and not self.event_readers:
            logger.warning("%s", error)
        for reader in self.event_readers:
            reader.add(error)
        self.emitter.emit("error", error)

    def _change(
        self,
        state: ConnectionState,
        closure: Closure | None = None,
        retry_in_ms: float | None = None,
    ) -> None:
        previous, self.state = self.state, state
        change = StateChange(state, previous, closure, retry_in_ms)
        for reader in self.event_readers:
            reader.add(change)
        self.emitter.emit("state", change)
