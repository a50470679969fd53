"""When a client comes back, and when it ends: against a scripted server."""

import asyncio
import base64
import json
import random
import time

import pytest

import tickwire

from .support.scripted_server import Script, ScriptedServer, Session, answer_pings, live
from .support.until import until


def closing(code: int) -> Script:
    async def script(session: Session) -> None:
        await session.welcome()
        await session.close(code, "because")

    return script


@pytest.mark.parametrize("code", [1001, 1013, 4001, 4002, 4005, 4010, 4499])
async def test_comes_back_after(code: int) -> None:
    async with ScriptedServer(closing(code), live) as server:
        async with tickwire.connect(server.url) as subscriber:
            changes: list[tickwire.StateChange] = []
            subscriber.on("state", changes.append)
            await until(lambda: len(server.requests) == 2 and subscriber.state == "live")
            assert [each.state for each in changes] == ["live", "reconnecting", "live"]
            lost = changes[1]
            assert lost.closure == tickwire.Closure(code, "because")
            assert lost.previous == "live"
            assert lost.retry_in_ms is not None
            assert 0 <= lost.retry_in_ms <= 500
            assert subscriber.counters.reconnects == 1


@pytest.mark.parametrize("code", [4004, 4500, 4501, 4503, 4507, 4999])
async def test_ends_after(code: int) -> None:
    async with ScriptedServer(closing(code)) as server:
        subscriber = tickwire.connect(server.url)
        updates = subscriber.updates()
        await until(lambda: subscriber.state == "closed")
        assert str(subscriber.failure) == f"connection closed ({code}) because"
        with pytest.raises(tickwire.ConnectionLostError):
            await anext(updates)
        with pytest.raises(tickwire.ConnectionLostError):
            await subscriber.ready()
        with pytest.raises(tickwire.ConnectionLostError):
            subscriber.subscribe("A")
        assert len(server.requests) == 1
        await subscriber.close()


async def test_goes_on_to_the_next_server() -> None:
    async with ScriptedServer(closing(4001), live) as a, ScriptedServer(closing(4001), live) as b:
        async with tickwire.connect([a.url, b.url]) as subscriber:
            changes: list[tickwire.StateChange] = []
            subscriber.on("state", changes.append)
            await until(lambda: len(a.requests) + len(b.requests) == 3)
            # One of each, and then the first one again.
            assert {len(a.requests), len(b.requests)} == {1, 2}
            await until(lambda: subscriber.state == "live")
        async with tickwire.connect_publisher(["ws://127.0.0.1:1", a.url]) as publisher:
            await until(lambda: publisher.state == "live")
            assert "publisher=" in a.requests[-1][0]


async def test_waits_longer_after_each_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    waits: list[float | None] = []
    async with ScriptedServer(closing(4001)) as server:
        async with tickwire.connect(server.url) as subscriber:

            def note(change: tickwire.StateChange) -> None:
                if change.retry_in_ms is not None:
                    waits.append(change.retry_in_ms)
                    asyncio.get_running_loop().call_soon(subscriber.reconnect)

            subscriber.on("state", note)
            await until(lambda: len(waits) >= 8)
    assert waits[:8] == [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]


