"""Subscribing to the real server."""

import asyncio

import pytest

import tickwire
from tickwire import Field

from .support.server import Server
from .support.until import until


async def test_statistics_are_the_servers(server: Server) -> None:
    async with (
        tickwire.connect(server.url) as subscriber,
        tickwire.connect_publisher(server.url) as publisher,
    ):
        subscription = await subscriber.subscribe(["*-USD", "EXACT"])
        assert subscription.refusals == ()
        assert subscriber.get("A-USD") is None
        assert "A-USD" not in subscriber
        with pytest.raises(KeyError):
            subscriber["A-USD"]
        for i in range(500):
            await publisher.publish(f"{'ABC'[i % 3]}-USD", 100 + 0.1 * i, 1_000 + 0.25 * i)
        await publisher.publish_batch([("EXACT", 0.1 + 0.2, 5), ("OTHER", 1.0)])
        await publisher.flush()
        await until(lambda: "EXACT" in subscriber and subscriber["C-USD"].update_count == 166)
        assert sorted(subscriber) == ["A-USD", "B-USD", "C-USD", "EXACT"]
        await until(lambda: subscriber["A-USD"].update_count == 167)
        for held in subscriber.symbols():
            item = await server.get(f"/api/prices/{held.symbol}")
            assert held.is_live
            assert held.current_price == item["currentPrice"]
            assert held.moving_average == item["movingAverage"]
            assert held.update_count == item["updateCount"]
            assert (held.min_price, held.max_price) == (item["minPrice"], item["maxPrice"])
        assert subscriber["A-USD"] is subscriber["A-USD"]
        verification = await subscriber.verify()
        assert verification.equal
        assert verification.symbol_count == verification.own_symbol_count == 4


async def test_updates_of_a_slow_loop_are_conflated(server: Server) -> None:
    async with (
        tickwire.connect(server.url) as subscriber,
        tickwire.connect_publisher(server.url) as publisher,
    ):
        await subscriber.subscribe("*", anomalies=False)
        updates = subscriber.updates()
        events = 0

        def count(_update: tickwire.Update) -> None:
            nonlocal events
            events += 1

        remove = subscriber.on("update", count)
        for i in range(200):
            await publisher.publish("A", 1.0 + i)
            await publisher.publish("B", 1.0 + i)
            await publisher.flush()
        await until(lambda: subscriber.get("B") is not None and subscriber["B"].update_count == 200)
        remove()
        update = await anext(updates)
        assert {each.symbol: each.update_count for each in update.changes} == {"A": 200, "B": 200}
        assert events > 1
        assert subscriber.counters.updates > 0
        waiting = asyncio.ensure_future(anext(updates))
        await asyncio.sleep(0)
        assert not waiting.done()
        await publisher.publish("A", 5.0)
        (change,) = (await waiting).changes
        assert (change.current_price, change.previous_price) == (5.0, 200.0)
    with pytest.raises(StopAsyncIteration):
        await anext(updates)


async def test_a_loop_that_is_left_leaves_nothing_behind(server: Server) -> None:
    async with tickwire.connect(server.url) as subscriber:
        await subscriber.subscribe("*")
        await server.post([{"symbol": "A", "price": 100}, {"symbol": "A", "price": 103}])
        async for update in subscriber.updates():
            assert update.changes[0].symbol == "A"
            break
        stream = subscriber._stream
        assert len(stream.update_readers) == 0
        left = subscriber.anomalies(), subscriber.events()
        assert len(stream.anomaly_readers) == len(stream.event_readers) == 1
        del left
        assert len(stream.anomaly_readers) == len(stream.event_readers) == 0


async def test_fields_and_pace(server: Server) -> None:
    async with tickwire.connect(server.url, conflate_ms=0) as subscriber:
        await subscriber.subscribe("A", fields=Field.PRICE | Field.TIME, anomalies=False)
        await server.post([{"symbol": "A", "price": 100, "timestamp": 7}])
        await until(lambda: "A" in subscriber)
        held = subscriber["A"]
        assert (held.current_price, held.last_update_time, held.update_count) == (100, 7, 0)
        assert held.max_price != held.max_price
        subscriber.set_conflate_ms(20)
        with pytest.raises(tickwire.ServerError) as refused:
            await subscriber.verify()
        assert refused.value.name == "bad_frame"
        # The union of the fields of both.
        async with subscriber.subscribe("A") as second:
            await until(lambda: subscriber["A"].update_count == 1)
            assert (await subscriber.verify()).equal
            assert second.patterns == ("A",)
        await until(lambda: subscriber["A"].update_count == 0)


