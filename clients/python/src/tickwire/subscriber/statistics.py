"""The statistics of one symbol: what the mirror holds, and what readers get of it."""

from dataclasses import dataclass
from math import isnan, nan

from ..protocol.stats_entry import SymbolValues


@dataclass(frozen=True, slots=True)
class SymbolStatistics:
    """The statistics of a symbol at one moment; it does not change. Statistics that were not asked
    for are NaN (`update_count`: 0).
    """

    symbol: str
    #: The server's number for the symbol, valid within the epoch.
    symbol_id: int
    #: Price of the newest tick by timestamp.
    current_price: float
    #: Mean of the last ticks applied, 64 unless the server is configured otherwise.
    moving_average: float
    #: Ticks applied since the epoch began.
    update_count: int
    #: Greatest timestamp of a tick, ms since the Unix epoch.
    last_update_time: float
    #: Lowest and highest price of all ticks applied.
    min_price: float
    max_price: float
    #: `current_price` and the others before the newest entry; NaN and 0 if that was the first.
    previous_price: float
    previous_update_count: int
    previous_update_time: float
    #: Fields of the newest entry, as bits of `Field`; with 64 it replaced everything.
    changed: int
    #: Whether the values were the server's newest, give or take the option `lag_ms`. False while
    #: data lags, and from the loss of the connection until the first entry on the next one.
    is_live: bool


class Life:
    """Counts connections: data of an earlier one is not live, and none while data lags."""

    __slots__ = ("generation", "is_lagging")

    def __init__(self) -> None:
        self.generation = 0
        self.is_lagging = False


class MirroredSymbol:
    """A symbol of the mirror: changed in place by each entry."""

    __slots__ = (
        "_generation",
        "_life",
        "_snapshot",
        "changed",
        "first_time",
        "previous_count",
        "previous_price",
        "previous_time",
        "symbol",
        "symbol_id",
        "values",
    )

    def __init__(self, symbol_id: int, symbol: str, life: Life) -> None:
        self.symbol_id = symbol_id
        self.symbol = symbol
        self.values = SymbolValues()
        #: `last_update_time` of the first entry; NaN if it had none.
        self.first_time = nan
        self.changed = 0
        self.previous_price = nan
        self.previous_count = nan
        self.previous_time = nan
        self._life = life
        self._generation = -1
        self._snapshot: SymbolStatistics | None = None

    @property
    def is_current(self) -> bool:
        """Whether this session has sent it."""
        return self._generation == self._life.generation

    def note_entry(self, mask: int) -> None:
        """An entry is about to be applied."""
        self._generation = self._life.generation
        self._snapshot = None
        values = self.values
        self.changed = mask
        self.previous_price = values.price
        self.previous_count = values.count
        self.previous_time = values.time

    def retire(self) -> None:
        """No longer updated."""
        self._generation = -1

    def snapshot(self) -> SymbolStatistics:
        """The same object until something changes."""
        snapshot = self._snapshot
        is_live = self.is_current and not self._life.is_lagging
        if snapshot is None or snapshot.is_live != is_live:
            values = self.values
            snapshot = self._snapshot = SymbolStatistics(
                self.symbol,
                self.symbol_id,
                values.price,
                values.average,
                0 if isnan(values.count) else int(values.count),
                values.time,
                values.min,
                values.max,
                self.previous_price,
                0 if isnan(self.previous_count) else int(self.previous_count),
                self.previous_time,
                self.changed,
                is_live,
            )
        return snapshot
