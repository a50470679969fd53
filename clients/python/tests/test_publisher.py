"""Publishing to the real server."""

import asyncio
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest

import tickwire
from tickwire import Tick

from .support.proxy import Proxy
from .support.server import Server
from .support.until import until


async def counts(server: Server) -> dict[str, int]:
    page = await server.get("/api/prices")
    return {item["symbol"]: item["updateCount"] for item in page["items"]}


async def applied(server: Server, ticks: int) -> dict[str, int]:
    """The counts, once the server has applied as many ticks or more: an acknowledged one may still
    be in a queue.
    """
    while sum((found := await counts(server)).values()) < ticks:
        await asyncio.sleep(0.005)
    return found


async def test_each_way_to_publish(server: Server) -> None:
    async with tickwire.connect_publisher(server.url, publisher="feed-a") as publisher:
        await publisher.ready()
        await publisher.publish("A", 100.5, 1_000.25)
        await publisher.publish("A", 101, 2_000)
        await publisher.publish("A", Decimal("102.5"), datetime.fromtimestamp(3, timezone.utc))
        publisher.publish_nowait("A", 103.5)
        await publisher.publish_batch([("B", 1), ("B", 2.5, 5_000), Tick("B", 3, None)])
        await publisher.publish_batch(iter([("日経225", 39_000.0)]))
        await publisher.flush()
        assert publisher.session is not None
        assert publisher.session.publisher == publisher.name == "feed-a"
        assert publisher.totals == tickwire.PublisherTotals(8, 8, 0, 0, 0, 0, 0, 0)
    assert publisher.state == "closed"
    assert publisher.failure is None
    assert await applied(server, 8) == {"A": 4, "B": 3, "日経225": 1}
    first = await server.get("/api/prices/B")
    assert (first["minPrice"], first["maxPrice"]) == (1, 3)


async def test_json_encoding(server: Server) -> None:
    async with tickwire.connect_publisher(server.url, encoding="json") as publisher:
        await publisher.publish_batch([("A", 0.1 + 0.2, 1_000.125), ("日経225", 1e-300)])
    assert await applied(server, 2) == {"A": 1, "日経225": 1}
    item = await server.get("/api/prices/A")
    assert item["currentPrice"] == 0.1 + 0.2


async def test_rejected_ticks_are_named_and_spoil_no_others(server: Server) -> None:
    heard: list[tickwire.Rejection] = []
    async with tickwire.connect_publisher(server.url) as publisher:
        publisher.on("reject", heard.append)
        await publisher.publish_batch([("A", 1.0), ("A", 2.0, 9e15), ("A", 3.0)])
        await publisher.flush()
        assert (publisher.totals.accepted, publisher.totals.rejected) == (2, 1)
    assert heard == list(publisher.rejects)
    assert heard == [tickwire.Rejection("A", 2.0, 9e15, 1, 5, "bad_time", None)]


async def test_reject_says_which_limit_was_met() -> None:
    async with Server("--processing.maxSymbols=1") as server:
        async with tickwire.connect_publisher(server.url) as publisher:
            await publisher.publish_batch([("A", 1.0), ("B", 1.0)])
        (rejection,) = publisher.rejects
        assert rejection.reason == "symbol_limit"
        assert rejection.detail is not None
        assert "maxSymbols" in rejection.detail


@pytest.mark.parametrize("overflow", ["dropOldest", "wait"])
async def test_many_ticks_pass_a_small_buffer_and_small_queues(overflow: str) -> None:
    flags = [f"--processing.overflow={overflow}", "--processing.channelCapacity=256"]
    async with Server(*flags) as server:
        connect = tickwire.connect_publisher
        async with connect(server.url, buffer_ticks_max=500, batch_ticks_max=100) as publisher:
            for i in range(2_000):
                await publisher.publish(f"S{i % 7}", 1.0 + i)
            await publisher.publish_batch([(f"S{i % 7}", 1.0 + i) for i in range(5_000)])
            # Callers that wait for room do not overtake each other, and wait all the same.
            waiting = [publisher.publish_batch([("Z", 1.0 + i)] * 300) for i in range(5)]
            await asyncio.gather(*waiting)
        totals = publisher.totals
        assert totals.sent == totals.accepted == 8_500
        if overflow == "wait":
            found = await applied(server, 8_500)
            assert sum(found.values()) == 8_500
            assert found["Z"] == 1_500


async def test_rate_limit_delays_and_loses_nothing() -> None:
    async with Server("--limits.ticksPerSecond=2000") as server:
        async with tickwire.connect_publisher(server.url, batch_ticks_max=100) as publisher:
            await publisher.publish_batch([("A", 1.0 + i) for i in range(5_000)])
        assert publisher.totals.accepted == 5_000
        assert await applied(server, 5_000) == {"A": 5_000}


