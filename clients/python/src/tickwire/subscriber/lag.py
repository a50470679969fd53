"""How late data is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from .round_trips import RoundTrips

# The lag must fall to this part of the limit before it counts as over.
_OVER: Final = 3 / 4
# Least time between two PINGs that ask after a silence, s: a quiet market has many.
_ASK_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Lag:
    """Whether data comes too late, from the event ``lag``."""

    #: Whether data may be older than the option `lag_ms` allows.
    is_lagging: bool
    #: How old the newest data may be, ms.
    lag_ms: float


class LagMonitor:
    """How old the newest data may be: the time since the server wrote the newest frame, by its
    clock and with the error of that, and how long changes have waited at the server before it.

    A silence says nothing by itself: the market may be quiet. If one lasts for half of the limit,
    it asks with a PING, and no answer means that data is late.
    """

    def __init__(
        self, limit_ms: float, round_trips: RoundTrips, changed: Callable[[Lag], None]
    ) -> None:
        """`changed` is called when `is_lagging` changes, but not at `reset`."""
        #: 0 before the first frame, and until the clock is known.
        self.lag_ms = 0.0
        self.is_lagging = False
        self._limit_ms = limit_ms
        self._round_trips = round_trips
        self._changed = changed
        self._behind_ms = 0.0
        self._frames = 0
        self._heard_at = 0.0
        self._asked_at = -inf

    def take(self, server_time: float, behind_ms: float | None = None) -> None:
        """A frame came, written at `server_time` (ms, by the server's clock).

        :param behind_ms: how long changes have waited at the server; None: as long as before
        """
        if behind_ms is not None:
            self._behind_ms = behind_ms
        late_ms = max(0.0, self._round_trips.server_time - server_time)
        self._set(late_ms + self._round_trips.error_ms + self._behind_ms)

    def check(self, frames: int) -> bool:
        """Looks for a silence. Call several times in the time that is allowed.

        :param frames: received so far on this connection
        :returns: whether to ask with a PING
        """
        now = time.perf_counter()
        if frames != self._frames:
            self._frames = frames
            self._heard_at = now
        silent_ms = (now - self._heard_at) * 1000
        trips = self._round_trips
        if trips.waiting_ms > self._limit_ms / 2 + 2 * trips.error_ms:
            if silent_ms > self._limit_ms:
                self._set(silent_ms)
            return False
        is_due = silent_ms > self._limit_ms / 2 and now - self._asked_at > _ASK_EVERY_S
        if is_due:
            self._asked_at = now
        return is_due

    def reset(self) -> None:
        """Another connection, or none."""
        self.lag_ms = self._behind_ms = 0.0
        self.is_lagging = False
        self._frames = 0
        self._heard_at = time.perf_counter()

    def _set(self, lag_ms: float) -> None:
        # Infinite before the clock is known.
        if lag_ms == inf:
            return
        self.lag_ms = lag_ms
        is_lagging = lag_ms > self._limit_ms * (_OVER if self.is_lagging else 1)
        if is_lagging == self.is_lagging:
            return
        self.is_lagging = is_lagging
        self._changed(Lag(is_lagging, lag_ms))
