"""Ticks taken and not yet acknowledged."""

from collections.abc import Sequence

# Alias, price, time.
FlatTicks = list[int | float | None]


class TickBuffer:
    """A flat list of three values a tick, as on the wire::

        position    0 … start-1     start … end-1    end …
                    acknowledged    kept             to come

    Positions count ticks from the first one taken. The caller enforces a bound.
    """

    def __init__(self) -> None:
        self._values: FlatTicks = []
        # Where the oldest tick kept stands in the list.
        self._at = 0
        #: Position of the oldest tick kept, and of the next to come.
        self.start = 0
        self.end = 0

    def __len__(self) -> int:
        return self.end - self.start

    def push(self, alias: int, price: float, time: float | None) -> None:
        self._values += (alias, price, time)
        self.end += 1

    def extend(self, values: Sequence[int | float | None]) -> None:
        self._values += values
        self.end += len(values) // 3

    def slice(self, position: int, ticks: int) -> FlatTicks:
        """The values of some ticks, as TICKS carries them."""
        at = self._at + 3 * (position - self.start)
        return self._values[at : at + 3 * ticks]

    def drop(self, ticks: int) -> None:
        """Drops the oldest ticks."""
        self.start += ticks
        self._at += 3 * ticks
        # Amortized O(1) a tick; cutting at each ACK would cost O(n).
        if self._at == len(self._values) or self._at > len(self._values) // 2 > 4096:
            del self._values[: self._at]
            self._at = 0
