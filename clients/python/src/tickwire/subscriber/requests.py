"""Requests that wait for an answer, and their repetition after a rate limit."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, TypeVar

from ..errors import ServerError, TickwireError
from ..protocol.codec import Frame
from ..protocol.codes import ErrorCode

T = TypeVar("T")


class Requests:
    """Requests by their id."""

    def __init__(self) -> None:
        self._pending: dict[int, tuple[Callable[[Frame], Any], asyncio.Future[Any]]] = {}
        self._next_id = 1

    def open(self, send: Callable[[int], None], read: Callable[[Frame], T]) -> "asyncio.Future[T]":
        """Opens a request: `send` gets its id. `read` converts the answer at once, before any
        later frame is processed.
        """
        request_id = self._next_id
        self._next_id += 1
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = (read, future)
        send(request_id)
        return future

    def answer(self, frame: Frame) -> None:
        """Passes a frame to the request that its second element names; ignores it if there is none.

        :raises Exception: for an answer that cannot be read; the request fails as well
        """
        request_id = frame[1] if len(frame) > 1 else None
        if not isinstance(request_id, (int, float)):
            return
        pending = self._pending.pop(int(request_id), None)
        if pending is None:
            return
        read, future = pending
        try:
            value = read(frame)
        except Exception:
            _fail(future, TickwireError("an answer does not have the shape of its op"))
            raise
        if not future.done():
            future.set_result(value)

    def refuse(self, error: ServerError) -> bool:
        """Fails the request that the error answers; False if it answers none."""
        pending = None
        if error.request_id is not None:
            pending = self._pending.pop(error.request_id, None)
        if pending is None:
            return False
        _fail(pending[1], error)
        return True

    def fail(self, error: TickwireError) -> None:
        """Fails all open requests."""
        pending, self._pending = self._pending, {}
        for _, future in pending.values():
            _fail(future, error)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        # Nobody may be waiting any more.
        future.exception()


# Wait after a rate limit refusal if the server does not say, ms.
_RETRY_MS = 1000.0


class RequestPacer:
    """Repeats requests that the server refused because of a rate limit.

    The number of open requests is unlimited until then; after a refusal it restarts at one and
    doubles with each answered round.
    """

    def __init__(self) -> None:
        self._open_max = inf
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def run(self, send: Callable[[], Awaitable[T]]) -> T:
        """Runs a request until it is answered; `send` is called again after a refusal."""
        while True:
            while self._open >= self._open_max or self._timer is not None:
                await self._turn()
            self._open += 1
            try:
                answer = await send()
                self._open_max += 1
                return answer
            except ServerError as error:
                if error.code != ErrorCode.rate_limited:
                    raise
                self._hold(_RETRY_MS if error.retry_after_ms is None else error.retry_after_ms)
            finally:
                self._open -= 1
                self._go_on()

    def fail(self, error: TickwireError) -> None:
        """Fails what waits to be sent; the next session starts without a limit."""
        self._cancel_timer()
        self._open_max = inf
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            _fail(future, error)

    async def _turn(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _hold(self, delay_ms: float) -> None:
        self._open_max = 1
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(delay_ms / 1000, self._release)

    def _release(self) -> None:
        self._timer = None
        self._go_on()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    # Woken requests check again: others may have come first.
    def _go_on(self) -> None:
        if self._timer is not None:
            return
        room = self._open_max - self._open
        while self._waiting and room > 0:
            future = self._waiting.pop(0)
            if not future.done():
                future.set_result(None)
                room -= 1
