from collections.abc import AsyncIterator

import pytest_asyncio

from .support.server import Server


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """A server without a store."""
    async with Server("--server.heartbeatMs=500") as started:
        yield started
