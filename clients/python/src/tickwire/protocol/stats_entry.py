"""Entries of STATS frames: ``symbolId, mask``, then a value for each bit set, lowest first.

====== ======= ========= ======= ====== ====== ====== ======
bit    1       2         4       8      16     32     64
field  price   average   count   time   min    max    full
====== ======= ========= ======= ====== ====== ====== ======

In a delta entry, count and time are increases, the rest are new values.
"""

from collections.abc import Sequence
from math import nan
from typing import Any, Final

FULL: Final = 64
"""The mask bit of an entry that replaces everything known of its symbol."""

ALL_FIELDS: Final = 63


class Field:
    """The fields of an entry, as bits: ``Field.PRICE | Field.COUNT``."""

    PRICE: Final = 1
    AVERAGE: Final = 2
    COUNT: Final = 4
    TIME: Final = 8
    MIN: Final = 16
    MAX: Final = 32


class SymbolValues:
    """What entries are applied to: doubles, NaN where a field was not sent."""

    __slots__ = ("average", "count", "max", "min", "price", "time")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.price = nan
        self.average = nan
        self.count = nan
        self.time = nan
        self.min = nan
        self.max = nan

    def take(self, entries: Sequence[Any], at: int, mask: int) -> int:
        """Applies the values of an entry that stand at `at`. Returns where the next one begins.

        :raises IndexError: if the entry is cut off
        """
        if mask & FULL:
            if mask != ALL_FIELDS | FULL:
                self.forget()
            base_count = base_time = 0.0
        else:
            base_count, base_time = self.count, self.time
        if mask & 1:
            self.price = float(entries[at])
            at += 1
        if mask & 2:
            self.average = float(entries[at])
            at += 1
        if mask & 4:
            self.count = base_count + float(entries[at])
            at += 1
        if mask & 8:
            self.time = base_time + float(entries[at])
            at += 1
        if mask & 16:
            self.min = float(entries[at])
            at += 1
        if mask & 32:
            self.max = float(entries[at])
            at += 1
        return at
