"""The state of each subscribed symbol, updated entry by entry."""

from collections.abc import Callable, Iterable, Sequence
from math import isnan
from typing import Any

from ..protocol.digest import digest_bytes
from ..protocol.stats_entry import FULL
from .statistics import Life, MirroredSymbol


class Mirror:
    """Symbols survive a lost connection, though not as live, and end with the epoch."""

    def __init__(self) -> None:
        self._life = Life()
        self._symbols: dict[int, MirroredSymbol] = {}
        self._names: dict[int, str] = {}
        self._ids: dict[str, int] = {}

    def get(self, symbol: str) -> MirroredSymbol | None:
        symbol_id = self._ids.get(symbol)
        return None if symbol_id is None else self._symbols.get(symbol_id)

    def symbols(self) -> Iterable[MirroredSymbol]:
        """Symbols with data, live or not, in no particular order."""
        return self._symbols.values()

    def __len__(self) -> int:
        return len(self._symbols)

    def name_of(self, symbol_id: int) -> str | None:
        """The name of an id, once a SYMBOLS frame has declared it."""
        return self._names.get(symbol_id)

    def learn_names(self, ids_and_names: Sequence[Any]) -> list[int]:
        """Takes the content of a SYMBOLS frame: alternating ids and symbols.

        Returns ids that are gone: their symbols were retired unnoticed, and have other ids now.
        """
        gone: list[int] = []
        for symbol_id, symbol in zip(ids_and_names[::2], ids_and_names[1::2], strict=False):
            if not isinstance(symbol, str):
                raise TypeError(f"the name of symbol id {symbol_id} is not a string")
            before = self._ids.get(symbol)
            if before is not None and before != symbol_id:
                gone.append(before)
            self._names[int(symbol_id)] = symbol
            self._ids[symbol] = int(symbol_id)
        return gone

    def retire(self, symbol_ids: Sequence[int]) -> list[str]:
        """Forgets ids and what they stood for. Returns the symbols."""
        symbols: list[str] = []
        for symbol_id in symbol_ids:
            symbol = self._names.pop(symbol_id, None)
            if symbol is None:
                continue
            symbols.append(symbol)
            if self._ids.get(symbol) == symbol_id:
                del self._ids[symbol]
            self._forget(symbol_id)
        return symbols

    def apply(self, entries: Sequence[Any]) -> list[MirroredSymbol]:
        """Applies the entries of a STATS frame. Returns what changed, in the order of the entries.

        :raises ValueError: if a delta precedes the session's full entry, or an id has no name
        :raises IndexError: if an entry is cut off
        """
        changes: list[MirroredSymbol] = []
        symbols = self._symbols
        at, end = 0, len(entries)
        while at < end:
            symbol_id = entries[at]
            mask = int(entries[at + 1])
            held = symbols.get(symbol_id)
            if not mask & FULL and (held is None or not held.is_current):
                raise ValueError(f"delta of symbol {symbol_id} before its full entry")
            if held is None:
                held = self._add(int(symbol_id))
            held.note_entry(mask)
            at = held.values.take(entries, at + 2, mask)
            if isnan(held.first_time):
                held.first_time = held.values.time
            changes.append(held)
        return changes

    def disconnect(self) -> None:
        """The connection is lost: nothing is live until the next one brings it."""
        self._life.generation += 1

    def set_lagging(self, is_lagging: bool) -> None:
        """While data comes late, nothing is live."""
        self._life.is_lagging = is_lagging

    def reset(self) -> None:
        """A new epoch: drops every id and all state."""
        self.disconnect()
        self._life = Life()
        self._symbols = {}
        self._names = {}
        self._ids = {}

    def retain(self, is_kept: Callable[[str], bool]) -> None:
        """Drops the state of every symbol that `is_kept` refuses.

        Names stay: the server sends each only once.
        """
        for held in list(self._symbols.values()):
            if not is_kept(held.symbol):
                self._forget(held.symbol_id)

    def digest_bytes(self) -> tuple[bytes, int]:
        """The bytes of the session's symbols that VERIFY hashes, and the number of symbols."""
        current = sorted(held.symbol_id for held in self._symbols.values() if held.is_current)
        values = ((symbol_id, self._symbols[symbol_id].values) for symbol_id in current)
        return digest_bytes(values), len(current)

    def _add(self, symbol_id: int) -> MirroredSymbol:
        symbol = self._names.get(symbol_id)
        if symbol is None:
            raise ValueError(f"symbol id {symbol_id} has no name")
        held = self._symbols[symbol_id] = MirroredSymbol(symbol_id, symbol, self._life)
        return held

    def _forget(self, symbol_id: int) -> None:
        held = self._symbols.pop(symbol_id, None)
        if held is not None:
            held.retire()
