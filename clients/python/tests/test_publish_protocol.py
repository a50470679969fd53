"""A publisher's side of the protocol, against a scripted server."""

import asyncio
from typing import Any

import pytest

import tickwire

from .support.scripted_server import ScriptedServer, Session
from .support.until import until

Frames = list[tuple[int, list[Any]]]


async def welcome(session: Session, sequence: int = 0, credit: int = 65_536, **more: Any) -> None:
    info = {"publisher": "feed-a", "sequence": sequence, "credit": credit, "overflow": "wait"}
    await session.welcome(**info, **more)


async def receive(session: Session, frames: Frames) -> int:
    """Takes a TICKS frame. Returns its sequence."""
    _op, sequence, ticks = await session.receive(3)
    frames.append((sequence, ticks[1::3]))
    return int(sequence)


async def accept(session: Session) -> None:
    """Acknowledges everything."""
    accepted = 0
    while True:
        _op, sequence, ticks = await session.receive(3)
        accepted += len(ticks) // 3
        await session.send([17, sequence, accepted, 0, 0, 65_536])


async def test_declares_aliases_on_each_connection() -> None:
    aliases: list[Any] = []
    ticks: list[Any] = []

    async def script(session: Session) -> None:
        await welcome(session)
        aliases.append((await session.receive(2))[1:])
        ticks.append((await session.receive(3))[1:])
        await session.close(4001)

    async with ScriptedServer(script) as server:
        publisher = tickwire.connect_publisher(server.url, publisher="feed-a")
        await publisher.publish_batch([("A", 1, 5), ("B", 2.5), ("A", 3.0, 7.25)])
        for count in (1, 2):
            await until(lambda count=count: len(ticks) >= count)  # type: ignore[misc]
            publisher.reconnect()
        with pytest.raises(tickwire.TickwireError, match="3 ticks"):
            await publisher.close(0)
        assert server.requests[0][0] == "/v1/publish?publisher=feed-a"
    assert aliases[:2] == [[0, ["A", "B"]]] * 2
    assert ticks[:2] == [[1, [0, 1, 5, 1, 2.5, None, 0, 3, 7.25]]] * 2


async def test_resumes_after_the_sequence_that_the_server_has() -> None:
    frames: Frames = []

    async def first(session: Session) -> None:
        await welcome(session, sequence=10)
        for _ in range(3):
            await receive(session, frames)
        await session.send([17, 11, 1, 0, 0, 100])
        await session.close(4005)

    async def second(session: Session) -> None:
        # 12 arrived, though its ACK was lost; 13 did not.
        await welcome(session, sequence=12)
        await receive(session, frames)
        await session.send([17, 13, 1, 0, 0, 100])
        await session.close(4001)

    async def third(session: Session) -> None:
        # It started over, and knows nothing.
        await welcome(session, sequence=0)
        await receive(session, frames)
        await session.send([17, 1, 1, 0, 0, 100])
        await session.until_closed()

    async with ScriptedServer(first, second, third) as server:
        publisher = tickwire.connect_publisher(server.url, batch_ticks_max=1)
        acknowledged: list[tickwire.Acknowledgement] = []
        publisher.on("ack", acknowledged.append)
        for price in (1, 2, 3):
            await publisher.publish("A", price)
        await until(lambda: publisher.state == "reconnecting")
        publisher.reconnect()
        await until(lambda: publisher.totals.unacknowledged == 0)
        await until(lambda: publisher.state == "reconnecting")
        await publisher.publish("A", 4)
        publisher.reconnect()
        await publisher.close()
        assert publisher.totals == tickwire.PublisherTotals(4, 3, 0, 0, 1, 0, 0, 2)
    assert frames == [(11, [1]), (12, [2]), (13, [3]), (13, [3]), (1, [4])]
    assert [each for each in acknowledged if each.ticks] == [(1, 1)] * 4