async def test_each_tick_is_applied_once_over_cut_lines(server: Server) -> None:
    async with (
        Proxy(server.port) as proxy,
        tickwire.connect_publisher(proxy.url, publisher="feed-a", batch_ticks_max=16) as publisher,
    ):
        # Amid the handshake, amid WELCOME, amid an ACK.
        for count in (50, 200, 700):
            proxy.cut_next_after(count)
        sent = 0
        for _ in range(4):
            for _ in range(300):
                sent += 1
                await publisher.publish("A", 1.0 + sent)
            reached = sent + 1
            await until(lambda: publisher.totals.unacknowledged == 0, lambda: publisher.totals)
            # From here on ticks are applied but not acknowledged: they are resent after the cut.
            proxy.mute()
            for _ in range(100):
                sent += 1
                await publisher.publish("A", 1.0 + sent)

            while sum((await counts(server)).values()) < reached:
                await asyncio.sleep(0.005)
            proxy.cut()
        await publisher.flush()
        totals = publisher.totals
        assert totals.reconnects >= 4
        assert totals.resumed > 0
        assert totals.accepted + totals.resumed == totals.sent == sent
    assert await applied(server, sent) == {"A": sent}


async def test_a_program_that_starts_again_goes_on_under_its_name(server: Server) -> None:
    for run in range(3):
        async with tickwire.connect_publisher(server.url, publisher="feed-a") as publisher:
            await publisher.publish_batch([("A", 1.0 + run)] * 10)
    assert await applied(server, 30) == {"A": 30}


async def test_kill_9_and_restart_on_the_same_store(tmp_path: Path) -> None:
    """A durable publisher loses nothing: what no snapshot has is sent again."""
    flags = [
        f"--store.directory={tmp_path}",
        "--store.snapshotIntervalMs=100",
        "--publish.acknowledge=durable",
    ]
    async with Server(*flags) as server:
        async with tickwire.connect_publisher(server.url, publisher="feed-a") as publisher:
            await publisher.ready()
            for round_ in range(3):
                for i in range(200):
                    await publisher.publish("A", 1.0 + i)
                    await publisher.publish("B", 1.0 + i)
                if round_ == 1:
                    await publisher.flush()
                if round_ < 2:
                    await server.kill()
                    await server.start()
            await publisher.flush()
            assert publisher.totals.reconnects == 2
        assert await applied(server, 1_200) == {"A": 600, "B": 600}


async def test_another_publisher_takes_the_name_over(server: Server) -> None:
    first = tickwire.connect_publisher(server.url, publisher="feed-a")
    await first.ready()
    events = first.events()
    async with tickwire.connect_publisher(server.url, publisher="feed-a") as second:
        await second.ready()
        await until(lambda: first.state == "closed")
        assert isinstance(first.failure, tickwire.ConnectionLostError)
        assert first.failure.code == tickwire.CloseCode.TAKEN_OVER
        with pytest.raises(tickwire.ConnectionLostError, match="4004"):
            await first.publish("A", 1.0)
        with pytest.raises(tickwire.ConnectionLostError, match="4004"):
            await first.ready()
        seen = []
        with pytest.raises(tickwire.ConnectionLostError):
            async for event in events:
                seen.append(event)
        assert [type(each).__name__ for each in seen] == ["StateChange", "ConnectionLostError"]
        await second.publish("A", 1.0)


async def test_ticks_wait_for_a_server_that_is_not_there_yet() -> None:
    async with Server() as server:
        port = server.port
        await server.kill()
        publisher = tickwire.connect_publisher(server.url, buffer_ticks_max=10)
        for i in range(10):
            publisher.publish_nowait("A", 1.0 + i)
        with pytest.raises(tickwire.BufferFullError, match="10 ticks"):
            publisher.publish_nowait("A", 1.0)
        waiting = asyncio.create_task(publisher.publish("A", 11.0))
        await until(lambda: publisher.state == "connecting")
        assert not waiting.done()
        server.port = port
        await server.start()
        publisher.reconnect()
        await waiting
        await publisher.close()
        assert await applied(server, 11) == {"A": 11}


async def test_close_says_how_many_ticks_stay_unacknowledged(server: Server) -> None:
    port = server.port
    await server.kill()
    publisher = tickwire.connect_publisher(f"ws://127.0.0.1:{port}")
    publisher.publish_nowait("A", 1.0)
    with pytest.raises(tickwire.TickwireError, match="no ACK for 1 ticks in 20 ms"):
        await publisher.close(20)
    assert publisher.state == "closed"
    with pytest.raises(tickwire.TickwireError, match="no ACK"):
        await publisher.publish("A", 1.0)


async def test_the_error_of_a_block_is_the_one_to_see(server: Server) -> None:
    with pytest.raises(ZeroDivisionError):
        async with tickwire.connect_publisher(server.url) as publisher:
            await publisher.publish("A", 1.0)
            raise ZeroDivisionError
    assert publisher.totals.accepted == 1
