"""Waiting for what must come, however busy the machine is."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from .server import PATIENCE_S


async def until(
    is_done: Callable[[], bool | Awaitable[bool]], what: Callable[[], Any] = str
) -> None:
    """Polls a condition.

    :param what: gives what to show when it does not come true
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while True:
        result = is_done()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return
        if loop.time() > deadline:
            raise AssertionError(f"did not come true in {PATIENCE_S} s: {what()}")
        await asyncio.sleep(0.005)
