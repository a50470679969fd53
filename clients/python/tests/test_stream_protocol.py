"""A subscriber's side of the protocol, against a scripted server."""

from typing import Any

import pytest

import tickwire

from .support.scripted_server import ScriptedServer, Session
from .support.until import until

FULL_A = [22, [7, "A"]], [20, 1, [7, 127, 1, 1, 1, 1, 1, 1]]


async def subscribed(session: Session, **welcome: Any) -> dict[str, Any]:
    """Opens a session and accepts the subscription. Returns its options."""
    await session.welcome(**welcome)
    _op, request_id, patterns, options = await session.receive(4)
    await session.send([19, request_id, [0] * len(patterns), {"conflateMs": 0, "fields": 63}])
    found: dict[str, Any] = options
    return found


def anomaly(symbol_id: int, sequence: int, time: float = 0) -> list[Any]:
    return [symbol_id, sequence, 1, 1, 2, 100, time or sequence]


async def test_resumes_after_the_last_sequence_seen() -> None:
    options: list[dict[str, Any]] = []

    async def first(session: Session) -> None:
        options.append(await subscribed(session))
        for frame in FULL_A:
            await session.send(frame)
        await session.send([22, [8, "QUIET"]])
        await session.send([20, 1, [8, 127, 1, 1, 1, 5, 1, 1]])
        await session.send([21, 1, [anomaly(7, 41), anomaly(7, 42)]])
        await session.close(4001)

    async def second(session: Session) -> None:
        options.append(await subscribed(session))
        # A duplicate; one of a symbol without any so far: an old one, then a missed one.
        await session.send([22, [7, "A", 8, "QUIET"]])
        await session.send([21, 1, [anomaly(7, 42), anomaly(7, 43)]])
        await session.send([21, 1, [anomaly(8, 1, 4), anomaly(8, 2, 6)]])
        await session.until_closed()

    async with ScriptedServer(first, second) as server:
        async with tickwire.connect(server.url) as subscriber:
            anomalies = subscriber.anomalies()
            await subscriber.subscribe("*")
            await until(lambda: len(server.requests) == 2)
            subscriber.reconnect()
            seen = [await anext(anomalies) for _ in range(4)]
            assert [(each.symbol, each.sequence) for each in seen] == [
                ("A", 41),
                ("A", 42),
                ("A", 43),
                ("QUIET", 2),
            ]
            assert not subscriber["A"].is_live
    assert options == [{}, {"since": {"A": 42, "QUIET": 0}}]


async def test_a_jump_is_filled_from_the_history_and_the_rest_is_a_gap() -> None:
    async def script(session: Session) -> None:
        await subscribed(session)
        await session.send(FULL_A[0])
        await session.send([21, 1, [anomaly(7, 1), anomaly(7, 5), anomaly(7, 6)]])
        _op, request_id, symbol, after, _limit = await session.receive(8)
        assert (symbol, after) == ("A", 1)
        await session.send([21, 1, [anomaly(7, 7)]])
        page = [anomaly(7, 2)[1:], anomaly(7, 3)[1:]]
        await session.send([27, request_id, "A", page, True])
        _op, request_id, symbol, after, _limit = await session.receive(8)
        assert after == 3
        await session.send([30, request_id, 14, "gone", False, None])
        await session.until_closed()

    async with ScriptedServer(script) as server:
        async with tickwire.connect(server.url) as subscriber:
            order: list[object] = []
            subscriber.on("anomaly", lambda each: order.append(each.sequence))
            subscriber.on("gap", order.append)
            await subscriber.subscribe("*")
            await until(lambda: 7 in order, lambda: order)
            assert order == [1, 2, 3, tickwire.AnomalyGap("A", 4, 4), 5, 6, 7]


async def test_a_new_epoch_starts_over() -> None:
    async def first(session: Session) -> None:
        await subscribed(session, epoch="one")
        for frame in FULL_A:
            await session.send(frame)
        await session.send([21, 1, [anomaly(7, 9, 900)]])
        await session.close(4001)

    async def second(session: Session) -> None:
        await subscribed(session, epoch="two")
        # Other ids, and numbers from 1 again.
        await session.send([22, [1, "A"]])
        await session.send([21, 1, [anomaly(1, 1, 800), anomaly(1, 2, 950)]])
        await session.send([20, 1, [1, 127, 5, 5, 5, 5, 5, 5]])
        await session.until_closed()

    async with ScriptedServer(first, second) as server:
        async with tickwire.connect(server.url) as subscriber:
            seen: list[tuple[int, float]] = []
            resets: list[tickwire.Reset] = []
            subscriber.on("anomaly", lambda each: seen.append((each.sequence, each.timestamp)))
            subscriber.on("reset", resets.append)
            updates = subscriber.updates()
            await subscriber.subscribe("*")
            await until(lambda: subscriber.state == "reconnecting")
            subscriber.reconnect()
            await until(lambda: subscriber.get("A") is not None and subscriber["A"].is_live)
            assert resets == [tickwire.Reset("two")]
            assert seen == [(9, 900), (2, 950)]
            # What waited for the loop was of the old epoch.
            (change,) = (await anext(updates)).changes
            assert (change.symbol_id, change.current_price) == (1, 5)


