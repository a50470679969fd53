"""The samples of README.md and the examples run as they are."""

import ast
import asyncio
import contextlib
import inspect
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import tickwire

from .support.server import Server
from .support.until import until

FOLDER = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)( notebook)?\n(.*?)^```", re.M | re.S)
SAMPLES = [
    (kind, code)
    for language, kind, code in FENCE.findall((FOLDER / "README.md").read_text())
    if language == "python"
]


def compiled(code: str, server: Server) -> Any:
    """With top-level ``await``, as in a notebook; against the test's server."""
    here = code.replace("ws://localhost:9001", server.url)
    # The samples start their own event loop; here one runs already.
    here = here.replace("asyncio.run(main())", "await main()")
    return compile(here, "sample", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@contextlib.asynccontextmanager
async def market(server: Server) -> AsyncIterator[None]:
    """Prices that jump now and then."""

    async def move(publisher: tickwire.Publisher) -> None:
        for i in range(10**9):
            for symbol in ("BTC-USD", "ETH-USD"):
                await publisher.publish(symbol, 100 + i % 2 * 3)
            await asyncio.sleep(0.02)

    async with tickwire.connect_publisher(server.url) as publisher:
        moving = asyncio.create_task(move(publisher))
        while len((await server.get("/api/prices"))["items"]) < 2:
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            moving.cancel()
            await asyncio.wait({moving})


@pytest_asyncio.fixture
async def stored_and_ruled(
    rules_flag: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server with rules and a store."""
    store = f"--store.directory={tmp_path_factory.mktemp('store')}"
    async with Server("--server.heartbeatMs=500", store, rules_flag) as started:
        yield started


@pytest.mark.parametrize("number", range(len(SAMPLES)))
async def test_sample_of_the_readme(
    number: int,
    stored_and_ruled: Server,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    _, code = SAMPLES[number]
    server = stored_and_ruled
    names: dict[str, Any] = {}
    async with market(server):
        running = asyncio.ensure_future(eval(compiled(code, server), names))
        printed = ""
        if "async for" in code:
            # It goes on for ever.
            def said_something() -> bool:
                nonlocal printed
                printed += capsys.readouterr().out
                return running.done() or printed != ""

            await until(said_something)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        else:
            await running
            printed = capsys.readouterr().out
    if isinstance(left := names.get("subscriber"), tickwire.Subscriber):
        assert len(left.to_frame()) == 2
        await left.close()
    else:
        assert printed != ""


async def test_example(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKWIRE_URL", server.url)
    code = (FOLDER / "examples/notebook.py").read_text()
    names: dict[str, Any] = {}
    async with market(server):
        await eval(compiled(code, server), names)
    assert names["anomaly"].symbol in ("BTC-USD", "ETH-USD", "MY-IDEA")
    assert names["subscriber"].state == "closed"


async def test_example_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Server(f"--store.directory={tmp_path}") as server:
        async with tickwire.connect_publisher(server.url) as publisher:
            prices = [100 + i % 7 for i in range(2500)]
            await publisher.publish_batch([("BTC/USD", price) for price in prices])
            await publisher.publish("OTHER", 1)
        monkeypatch.setenv("TICKWIRE_HTTP", server.url.replace("ws:", "http:"))
        monkeypatch.setenv("TICKWIRE_SYMBOL", "BTC/USD")
        names: dict[str, Any] = {}
        code = compiled((FOLDER / "examples/day.py").read_text(), server)
        # It waits for answers, and this thread reads what the server prints.
        await asyncio.to_thread(exec, code, names)
    assert names["prices"].tolist() == prices
    assert names["candles"]["high"].max() == 106
    assert names["hourly"]["price"].iloc[-1] == prices[-1]
    assert "2500 ticks of BTC/USD" in capsys.readouterr().out


def test_readme_names_every_event_and_option() -> None:
    text = (FOLDER / "README.md").read_text()
    named = set(re.findall(r"`(\w+)`", text))
    for function in (tickwire.connect, tickwire.connect_publisher, tickwire.Subscriber.subscribe):
        options = set(inspect.signature(function).parameters) - {"self", "url", "patterns"}
        assert options <= named, options - named
    assert set(tickwire.SymbolStatistics.__slots__) <= named
    errors = {name for name in tickwire.__all__ if name.endswith("Error")}
    assert errors <= named, errors - named
