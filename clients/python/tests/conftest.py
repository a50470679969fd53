from collections.abc import AsyncIterator

import pytest_asyncio
from hypothesis import settings

from .support.server import Server

# No files beside the tests, and no failure because a machine is busy.
settings.register_profile("plain", database=None, deadline=None)
settings.load_profile("plain")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """A server without a store."""
    async with Server("--server.heartbeatMs=500") as started:
        yield started