async def test_another_publisher_of_the_name_is_reported() -> None:
    async def first(session: Session) -> None:
        await welcome(session)
        await receive(session, [])
        await session.close(4001)

    async def second(session: Session) -> None:
        await welcome(session, sequence=5)
        await session.until_closed()

    async with ScriptedServer(first, second) as server:
        publisher = tickwire.connect_publisher(server.url, publisher="feed-a")
        await publisher.publish("A", 1)
        with pytest.raises(tickwire.TickwireError, match="another publisher uses the name feed-a"):
            await publisher.flush()
        assert publisher.state == "closed"


async def test_never_sends_beyond_its_credit() -> None:
    frames: Frames = []
    go_on = asyncio.Event()

    async def script(session: Session) -> None:
        await welcome(session, credit=3)
        await receive(session, frames)
        await go_on.wait()
        # Unsolicited credit, then acknowledgements.
        await session.send([17, 0, 0, 0, 0, 5])
        await receive(session, frames)
        await session.send([17, 2, 5, 0, 0, 100])
        await accept(session)

    async with ScriptedServer(script) as server:
        async with tickwire.connect_publisher(server.url, batch_delay_ms=0) as publisher:
            await publisher.publish_batch([("A", 1.0 + i) for i in range(7)])
            await until(lambda: len(frames) == 1)
            await asyncio.sleep(0.05)
            assert frames == [(1, [1, 2, 3])]
            assert publisher.totals.buffered == 4
            go_on.set()
    assert frames[1] == (2, [4, 5])


async def test_what_is_refused_for_now_is_sent_again_unchanged() -> None:
    frames: Frames = []

    async def script(session: Session) -> None:
        await welcome(session)
        for _ in range(3):
            await receive(session, frames)
        await session.send([17, 1, 1, 0, 0, 100])
        await session.send([30, None, 12, "beyond credit", True, 5])
        for _ in range(2):
            await receive(session, frames)
        await session.send([30, None, 9, "too fast", True, 5])
        # Paced: alone, then the other.
        for _ in range(2):
            await receive(session, frames)
        await session.send([17, 3, 3, 0, 0, 100])
        await accept(session)

    async with ScriptedServer(script) as server:
        async with tickwire.connect_publisher(server.url, batch_ticks_max=1) as publisher:
            for price in (1, 2, 3):
                await publisher.publish("A", price)
            await publisher.flush()
            await publisher.publish("A", 4)
        assert publisher.totals.unacknowledged == 0
    assert frames == [(1, [1]), (2, [2]), (3, [3]), (2, [2]), (3, [3]), (2, [2]), (3, [3])]


async def test_other_errors_are_events() -> None:
    async def script(session: Session) -> None:
        await welcome(session)
        await session.send([30, None, 14, "no snapshot can be saved", True, None])
        await session.send([30, None, 13, "a gap", True, None])
        await session.send([99])
        await accept(session)

    async with ScriptedServer(script) as server:
        async with tickwire.connect_publisher(server.url) as publisher:
            errors: list[tickwire.TickwireError] = []
            publisher.on("error", errors.append)
            await publisher.publish("A", 1)
            await publisher.flush()
    assert [str(each) for each in errors] == ["no snapshot can be saved"]


async def test_frames_fit_the_servers_limits() -> None:
    sizes: list[int] = []
    limits = {
        "frameBytesMax": 600,
        "ticksPerFrameMax": 20,
        "symbolsMax": 100,
        "subscriptionsMax": 10,
        "authTimeoutMs": 1000,
    }

    async def script(session: Session) -> None:
        await welcome(session, limits=limits)
        while True:
            message = await session.socket.recv()
            sizes.append(len(message))
            if message[1] == 3:
                await session.send([17, len([1 for _ in sizes]), 0, 0, 0, 65_536])

    async with ScriptedServer(script) as server:
        publisher = tickwire.connect_publisher(server.url)
        await publisher.publish_batch([("€" * 31 + chr(65 + i % 26), 1.1) for i in range(300)])
        await until(lambda: len(sizes) >= 15)
        assert max(sizes) <= 600
        with pytest.raises(tickwire.TickwireError):
            await publisher.close(0)
