"""How late data is: the arithmetic by a clock of the test, then over connections."""

import asyncio
import time
from types import SimpleNamespace

import pytest

import tickwire
from tickwire.subscriber.lag import LagMonitor
from tickwire.subscriber.round_trips import RoundTrips

from .support.proxy import Proxy
from .support.scripted_server import ScriptedServer, Session
from .support.server import Server
from .support.until import until

AHEAD_MS = 100_000
LIMIT_MS = 1000
CHECK_MS = 250


class Rig:
    """A monitor, and what it says; the server's clock is known but for 5 ms."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 50.0
        clock = SimpleNamespace(perf_counter=lambda: self.now_s)
        monkeypatch.setattr("tickwire.subscriber.lag.time", clock)
        monkeypatch.setattr("tickwire.subscriber.round_trips.time", clock)
        self.said: list[tickwire.Lag] = []
        self.asked = 0
        self.frames = 0
        self.sent_at: list[float] = []
        self.trips = RoundTrips()
        self.monitor = LagMonitor(LIMIT_MS, self.trips, self.said.append)
        self.monitor.reset()
        self.ask()
        self.asked = 0
        self.now_s += 0.01
        self.answer(5)

    @property
    def server_time(self) -> float:
        return self.now_s * 1000 + AHEAD_MS

    def ask(self) -> None:
        self.asked += 1
        self.trips.measure(self.sent_at.append)

    def answer(self, late_ms: float) -> None:
        self.frames += 1
        self.trips.note(self.sent_at.pop(0), self.server_time - late_ms)

    def frame(self, late_ms: float, behind_ms: float = 0) -> None:
        """A frame arrives that was written so long ago."""
        self.frames += 1
        self.monitor.take(self.server_time - late_ms, behind_ms)

    def pass_by(self, ms: float) -> None:
        for _ in range(round(ms / CHECK_MS)):
            self.now_s += CHECK_MS / 1000
            if self.monitor.check(self.frames):
                self.ask()


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


async def test_counts_the_error_of_the_clock_and_what_waits_at_the_server(rig: Rig) -> None:
    rig.frame(300)
    assert rig.monitor.lag_ms == pytest.approx(305, abs=0.1)
    rig.frame(300, 500)
    assert rig.monitor.lag_ms == pytest.approx(805, abs=0.1)
    assert not rig.monitor.is_lagging
    rig.frame(300, 800)
    assert rig.monitor.is_lagging
    # What is no frame of statistics says nothing of what waits.
    rig.monitor.take(rig.server_time - 100)
    assert rig.monitor.lag_ms == pytest.approx(905, abs=0.1)


async def test_is_told_once_above_the_limit_and_again_well_below(rig: Rig) -> None:
    for late_ms in (900, 1100, 2000, 900, 1100, 800, 700, 900):
        rig.frame(late_ms)
    assert [each.is_lagging for each in rig.said] == [True, False]
    assert [round(each.lag_ms) for each in rig.said] == [1105, 705]


async def test_is_not_known_before_the_clock_is() -> None:
    monitor = LagMonitor(LIMIT_MS, RoundTrips(), lambda lag: pytest.fail(str(lag)))
    monitor.take(time.time() * 1000 - 50_000, 0)
    assert (monitor.lag_ms, monitor.is_lagging) == (0, False)


async def test_a_silence_is_no_lag_while_the_server_answers(rig: Rig) -> None:
    rig.frame(20)
    rig.pass_by(1000)
    assert rig.asked == 1
    rig.answer(0)
    rig.pass_by(4000)
    assert (rig.asked, rig.said) == (1, [])


async def test_a_silence_is_a_lag_until_the_server_answers(rig: Rig) -> None:
    rig.frame(20)
    rig.pass_by(2000)
    assert len(rig.said) == 1
    assert rig.monitor.is_lagging
    assert rig.monitor.lag_ms > LIMIT_MS
    rig.frame(1900)
    assert rig.monitor.is_lagging
    rig.frame(10)
    assert not rig.monitor.is_lagging


async def test_silences_are_asked_about_now_and_then_only(rig: Rig) -> None:
    for _ in range(20):
        rig.frame(10)
        rig.pass_by(1000)
        if rig.sent_at:
            rig.answer(0)
    assert rig.asked <= 5
    assert rig.said == []


async def test_the_clock_is_that_of_the_best_round_trip(rig: Rig) -> None:
    # Behind data: the answer took 8 s, nearly all of it on the way back.
    rig.ask()
    rig.now_s += 8
    rig.answer(7990)
    assert rig.trips.newest_ms == pytest.approx(8000)
    assert rig.trips.server_time == pytest.approx(rig.server_time, abs=0.1)
    assert rig.trips.error_ms == pytest.approx(5.8, abs=0.1)
    # A clock that was set is another clock, however well the old one was known.
    rig.ask()
    rig.now_s += 0.02
    rig.answer(-3_600_000)
    assert rig.trips.server_time == pytest.approx(rig.server_time + 3_600_000, abs=15)


async def test_nothing_is_live_while_data_lags() -> None:
    go_on = asyncio.Event()

    async def script(session: Session) -> None:
        await session.welcome()
        _op, client_time = await session.receive(6)
        await session.send([25, client_time, time.time() * 1000])
        _op, request_id, patterns, _options = await session.receive(4)
        await session.send([19, request_id, [0] * len(patterns), {"conflateMs": 0, "fields": 63}])
        await session.send([22, [7, "A"]])
        # In time, but the server is behind.
        await session.send([20, time.time() * 1000, [7, 127, 1, 1, 1, 1, 1, 1], 5000])
        await go_on.wait()
        await session.send([20, time.time() * 1000, [7, 1, 2]])
        await session.until_closed()

    async with ScriptedServer(script) as server:
        async with tickwire.connect(server.url) as subscriber:
            events = subscriber.events()
            subscriber.subscribe("A")
            await until(lambda: subscriber.is_lagging)
            assert subscriber.lag_ms >= 5000
            assert subscriber.latency is not None
            assert subscriber.latency.lag_ms == subscriber.lag_ms
            late = subscriber["A"]
            assert (late.current_price, late.is_live) == (1, False)
            go_on.set()
            await until(lambda: subscriber["A"].is_live)
            assert subscriber["A"].current_price == 2
            assert not subscriber.is_lagging
            lags = [await anext(events) for _ in range(3)][1:]
            assert all(isinstance(each, tickwire.Lag) for each in lags)
            assert [each.is_lagging for each in lags if isinstance(each, tickwire.Lag)] == [
                True,
                False,
            ]


async def test_a_link_that_stands_still_lags_until_it_moves() -> None:
    # Not given up for silence meanwhile.
    async with Server("--server.heartbeatMs=60000") as server, Proxy(server.port) as proxy:
        await server.post({"symbol": "A", "price": 1})
        async with tickwire.connect(proxy.url, lag_ms=400) as subscriber:
            await subscriber.subscribe("A")
            await until(lambda: "A" in subscriber and subscriber["A"].is_live)
            proxy.mute()
            await until(lambda: subscriber.is_lagging)
            assert (subscriber.state, subscriber["A"].is_live) == ("live", False)
            proxy.unmute()
            await until(lambda: subscriber["A"].is_live)
            # What lagged was this session's all the same.
            assert (await subscriber.verify()).equal
