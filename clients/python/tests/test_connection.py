"""What one connection makes of frames, and of silence."""

import asyncio
import time

import pytest

import tickwire

from .support.scripted_server import ScriptedServer, Session, answer_pings, live
from .support.until import until


async def test_silence_ends_a_connection() -> None:
    async def mute(session: Session) -> None:
        await session.welcome(heartbeatMs=40)
        await session.until_closed()

    async with ScriptedServer(mute, live) as server:
        async with tickwire.connect(server.url) as subscriber:
            events = subscriber.events()
            await until(lambda: len(server.requests) == 2 and subscriber.state == "live")
            await anext(events)
            lost = await anext(events)
            assert isinstance(lost, tickwire.StateChange)
            assert lost.closure == tickwire.Closure(1006, "no frame for 2.5 heartbeats")


async def test_own_standstill_is_not_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    # No PINGs but the first one, and those that ask whether the server is there.
    monkeypatch.setattr("tickwire.subscriber.live_stream._PING_INTERVAL_S", 1e6)
    pings = 0

    async def beat(session: Session) -> None:
        while True:
            await session.send([24, time.time() * 1000, session.sent])
            await asyncio.sleep(0.02)

    async def beating(session: Session) -> None:
        nonlocal pings
        await session.welcome(heartbeatMs=400)
        beats = asyncio.ensure_future(beat(session))
        try:
            while True:
                _op, client_time = await session.receive(6)
                pings += 1
                await session.send([25, client_time, time.time() * 1000])
        finally:
            beats.cancel()
            await asyncio.wait({beats})

    async with ScriptedServer(beating) as server:
        async with tickwire.connect(server.url) as subscriber:
            await until(lambda: pings >= 1)
            before = pings
            # The program computes for long, and nothing is read meanwhile.
            time.sleep(3)
            await until(lambda: pings > before)
            await subscriber.ping()
            assert len(server.requests) == 1


async def test_a_wrong_count_of_frames_ends_a_connection() -> None:
    async def losing(session: Session) -> None:
        await session.welcome()
        await session.send([24, 1_700_000_000_000, 1])
        await session.send([24, 1_700_000_000_000.0, 2.0])
        await session.send([24, 1_700_000_000_000, 4])
        await session.until_closed()

    async with ScriptedServer(losing, live) as server:
        async with tickwire.connect(server.url) as subscriber:
            changes: list[tickwire.StateChange] = []
            subscriber.on("state", changes.append)
            await until(lambda: len(server.requests) == 2 and subscriber.state == "live")
            assert changes[1].closure == tickwire.Closure(
                1006, "the server sent 4 frames, 3 arrived"
            )


@pytest.mark.parametrize(
    "frame",
    [
        [20, 1, [7, 1, 1.5]],
        [20, 1, [7, 127, 1.5]],
        [20, 1],
        [21, 1, [[7, 1, 1, 1, 1, 1, 1]]],
        [22, [7, 8]],
        [20, 1, [7, 65, None]],
        [-1.5],
        {},
    ],
)
async def test_a_frame_that_cannot_be_read_ends_a_connection(frame: list[object]) -> None:
    codes: list[int | None] = []

    async def broken(session: Session) -> None:
        await session.welcome()
        await session.send(frame)
        await session.until_closed()
        codes.append(session.socket.close_code)

    async with ScriptedServer(broken, live) as server:
        async with tickwire.connect(server.url) as subscriber:
            await until(lambda: len(server.requests) == 2 and subscriber.state == "live")
            await until(lambda: codes == [4501])


async def test_ignores_what_it_does_not_know() -> None:
    async def newer(session: Session) -> None:
        await session.welcome(more={"a": 1})
        await session.send([99, "what", {}])
        await session.send([34])
        _op, request_id, _patterns, *_ = await session.receive(4)
        await session.send([19, request_id, [0], {"conflateMs": 0, "fields": 63}, "more"])
        await session.send([22, [7, "A", 8.0, "B"], "more"])
        await session.send([20, 1, [7, 127, 1, 2.5, 3, 4, 5, 6, 8.0, 127.0, 1, 1, 1, 1, 1, 1], 0])
        await session.send([20, 2, [7, 12.0, 1.0, 0.25]])
        await session.send([30, None, 99, "news", True, 5, "more"])
        await answer_pings(session)

    async with ScriptedServer(newer) as server:
        async with tickwire.connect(server.url) as subscriber:
            errors: list[tickwire.TickwireError] = []
            subscriber.on("error", errors.append)
            await subscriber.subscribe("*")
            await until(lambda: len(errors) == 1)
            held = subscriber["A"]
            assert (held.update_count, held.last_update_time) == (4, 4.25)
            assert (held.current_price, type(held.current_price)) == (1.0, float)
            assert (subscriber["B"].symbol_id, type(subscriber["B"].symbol_id)) == (8, int)
            (error,) = errors
            assert isinstance(error, tickwire.ServerError)
            assert (error.code, error.name, error.retry_after_ms) == (99, "error 99", 5)
        assert len(server.requests) == 1
