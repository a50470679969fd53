"""Updates, and a loop over them."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..iterators import PullIterator
from .statistics import MirroredSymbol, SymbolStatistics


@dataclass(frozen=True, slots=True)
class Update:
    """Symbols that changed, each with its newest statistics."""

    changes: tuple[SymbolStatistics, ...]
    #: When the server wrote the newest of them, by its clock, ms since the Unix epoch.
    server_time: float


class UpdateReader(PullIterator[Update]):
    """Changes since the reader last looked: one update, whatever the number of frames."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: dict[MirroredSymbol, None] = {}
        self._server_time = 0.0

    def add(self, changes: Iterable[MirroredSymbol], server_time: float) -> None:
        self._changes.update(dict.fromkeys(changes))
        self._server_time = server_time
        self.wake()

    def forget(self, symbols: Iterable[str] | None = None) -> None:
        """Drops changes of symbols that are gone; None: of all."""
        if symbols is None:
            self._changes.clear()
            return
        gone = set(symbols)
        for change in [each for each in self._changes if each.symbol in gone]:
            del self._changes[change]

    def take(self) -> Update | None:
        if not self._changes:
            return None
        changes = tuple(change.snapshot() for change in self._changes)
        self._changes.clear()
        return Update(changes, self._server_time)
