"""Callbacks by the name of an event, and futures that wait for conditions."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from .value_checks import fault

Listener = Callable[[Any], object]


class Emitter:
    """Events by name. A listener that raises disturbs neither the others nor the client: its error
    goes to the event loop's exception handler.
    """

    def __init__(self, *names: str) -> None:
        self._listeners: dict[str, list[Listener]] = {name: [] for name in names}

    def on(self, name: str, listener: Listener) -> Callable[[], None]:
        """Adds a listener. Returns a function that removes it.

        :raises ValueError: for an unknown name
        :raises TypeError: if the listener cannot be called, or is a coroutine function
        """
        listeners = self._listeners.get(name)
        if listeners is None:
            raise ValueError(fault("event", f"one of {', '.join(self._listeners)}", name))
        if not callable(listener) or inspect.iscoroutinefunction(listener):
            raise TypeError(fault("listener", "a plain function", listener))

        # A new object, so that the same listener can be added twice and each removed on its own.
        def added(event: Any) -> object:
            return listener(event)

        listeners.append(added)

        def remove() -> None:
            if added in listeners:
                listeners.remove(added)

        return remove

    def has_listeners(self, name: str) -> bool:
        return bool(self._listeners[name])

    def emit(self, name: str, event: object) -> None:
        for listener in tuple(self._listeners[name]):
            try:
                listener(event)
            except Exception as error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"a listener of {name!r} raised", "exception": error}
                )


class Waiters:
    """Futures that wait for conditions. `wake` must follow changes of what the conditions read."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def wait(self, is_done: Callable[[], bool]) -> None:
        if is_done():
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((is_done, future))
        await future

    def wake(self) -> None:
        """Resolves the futures whose condition holds."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for is_done, future in waiting:
            if future.done():
                continue
            if is_done():
                future.set_result(None)
            else:
                self._waiting.append((is_done, future))

    def fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)
