"""Round trips measured with PING and PONG."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import TickwireError

_SAMPLES_MAX = 8


@dataclass(frozen=True, slots=True)
class Latency:
    """Round trip and clock offset of the server."""

    #: Newest round trip, ms.
    round_trip_ms: float
    #: Offset of the server's clock from ``time.time() * 1000``, ms: taken from the fastest of the
    #: last round trips, and off by at most half of that.
    clock_offset_ms: float


class RoundTrips:
    def __init__(self) -> None:
        self._samples: deque[Latency] = deque(maxlen=_SAMPLES_MAX)
        self._awaited: dict[float, asyncio.Future[float]] = {}

    @property
    def latency(self) -> Latency | None:
        """None before the first PONG."""
        if not self._samples:
            return None
        fastest = min(self._samples, key=lambda sample: sample.round_trip_ms)
        return Latency(self._samples[-1].round_trip_ms, fastest.clock_offset_ms)

    def measure(self, send: Callable[[float], None]) -> "asyncio.Future[float]":
        """Sends a PING with a unique time; resolves with the round trip, ms."""
        sent_at = time.perf_counter() * 1000
        while sent_at in self._awaited:
            sent_at += 0.001
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited[sent_at] = future
        send(sent_at)
        return future

    def note(self, sent_at: float, server_time: float) -> None:
        """Takes a PONG: the PING's time, and the server's clock, ms."""
        # Read first: a pause between the two clocks then counts as round trip, which bounds the
        # error.
        now_ms = time.time() * 1000
        round_trip_ms = time.perf_counter() * 1000 - sent_at
        self._samples.append(Latency(round_trip_ms, server_time + round_trip_ms / 2 - now_ms))
        future = self._awaited.pop(sent_at, None)
        if future is not None and not future.done():
            future.set_result(round_trip_ms)

    def forget(self, error: TickwireError) -> None:
        """The connection is lost; the next may lead to another server."""
        self._samples.clear()
        awaited, self._awaited = self._awaited, {}
        for future in awaited.values():
            if not future.done():
                future.set_exception(error)
                future.exception()
