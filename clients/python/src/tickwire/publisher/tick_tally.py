"""Sums up counts that the server restarts on each connection."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublisherTotals:
    """Totals over all connections. Each tick in `sent` is in exactly one of `accepted`,
    `rejected`, `dropped`, `resumed` and `unacknowledged`.
    """

    #: Taken from the caller; each counts once, however often it was sent.
    sent: int
    #: Accepted into the server's queues.
    accepted: int
    #: Rejected by the server; ``reject`` events tell why.
    rejected: int
    #: Dropped on arrival under the server's overflow policy.
    dropped: int
    #: Acknowledged by a reconnect, which brings no counts of the other kinds.
    resumed: int
    #: Not acknowledged yet: all that is buffered.
    unacknowledged: int
    #: Unacknowledged ticks not yet sent: no connection, no credit, or an open batch.
    buffered: int
    #: Sessions beyond the first.
    reconnects: int


class TickTally:
    def __init__(self) -> None:
        # Accepted, rejected, dropped: of earlier connections, and of the present one.
        self._earlier = (0, 0, 0)
        self._current = (0, 0, 0)
        self._resumed = 0
        self._sessions = 0

    def note(self, accepted: int, rejected: int, dropped: int) -> None:
        """Takes the counts of an ACK."""
        self._current = (accepted, rejected, dropped)

    def restart(self, resumed_ticks: int) -> None:
        """A session opened; its counts start at 0."""
        self._earlier = self._sum
        self._current = (0, 0, 0)
        self._resumed += resumed_ticks
        self._sessions += 1

    def totals(self, sent: int, unacknowledged: int, buffered: int) -> PublisherTotals:
        reconnects = max(0, self._sessions - 1)
        return PublisherTotals(
            sent, *self._sum, self._resumed, unacknowledged, buffered, reconnects
        )

    @property
    def _sum(self) -> tuple[int, int, int]:
        (a, b, c), (d, e, f) = self._earlier, self._current
        return a + d, b + e, c + f
