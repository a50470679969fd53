"""Delivers what is numbered by symbol in order, without gaps or duplicates."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final, Generic, Protocol, TypeVar

from ..errors import TickwireError

# Items requested at a time to fill a gap.
_PAGE_ITEMS: Final = 1000


class Numbered(Protocol):
    """An anomaly or an alert."""

    @property
    def symbol(self) -> str: ...

    @property
    def sequence(self) -> int: ...


Item = TypeVar("Item", bound=Numbered)

Page = tuple[tuple[Item, ...], bool]
"""A part of what the server keeps, oldest first, and whether there are later ones."""


@dataclass(frozen=True, slots=True)
class FeedOwner(Generic[Item]):
    """What a feed needs from its subscriber."""

    #: Asks the server for so many items of a symbol after a sequence; raises if it cannot answer or
    #: the connection is lost.
    page: Callable[[str, int, int], Awaitable[Page[Item]]]
    #: Whether a session is open. If not, a failed catch-up is repeated in the next one.
    is_live: Callable[[], bool]
    #: When an item was raised, ms since the epoch.
    time_of: Callable[[Item], float]
    deliver: Callable[[Item], None]
    #: The server no longer has those of a symbol from the first sequence to the second.
    missed: Callable[[str, int, int], None]


@dataclass(slots=True)
class _Progress(Generic[Item]):
    # The last sequence delivered, or known to precede the subscription.
    last: int
    # The epoch in which `last` was seen.
    epoch: str
    # Items up to this time precede the subscription or were delivered; ms since the epoch.
    not_before: float = -inf
    # The greatest time of an item delivered; ms since the epoch.
    last_time: float = -inf
    # Whether the symbol was retired since: without a store its numbers begin again.
    is_retired: bool = False
    # Items that arrive while a gap is being filled; None if none is.
    waiting: list[Item] | None = None


class NumberedFeed(Generic[Item]):
    """Works across reconnects and jumps of the sequence. Missing items are fetched; those that the
    server no longer has are reported as a gap.
    """

    def __init__(self, owner: FeedOwner[Item]) -> None:
        self._owner = owner
        self._progress: dict[str, _Progress[Item]] = {}
        self._epoch = ""
        # The event loop keeps no reference to tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    def seed(self, since: Mapping[str, int]) -> None:
        """Sets where an earlier run of the program stopped: symbol → last sequence seen."""
        for symbol, last in since.items():
            # The epoch it was seen in is unknown, unless the symbol is followed: the server may
            # have numbered anew.
            epoch = self._epoch if symbol in self._progress else ""
            self._progress[symbol] = _Progress(last, epoch)

    def resume(self, epoch: str) -> dict[str, int]:
        """A session starts. Returns symbol → last sequence seen, to be sent to the server."""
        self._epoch = epoch
        for progress in self._progress.values():
            progress.waiting = None
        return {symbol: progress.last for symbol, progress in self._progress.items()}

    def follow(self, symbol: str, time: float) -> None:
        """Follows a symbol without items so far, so that those raised while disconnected are not
        missed. Ignores those at or before `time`, ms since the epoch.
        """
        if symbol not in self._progress:
            self._progress[symbol] = _Progress(0, self._epoch, not_before=time)

    def retired(self, symbol: str) -> None:
        """A symbol is gone; the items that follow are of its next life."""
        progress = self._progress.get(symbol)
        if progress is not None:
            progress.is_retired = True

    def receive(self, item: Item) -> None:
        """Takes the next item of the stream."""
        sequence = item.sequence
        progress = self._progress.get(item.symbol)
        if progress is None:
            progress = _Progress(sequence - 1, self._epoch)
            self._progress[item.symbol] = progress
        if progress.is_retired:
            progress.is_retired = False
            if sequence <= progress.last:
                progress.last = sequence - 1
        if progress.epoch != self._epoch:
            progress.epoch = self._epoch
            if sequence <= progress.last:
                _number_anew(progress, sequence)
        if progress.waiting is not None:
            progress.waiting.append(item)
        elif sequence <= progress.last + 1:
            self._take(progress, item)
        else:
            task = asyncio.get_running_loop().create_task(self._catch_up(progress, item))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            progress.waiting = [item]

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _take(self, progress: _Progress[Item], item: Item) -> None:
        sequence = item.sequence
        if sequence <= progress.last:
            return
        time = self._owner.time_of(item)
        is_of_interest = time > progress.not_before
        if is_of_interest and sequence > progress.last + 1:
            self._owner.missed(item.symbol, progress.last + 1, sequence - 1)
        progress.last = sequence
        if is_of_interest:
            # Several rules may judge one tick, and an end may be dated back.
            progress.last_time = max(progress.last_time, time)
            self._owner.deliver(item)

    async def _catch_up(self, progress: _Progress[Item], first: Item) -> None:
        waiting = progress.waiting
        if waiting is None or waiting[0] is not first:
            return
        # Items that arrive meanwhile are appended, and may jump again.
        for item in waiting:
            if not await self._fill(progress, item, waiting):
                return
            self._take(progress, item)
        progress.waiting = None

    async def _fill(self, progress: _Progress[Item], following: Item, waiting: list[Item]) -> bool:
        """Fetches what is missing before `following`; False if the session is gone."""
        try:
            more = True
            while more and progress.last + 1 < following.sequence:
                items, more = await self._owner.page(following.symbol, progress.last, _PAGE_ITEMS)
                # The next session resumes after `last` by itself.
                if progress.waiting is not waiting:
                    return False
                for item in items:
                    self._take(progress, item)
                more = more and len(items) > 0
        except TickwireError:
            # The server no longer has them, or the connection is lost.
            return progress.waiting is waiting and self._owner.is_live()
        return True


def _number_anew(progress: _Progress[Item], sequence: int) -> None:
    """The server does not resend anything up to `last`, so a lower sequence in a new epoch means
    that numbering restarted: from 1 without a store, from a little before `last` after a crash.
    Only times tell which of the numbers in between are new.
    """
    if progress.last_time > -inf:
        progress.last = max(0, sequence - 1 - _PAGE_ITEMS)
    else:
        progress.last = sequence - 1
    progress.not_before = progress.last_time