async def test_goaway_spreads_the_return(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leaving(session: Session) -> None:
        await session.welcome()
        await session.send([31, "restart", 4000, 1234, "more"])
        await session.close(4001)

    monkeypatch.setattr(random, "random", lambda: 1.0)
    async with ScriptedServer(leaving, leaving, live) as server:
        async with tickwire.connect(server.url) as subscriber:
            events = subscriber.events()
            waits: list[float] = []
            async for event in events:
                if isinstance(event, tickwire.StateChange) and event.retry_in_ms is not None:
                    waits.append(event.retry_in_ms)
                    if len(waits) == 2:
                        break
                    subscriber.reconnect()
            # Sent away again at once: not faster than after a failure.
            assert waits == [1234, 1234]


async def test_token_in_the_header_from_a_function_each_time() -> None:
    made = 0

    async def next_token() -> str:
        nonlocal made
        made += 1
        if made == 1:
            raise OSError("the issuer is away")
        await asyncio.sleep(0)
        return f"token-{made}"

    async with ScriptedServer(closing(4010), live) as server:
        async with tickwire.connect_publisher(server.url, token=next_token) as publisher:
            reasons: list[str] = []

            def note(change: tickwire.StateChange) -> None:
                if change.closure is not None:
                    reasons.append(change.closure.reason)
                    asyncio.get_running_loop().call_soon(publisher.reconnect)

            publisher.on("state", note)
            await until(lambda: len(server.requests) == 2 and publisher.state == "live")
            assert reasons == ["no token: the issuer is away", "because"]
    headers = [headers["Authorization"] for _, headers in server.requests]
    assert headers == ["Bearer token-2", "Bearer token-3"]


def web_token(expires_in: float) -> str:
    parts = [{"alg": "none"}, {"exp": time.time() + expires_in}]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([text.rstrip("=") for text in texts] + ["signature"])


async def test_token_is_renewed_before_it_expires() -> None:
    tokens = [web_token(2), web_token(10_000)]
    renewed: list[object] = []

    async def script(session: Session) -> None:
        await session.welcome()
        renewed.append((await session.receive(1))[1])
        await answer_pings(session)

    async with ScriptedServer(script) as server:
        async with tickwire.connect(server.url, token=lambda: tokens.pop(0)):
            await until(lambda: len(renewed) == 1)
        assert server.requests[0][1]["Authorization"] != f"Bearer {renewed[0]}"
    assert tokens == []


async def test_a_session_must_open_in_time() -> None:
    async def silent(session: Session) -> None:
        await session.until_closed()

    async with ScriptedServer(silent, live) as server:
        async with tickwire.connect(server.url, connect_timeout_ms=300) as subscriber:
            changes: list[tickwire.StateChange] = []
            subscriber.on("state", changes.append)
            await until(lambda: subscriber.state == "live")
            assert changes[0].closure == tickwire.Closure(1006, "no WELCOME in time")
            assert [each.state for each in changes] == ["connecting", "live"]


async def test_gives_up_when_told() -> None:
    async with ScriptedServer(closing(4001)) as server:
        subscriber = tickwire.connect(server.url, give_up_after_ms=0)
        with pytest.raises(tickwire.ConnectionLostError, match="4001"):
            await subscriber.subscribe("A")
        assert subscriber.state == "closed"


async def test_another_protocol_version_ends_it() -> None:
    async def newer(session: Session) -> None:
        await session.welcome(version=2)
        await session.until_closed()

    async with ScriptedServer(newer) as server:
        async with tickwire.connect(server.url) as subscriber:
            await until(lambda: subscriber.state == "closed")
            assert str(subscriber.failure) == "the server speaks protocol version 2, this client 1"


async def test_a_client_that_is_closed_early_leaves_nothing() -> None:
    async with ScriptedServer(live) as server:
        for _ in range(3):
            subscriber = tickwire.connect(server.url)
            publisher = tickwire.connect_publisher(server.url)
            await asyncio.gather(subscriber.close(), publisher.close())
            assert subscriber.state == publisher.state == "closed"
            assert subscriber.failure is publisher.failure is None
        with pytest.raises(tickwire.ClosedError):
            await subscriber.ready()
        with pytest.raises(tickwire.ClosedError):
            await publisher.publish("A", 1.0)
        await subscriber.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await until(lambda: all(task.done() for task in others), lambda: others)


async def test_a_listener_that_raises_disturbs_nobody() -> None:
    async with ScriptedServer(live) as server:
        faults: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: faults.append(context["exception"]))
        async with tickwire.connect(server.url) as subscriber:
            heard: list[tickwire.StateChange] = []
            subscriber.on("state", lambda _change: 1 / 0)
            subscriber.on("state", heard.append)
            await subscriber.ready()
            assert len(heard) == 1
        assert [type(each) for each in faults] == [ZeroDivisionError, ZeroDivisionError]
