"""Anomalies of the real server: none missed, none twice."""

import asyncio
from pathlib import Path

import pytest

import tickwire

from .support.proxy import Proxy
from .support.server import Server
from .support.until import until


async def jump(server: Server, symbol: str, start: float, count: int) -> float:
    """Applies ticks of which all but the first are anomalies. Returns the last price."""
    prices = [start * 1.03**i for i in range(count + 1)]
    before = (await server.get("/api/statistics"))["totalProcessed"]
    await server.post([{"symbol": symbol, "price": price} for price in prices])
    # Accepted ones may still be in a queue.
    while (await server.get("/api/statistics"))["totalProcessed"] < before + len(prices):
        await asyncio.sleep(0.005)
    return prices[-1]


async def raised(server: Server, symbol: str, start: float, count: int) -> None:
    """The same, until all anomalies can be asked for: applied ticks are ahead of theirs."""
    async with tickwire.connect(server.url) as earlier:
        await earlier.subscribe("*")
        await jump(server, symbol, start, count)
        await until(lambda: earlier.counters.anomalies == count)


async def test_anomalies_without_gaps_and_duplicates_over_cut_lines(server: Server) -> None:
    async with Proxy(server.port) as proxy, tickwire.connect(proxy.url) as subscriber:
        await subscriber.subscribe("*")
        anomalies = subscriber.anomalies()
        seen: list[tuple[str, int]] = []

        async def read() -> None:
            async for anomaly in anomalies:
                seen.append((anomaly.symbol, anomaly.sequence))

        reading = asyncio.create_task(read())
        gaps: list[tickwire.AnomalyGap] = []
        subscriber.on("gap", gaps.append)
        await jump(server, "A", 100, 5)
        await until(lambda: len(seen) == 5)
        await server.post([{"symbol": "QUIET", "price": 100}])
        await until(lambda: "QUIET" in subscriber)
        for round_ in range(3):
            proxy.mute()
            # Raised while the line is dead: also of a symbol that had none so far.
            await jump(server, "A", 100, 4)
            if round_ == 0:
                await jump(server, "QUIET", 100, 3)
            proxy.cut()
            await until(lambda: not subscriber["A"].is_live)
            await until(lambda: subscriber["A"].is_live)
        await jump(server, "A", 100, 2)
        total = (await server.get("/api/prices/A/anomalies?limit=1000"))["items"]
        newest = max(item["sequence"] for item in total)
        await until(lambda: ("A", newest) in seen, lambda: seen)
        of_a = [sequence for symbol, sequence in seen if symbol == "A"]
        assert of_a == list(range(1, newest + 1))
        of_quiet = [sequence for symbol, sequence in seen if symbol == "QUIET"]
        assert of_quiet == list(range(1, len(of_quiet) + 1))
        assert len(of_quiet) >= 3
        assert gaps == []
        assert (await subscriber.verify()).equal
    await reading


async def test_anomalies_since_an_earlier_run(server: Server) -> None:
    await raised(server, "A", 100, 6)
    async with tickwire.connect(server.url) as subscriber:
        anomalies = subscriber.anomalies()
        await subscriber.subscribe("*", stats=False, since={"A": 2})
        assert [(await anext(anomalies)).sequence for _ in range(4)] == [3, 4, 5, 6]
        page = await subscriber.history("A", 0, 2)
        assert [each.sequence for each in page.anomalies] == [1, 2]
        assert page.more
        page = await subscriber.history("A", 4)
        assert [each.sequence for each in page.anomalies] == [5, 6]
        assert not page.more
        assert (await subscriber.history("NEVER")).anomalies == ()


async def test_a_server_that_numbered_anew_since_an_earlier_run(server: Server) -> None:
    async with tickwire.connect(server.url) as subscriber:
        await subscriber.subscribe("OTHER")
        await subscriber.subscribe("*", since={"A": 50})
        await jump(server, "A", 100, 3)
        await until(lambda: subscriber.counters.anomalies == 3)


async def test_what_the_server_no_longer_has_is_a_gap(server: Server) -> None:
    # Without a store the server keeps the last 64 of a symbol.
    await raised(server, "A", 1, 100)
    async with tickwire.connect(server.url) as subscriber:
        gaps: list[tickwire.AnomalyGap] = []
        subscriber.on("gap", gaps.append)
        anomalies = subscriber.anomalies()
        await subscriber.subscribe("A", since={"A": 10})
        first = await anext(anomalies)
        assert gaps == [tickwire.AnomalyGap("A", 11, first.sequence - 1)]
        rest = [(await anext(anomalies)).sequence for _ in range(100 - first.sequence)]
        assert rest == list(range(first.sequence + 1, 101))
        with pytest.raises(tickwire.ServerError) as refused:
            await subscriber.history("A", 0)
        assert (refused.value.name, refused.value.retryable) == ("not_available", False)


async def test_kill_9_and_restart_on_the_same_store(tmp_path: Path) -> None:
    flags = [f"--store.directory={tmp_path}", "--store.snapshotIntervalMs=200"]
    async with Server(*flags) as server, tickwire.connect(server.url) as subscriber:
        resets: list[tickwire.Reset] = []
        subscriber.on("reset", resets.append)
        await subscriber.subscribe("*")
        anomalies = subscriber.anomalies()
        await jump(server, "A", 100, 3)
        assert [(await anext(anomalies)).sequence for _ in range(3)] == [1, 2, 3]
        # The row may come after its anomalies.
        await until(lambda: "A" in subscriber and subscriber["A"].is_live)
        await until(lambda: subscriber["A"].update_count == 4)
        held = subscriber["A"]

        # Until the anomalies are on disk, a crash may lose them.
        async def stored() -> bool:
            items = (await server.get("/api/prices/A/anomalies"))["items"]
            return len(items) == 3

        await until(stored)
        await asyncio.sleep(0.5)
        await server.kill()
        await until(lambda: subscriber.state == "reconnecting")
        assert not subscriber["A"].is_live
        assert subscriber["A"].current_price == held.current_price
        await server.start()
        await until(lambda: subscriber.state == "live")
        await jump(server, "A", 100, 2)
        await until(lambda: "A" in subscriber and subscriber["A"].is_live)
        assert [(await anext(anomalies)).sequence for _ in range(2)] == [4, 5]
        assert (await subscriber.verify()).equal
        assert len(resets) == 1
        assert subscriber.counters.reconnects == 1
