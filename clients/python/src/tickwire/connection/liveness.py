"""Detects a connection that has been silent for too long."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

# Silence is counted in half heartbeats: five make the 2.5 heartbeats of the protocol.
_SILENT_CHECKS_MAX: Final = 5
# Start of the count: the half heartbeat in which something arrived is not silent.
_HEARD: Final = -1
# Time to answer a probe: one heartbeat.
_PROBE_CHECKS: Final = 2


class Liveness:
    """Counts silent checks, and reads the clock only to find out whether a check came late.

    A program that computed for a minute without awaiting, or a laptop that slept, must not pass
    for a silent server: after a late check the server is probed, and has one heartbeat to answer.
    """

    def __init__(
        self, heartbeat_ms: float, ask: Callable[[], None], give_up: Callable[[], None]
    ) -> None:
        """`ask` sends something that the server answers. `give_up` is called once."""
        self._half_heartbeat = heartbeat_ms / 2000
        self._ask = ask
        self._give_up = give_up
        self._silent_checks = 0
        self._is_asking = False
        self._is_paused = False
        self._is_stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._schedule()

    def note(self) -> None:
        """Something arrived."""
        self._silent_checks = _HEARD
        self._is_asking = False

    def pause(self) -> None:
        """Reading stopped, so silence means nothing."""
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False
        self.note()

    def probe(self) -> None:
        """Checks within one heartbeat whether the connection still works."""
        if self._is_asking or self._is_stopped:
            return
        self._is_asking = True
        self._silent_checks = _SILENT_CHECKS_MAX - _PROBE_CHECKS
        self._ask()
        self._schedule()

    def stop(self) -> None:
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Not the loop's clock, which stands still while a laptop sleeps.
        self._due_at = time.time() + self._half_heartbeat
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._half_heartbeat, self._check)

    def _check(self) -> None:
        if self._is_stopped:
            return
        is_late = time.time() - self._due_at > 2 * self._half_heartbeat
        if is_late and not self._is_asking and not self._is_paused:
            self.probe()
            return
        if not self._is_paused:
            self._silent_checks += 1
        if self._silent_checks >= _SILENT_CHECKS_MAX:
            self.stop()
            self._give_up()
        else:
            self._schedule()
