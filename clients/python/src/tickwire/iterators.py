"""Loops that may lag behind what they read."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TypeVar

from .errors import ReaderTooSlowError, TickwireError

T = TypeVar("T")


class PullIterator(AsyncIterator[T]):
    """What it holds at the end is still delivered. Clients hold it weakly: to leave a loop
    is enough, nothing must be closed.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._is_ended = False
        self._failure: TickwireError | None = None

    def take(self) -> T | None:
        """The next value; None if there is none now."""
        raise NotImplementedError

    async def __anext__(self) -> T:
        while True:
            value = self.take()
            if value is not None:
                return value
            if self._failure is not None:
                raise self._failure
            if self._is_ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()

    def wake(self) -> None:
        """There may be a value."""
        self._changed.set()

    def end(self, failure: TickwireError | None) -> None:
        """No more values will come."""
        if not self._is_ended:
            self._is_ended = True
            self._failure = failure
            self.wake()


# How many values a reader may lag behind.
_WAITING_MAX = 65_536


class QueueReader(PullIterator[T]):
    """Values of which none may be left out, in order."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._waiting: deque[T] = deque()

    def add(self, value: T) -> None:
        """Ends the loop with an error if the reader is too far behind."""
        if self._is_ended:
            return
        if len(self._waiting) >= _WAITING_MAX:
            self.end(ReaderTooSlowError(f"the reader of {self._what} is too far behind"))
            return
        self._waiting.append(value)
        self.wake()

    def take(self) -> T | None:
        return self._waiting.popleft() if self._waiting else None
