import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from .support.server import Server

# A move of 3 % is a spike and a gap; the price that returns ends both.
RULES = {
    "rules": [
        {
            "name": "flash",
            "kind": "spike",
            "symbols": ["*"],
            "windowMs": 1000,
            "warning": "2%",
            "critical": "5%",
        },
        {"name": "print", "kind": "gap", "symbols": ["*"], "warning": "1.5%"},
    ]
}

# No files beside the tests, and no failure because a machine is busy.
settings.register_profile("plain", database=None, deadline=None)
settings.load_profile("plain")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """A server without a store."""
    async with Server("--server.heartbeatMs=500") as started:
        yield started


@pytest.fixture
def rules_flag(tmp_path: Path) -> str:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(RULES))
    return f"--rules.file={file}"


@pytest_asyncio.fixture
async def ruled(rules_flag: str) -> AsyncIterator[Server]:
    """A server with rules and without a store."""
    async with Server("--server.heartbeatMs=500", rules_flag) as started:
        yield started