async def test_what_is_unsubscribed_leaves_the_mirror(server: Server) -> None:
    await server.post([{"symbol": name, "price": 1} for name in ("A", "B", "C")])
    async with tickwire.connect(server.url) as subscriber:
        letters = await subscriber.subscribe(["A", "B", "C"])
        again = await subscriber.subscribe("A")
        await until(lambda: len(subscriber.symbols()) == 3)
        letters.unsubscribe()
        await until(lambda: list(subscriber) == ["A"])
        assert (await subscriber.verify()).symbol_count == 1
        again.unsubscribe()
        await until(lambda: list(subscriber) == [])
        await subscriber.subscribe("C")
        await until(lambda: list(subscriber) == ["C"])
        assert subscriber["C"].is_live


async def test_refused_patterns_are_named(server: Server) -> None:
    async with tickwire.connect(server.url) as subscriber:
        errors: list[tickwire.TickwireError] = []
        subscriber.on("error", errors.append)
        subscription = await subscriber.subscribe(["A", "", " B"])
        assert [each.pattern for each in subscription.refusals] == ["", " B"]
        assert {each.reason for each in subscription.refusals} == {"bad_symbol"}
        assert str(errors[0]) == "the server refused '' and 1 more patterns: bad_symbol"


async def test_retired_symbols_are_forgotten(server: Server) -> None:
    async with tickwire.connect(server.url) as subscriber:
        await subscriber.subscribe("*")
        events = subscriber.events()
        await server.post([{"symbol": "A", "price": 1}, {"symbol": "B", "price": 1}])
        await until(lambda: len(subscriber.symbols()) == 2)
        held = subscriber["A"]
        await server.delete("/api/prices/A")
        assert await anext(events) == tickwire.Retired(("A",))
        assert "A" not in subscriber
        assert (await subscriber.verify()).equal
        await server.post([{"symbol": "A", "price": 2}])
        await until(lambda: "A" in subscriber)
        assert subscriber["A"].symbol_id != held.symbol_id
        assert subscriber["A"].update_count == 1
        assert (await subscriber.verify()).equal


async def test_json_encoding(server: Server) -> None:
    async with (
        tickwire.connect(server.url, encoding="json") as subscriber,
        tickwire.connect_publisher(server.url) as publisher,
    ):
        await subscriber.subscribe("*")
        anomalies = subscriber.anomalies()
        for i in range(50):
            await publisher.publish("A", 100 * 1.05**i, 1_000.125 + i)
        await publisher.flush()
        await until(lambda: "A" in subscriber and subscriber["A"].update_count == 50)
        assert subscriber["A"].last_update_time == 1_049.125
        assert (await anext(anomalies)).sequence == 1
        assert (await subscriber.verify()).equal


async def test_round_trip_and_counters(server: Server) -> None:
    async with tickwire.connect(server.url) as subscriber:
        assert await subscriber.ping() > 0
        assert subscriber.latency is not None
        # Both read the clock of this machine.
        assert abs(subscriber.latency.clock_offset_ms) <= subscriber.latency.clock_error_ms + 5
        await until(lambda: subscriber.counters.frames >= 4)
        assert subscriber.counters.bytes > 0
        assert subscriber.session is not None
        assert subscriber.session.heartbeat_ms == 500
        assert subscriber.session.limits.subscriptions_max == 10_000
        assert subscriber.session.limits.wildcards_max == 256


async def test_a_paused_reader_ends_with_the_newest_state(server: Server) -> None:
    async with (
        tickwire.connect(server.url) as subscriber,
        tickwire.connect_publisher(server.url) as publisher,
    ):
        await subscriber.subscribe("*", anomalies=False)
        await publisher.publish_batch([(f"S{i}", 1.0) for i in range(2_000)])
        await until(lambda: len(subscriber.symbols()) == 2_000)
        subscriber.pause()
        for round_ in range(100):
            await publisher.publish_batch([(f"S{i}", 2.0 + round_) for i in range(2_000)])
            await publisher.flush()
        entries = subscriber.counters.entries
        subscriber.resume()
        await until(lambda: all(each.update_count == 101 for each in subscriber.symbols()))
        # Far fewer than were published: the server conflated what did not fit in the socket.
        assert subscriber.counters.entries - entries < 195_000
        assert (await subscriber.verify()).equal


async def test_table_for_pandas(server: Server) -> None:
    async with tickwire.connect(server.url) as subscriber:
        await subscriber.subscribe("*")
        assert len(subscriber.to_frame()) == 0
        await server.post(
            [
                {"symbol": "B", "price": 2, "timestamp": 1_500},
                {"symbol": "A", "price": 1, "timestamp": 1_000},
            ]
        )
        await until(lambda: len(subscriber.symbols()) == 2)
        frame = subscriber.to_frame()
        assert list(frame.index) == ["A", "B"]
        assert frame.loc["B", "current_price"] == 2
        assert frame["update_count"].dtype == "int64"
        assert str(frame.loc["B", "last_update_time"]) == "1970-01-01 00:00:01.500000+00:00"