async def test_a_mirror_that_differs_is_received_anew() -> None:
    async def wrong(session: Session) -> None:
        await subscribed(session)
        for frame in FULL_A:
            await session.send(frame)
        _op, request_id = await session.receive(7)
        await session.send([26, request_id, 12345, 1])
        await session.until_closed()

    async with ScriptedServer(wrong) as server:
        async with tickwire.connect(server.url) as subscriber:
            await subscriber.subscribe("*")
            verification = await subscriber.verify()
            assert not verification.equal
            assert (verification.server_digest, verification.symbol_count) == (12345, 1)
            assert verification.own_symbol_count == 1
            await until(lambda: len(server.requests) == 2)


async def test_requests_wait_for_the_next_session_or_fail_with_theirs() -> None:
    async def first(session: Session) -> None:
        await session.welcome()
        await session.receive(7)
        await session.close(4001)

    async def second(session: Session) -> None:
        await session.welcome()
        _op, request_id = await session.receive(7)
        await session.send([30, request_id, 9, "too fast", True, 5])
        _op, request_id = await session.receive(7)
        await session.send([26, request_id, 2166136261, 0])
        await session.until_closed()

    async with ScriptedServer(first, second) as server:
        async with tickwire.connect(server.url) as subscriber:
            with pytest.raises(tickwire.ConnectionLostError, match="4001"):
                await subscriber.verify()
            assert (await subscriber.verify()).equal


async def test_a_subscription_refused_for_now_is_sent_again() -> None:
    requests: list[Any] = []

    async def script(session: Session) -> None:
        await session.welcome()
        for _ in range(2):
            requests.append((await session.receive(4))[2:])
            if len(requests) == 1:
                await session.send([30, 1, 9, "too fast", True, 5])
        await session.send([19, 2, [0, 8], {}])
        await session.until_closed()

    async with ScriptedServer(script) as server:
        async with tickwire.connect(server.url) as subscriber:
            first = subscriber.subscribe("A", since={"A": 3})
            second = subscriber.subscribe("B")
            await first
            assert first.refusals == ()
            assert second.refusals == (tickwire.Refusal("B", 8, "subscription_limit"),)
    assert requests == [[["A", "B"], {"since": {"A": 3}}]] * 2


async def test_calls_made_together_are_one_request() -> None:
    requests: list[Any] = []

    async def script(session: Session) -> None:
        await session.welcome()
        while True:
            _op, request_id, patterns, *options = await session.receive(4)
            requests.append((patterns, *options))
            await session.send([19, request_id, [0] * len(patterns), {}])

    async with ScriptedServer(script) as server:
        async with tickwire.connect(server.url, conflate_ms=50) as subscriber:
            await subscriber.ready()
            both = subscriber.subscribe(["A", "B*"]), subscriber.subscribe("C")
            other = subscriber.subscribe("A", stats=False, fields=1)
            for each in (*both, other):
                await each
            prices = subscriber.subscribe("D", anomalies=False, fields=1)
            await prices
    assert requests == [
        (["A", "C", "B*"], {"conflateMs": 50}),
        (["D"], {"anomalies": False, "fields": 1, "conflateMs": 50}),
    ]


async def test_a_retired_symbol_begins_anew() -> None:
    async def script(session: Session) -> None:
        await subscribed(session)
        for frame in FULL_A:
            await session.send(frame)
        await session.send([21, 1, [anomaly(7, 5)]])
        await session.send([33, [7.0, 99]])
        await session.send([22, [8, "A"]])
        await session.send([20, 1, [8, 127, 2, 2, 1, 2, 2, 2]])
        # Without a store its numbers begin again.
        await session.send([21, 1, [anomaly(8, 1, 10)]])
        # Retired again, unnoticed.
        await session.send([22, [9, "A"]])
        await session.send([20, 1, [9, 127, 3, 3, 1, 3, 3, 3]])
        await session.until_closed()

    async with ScriptedServer(script) as server:
        async with tickwire.connect(server.url) as subscriber:
            seen: list[int] = []
            retired: list[tickwire.Retired] = []
            subscriber.on("anomaly", lambda each: seen.append(each.sequence))
            subscriber.on("retired", retired.append)
            await subscriber.subscribe("*")
            await until(lambda: "A" in subscriber and subscriber["A"].symbol_id == 9)
            assert seen == [5, 1]
            assert retired == [tickwire.Retired(("A",))] * 2
            assert len(subscriber.symbols()) == 1
