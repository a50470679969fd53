"""Delivers the anomalies of each symbol in order, without gaps or duplicates."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol

from ..errors import TickwireError
from .anomaly import Anomaly, AnomalyGap, HistoryPage

# Anomalies requested at a time to fill a gap.
_PAGE_ANOMALIES: Final = 1000


class AnomalyFeedOwner(Protocol):
    """What a feed needs from its subscriber."""

    async def history(self, symbol: str, after_sequence: int, limit: int) -> HistoryPage:
        """Asks the server; raises if it cannot answer or the connection is lost."""
        ...

    def is_live(self) -> bool:
        """Whether a session is open. If not, a failed catch-up is repeated in the next one."""
        ...

    def deliver(self, anomaly: Anomaly) -> None: ...

    def missed(self, gap: AnomalyGap) -> None: ...


@dataclass(slots=True)
class _Progress:
    # The last sequence delivered, or known to precede the subscription.
    last: int
    # The epoch in which `last` was seen.
    epoch: str
    # Anomalies up to this time precede the subscription or were delivered; ms since the epoch.
    not_before: float = -inf
    # Time of the newest anomaly delivered; ms since the epoch.
    last_time: float = -inf
    # Whether the symbol was retired since: without a store its numbers begin again.
    is_retired: bool = False
    # Anomalies that arrive while a gap is being filled; None if none is.
    waiting: list[Anomaly] | None = None


class AnomalyFeed:
    """Works across reconnects and jumps of the sequence. Missing anomalies are fetched; those that
    the server no longer has are reported as a gap.
    """

    def __init__(self, owner: AnomalyFeedOwner) -> None:
        self._owner = owner
        self._progress: dict[str, _Progress] = {}
        self._epoch = ""
        # The event loop keeps no reference to tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    def seed(self, since: Mapping[str, int]) -> None:
        """Sets where an earlier run of the program stopped: symbol → last sequence seen."""
        for symbol, last in since.items():
            self._progress[symbol] = _Progress(last, self._epoch)

    def resume(self, epoch: str) -> dict[str, int]:
        """A session starts. Returns symbol → last sequence seen, to be sent to the server."""
        self._epoch = epoch
        for progress in self._progress.values():
            progress.waiting = None
        return {symbol: progress.last for symbol, progress in self._progress.items()}

    def follow(self, symbol: str, time: float) -> None:
        """Follows a symbol without anomalies so far, so that those raised while disconnected are
        not missed. Ignores anomalies at or before `time`, ms since the epoch.
        """
        if symbol not in self._progress:
            self._progress[symbol] = _Progress(0, self._epoch, not_before=time)

    def retired(self, symbol: str) -> None:
        """A symbol is gone; the anomalies that follow are of its next life."""
        progress = self._progress.get(symbol)
        if progress is not None:
            progress.is_retired = True

    def receive(self, anomaly: Anomaly) -> None:
        """Takes the next anomaly of the stream."""
        sequence = anomaly.sequence
        progress = self._progress.get(anomaly.symbol)
        if progress is None:
            progress = _Progress(sequence - 1, self._epoch)
            self._progress[anomaly.symbol] = progress
        if progress.is_retired:
            progress.is_retired = False
            if sequence <= progress.last:
                progress.last = sequence - 1
        if progress.epoch != self._epoch:
            progress.epoch = self._epoch
            if sequence <= progress.last:
                _number_anew(progress, sequence)
        if progress.waiting is not None:
            progress.waiting.append(anomaly)
        elif sequence <= progress.last + 1:
            self._take(progress, anomaly)
        else:
            task = asyncio.get_running_loop().create_task(self._catch_up(progress, anomaly))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            progress.waiting = [anomaly]

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _take(self, progress: _Progress, anomaly: Anomaly) -> None:
        sequence = anomaly.sequence
        if sequence <= progress.last:
            return
        is_of_interest = anomaly.timestamp > progress.not_before
        if is_of_interest and sequence > progress.last + 1:
            self._owner.missed(AnomalyGap(anomaly.symbol, progress.last + 1, sequence - 1))
        progress.last = sequence
        if is_of_interest:
            progress.last_time = anomaly.timestamp
            self._owner.deliver(anomaly)

    async def _catch_up(self, progress: _Progress, first: Anomaly) -> None:
        waiting = progress.waiting
        if waiting is None or waiting[0] is not first:
            return
        # Anomalies that arrive meanwhile are appended, and may jump again.
        for anomaly in waiting:
            if not await self._fill(progress, anomaly, waiting):
                return
            self._take(progress, anomaly)
        progress.waiting = None

    async def _fill(self, progress: _Progress, following: Anomaly, waiting: list[Anomaly]) -> bool:
        """Fetches what is missing before `following`; False if the session is gone."""
        try:
            more = True
            while more and progress.last + 1 < following.sequence:
                page = await self._owner.history(following.symbol, progress.last, _PAGE_ANOMALIES)
                # The next session resumes after `last` by itself.
                if progress.waiting is not waiting:
                    return False
                for anomaly in page.anomalies:
                    self._take(progress, anomaly)
                more = page.more and len(page.anomalies) > 0
        except TickwireError:
            # The server no longer has them, or the connection is lost.
            return progress.waiting is waiting and self._owner.is_live()
        return True


def _number_anew(progress: _Progress, sequence: int) -> None:
    """The server does not resend anything up to `last`, so a lower sequence in a new epoch means
    that numbering restarted: from 1 without a store, from a little before `last` after a crash.
    Only times tell which of the numbers in between are new.
    """
    if progress.last_time > -inf:
        progress.last = max(0, sequence - 1 - _PAGE_ANOMALIES)
    else:
        progress.last = sequence - 1
    progress.not_before = progress.last_time
