"""Round trips measured with PING and PONG."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from ..errors import TickwireError

# Two clocks drift apart by less than this, ms per ms.
_DRIFT: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Latency:
    """Round trip and clock of the server, and how late its data is."""

    #: Newest round trip, ms.
    round_trip_ms: float
    #: Offset of the server's clock from ``time.time() * 1000``, ms: taken from the best round trip.
    clock_offset_ms: float
    #: The offset is off by at most this, ms.
    clock_error_ms: float
    #: How old the newest data may be, ms; see `Subscriber.lag_ms`.
    lag_ms: float


class RoundTrips:
    """Also the server's clock, by the best of them. Measures by ``time.perf_counter``, which nobody
    sets.
    """

    def __init__(self) -> None:
        #: The newest, ms; None before the first PONG.
        self.newest_ms: float | None = None
        # The server's clock is ahead by this, ms; measured `_at`, and off by up to `_error_ms`.
        self._ahead_ms = 0.0
        self._at = 0.0
        self._error_ms = inf
        self._awaited: dict[float, asyncio.Future[float]] = {}

    @property
    def server_time(self) -> float:
        """The server's clock now, ms."""
        return _now_ms() + self._ahead_ms

    @property
    def error_ms(self) -> float:
        """How far `server_time` may be off, ms; infinite before the first PONG."""
        return self._error_ms + (_now_ms() - self._at) * _DRIFT

    @property
    def waiting_ms(self) -> float:
        """How long the oldest unanswered PING has waited, ms; 0 if there is none."""
        for sent_at in self._awaited:
            return _now_ms() - sent_at
        return 0.0

    def measure(self, send: Callable[[float], None]) -> "asyncio.Future[float]":
        """Sends a PING with a unique time; resolves with the round trip, ms."""
        sent_at = _now_ms()
        while sent_at in self._awaited:
            sent_at += 0.001
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited[sent_at] = future
        send(sent_at)
        return future

    def note(self, sent_at: float, server_time: float) -> None:
        """Takes a PONG: the PING's time, and the server's clock, ms."""
        at = _now_ms()
        round_trip_ms = at - sent_at
        # The ways there and back may take any part of it.
        error_ms = round_trip_ms / 2
        ahead_ms = server_time + error_ms - at
        # Both cannot be right if one of the clocks was set meanwhile.
        is_set = abs(ahead_ms - self._ahead_ms) > error_ms + self.error_ms + 1
        if is_set or error_ms <= self.error_ms:
            self._ahead_ms, self._at, self._error_ms = ahead_ms, at, error_ms
        self.newest_ms = round_trip_ms
        future = self._awaited.pop(sent_at, None)
        if future is not None and not future.done():
            future.set_result(round_trip_ms)

    def forget(self, error: TickwireError) -> None:
        """The connection is lost; the next may lead to another server."""
        self.newest_ms = None
        self._error_ms = inf
        awaited, self._awaited = self._awaited, {}
        for future in awaited.values():
            if not future.done():
                future.set_exception(error)
                future.exception()


def _now_ms() -> float:
    return time.perf_counter() * 1000
