"""Alerts of the real server's rules: none missed, none twice."""

import asyncio
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

import tickwire

from .support.proxy import Proxy
from .support.scripted_server import ScriptedServer, Session
from .support.server import Server
from .support.until import until

START = 1_700_000_000_000


async def post(server: Server, symbol: str, *ticks: tuple[float, float]) -> None:
    """Ticks: time, ms after `START`, and price."""
    await server.post(
        [{"symbol": symbol, "price": price, "timestamp": START + time} for time, price in ticks]
    )


async def jump(server: Server, symbol: str, time: float) -> None:
    """Up and back: four alerts."""
    await post(server, symbol, (time, 100), (time + 5, 103), (time + 9, 100))


def ms(text: str) -> float:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


async def stored(server: Server, symbol: str) -> list[tickwire.Alert]:
    """What the server answers over HTTP."""
    page: dict[str, Any] = await server.get(f"/api/prices/{symbol}/alerts?limit=1000")
    return [
        tickwire.Alert(
            **{
                **{name: item[name] for name in item if not name.endswith(("Time", "Percent"))},
                "change_percent": item["changePercent"],
                "time": ms(item["time"]),
                "start_time": ms(item["startTime"]),
                "reason": item.get("reason"),
            }
        )
        for item in page["items"]
    ]


@pytest.mark.parametrize("encoding", ["binary", "json"])
async def test_alerts_are_those_of_the_server(
    ruled: Server, encoding: Literal["binary", "json"]
) -> None:
    async with tickwire.connect(ruled.url, encoding=encoding) as subscriber:
        alerts = subscriber.live_alerts()
        events: list[tickwire.Alert] = []
        subscriber.on("alert", events.append)
        await subscriber.subscribe("S*", alerts=True)
        await post(ruled, "SPY", (0, 249.75), (5, 257.6591), (9, 249.75))
        await post(ruled, "SLV", (0, 100), (10, 97), (20, 94), (1500, 94))
        seen = [await anext(alerts) for _ in range(9)]
        assert seen == events
        of_spy = [alert for alert in seen if alert.symbol == "SPY"]
        assert of_spy[0] == tickwire.Alert(
            symbol="SPY",
            sequence=1,
            rule="flash",
            episode=1,
            phase="start",
            level="warning",
            direction="Up",
            reference=249.75,
            price=257.6591,
            change_percent=(257.6591 - 249.75) / 249.75 * 100,
            time=START + 5,
            start_time=START + 5,
            peak=257.6591,
            count=1,
            reason=None,
        )
        assert [(each.rule, each.phase, each.reason) for each in of_spy[2:]] == [
            ("flash", "end", "reverted"),
            ("print", "end", "reverted"),
        ]
        assert of_spy == await stored(ruled, "SPY")
        of_slv = [alert for alert in seen if alert.symbol == "SLV"]
        assert of_slv == await stored(ruled, "SLV")
        assert "escalate" in [alert.phase for alert in of_slv]
        assert subscriber.counters.alerts == 9
        page = await subscriber.alert_history("SPY", 1, 2)
        assert (page.alerts, page.more) == (tuple(of_spy[1:3]), True)
        assert (await subscriber.alert_history("NEVER")).alerts == ()


async def test_without_being_asked_for_none_come(ruled: Server) -> None:
    async with tickwire.connect(ruled.url) as subscriber:
        events: list[tickwire.Alert] = []
        subscriber.on("alert", events.append)
        await subscriber.subscribe("SPY")
        await jump(ruled, "SPY", 0)
        await until(lambda: "SPY" in subscriber and subscriber["SPY"].update_count == 3)
        await subscriber.verify()
        await subscriber.subscribe("SPY", stats=False, alerts=True)
        await subscriber.verify()
        await jump(ruled, "SPY", 5000)
        await until(lambda: len(events) == 4)
        assert [alert.sequence for alert in events] == [5, 6, 7, 8]


async def test_alerts_without_gaps_and_duplicates_over_cut_lines(ruled: Server) -> None:
    async with Proxy(ruled.port) as proxy, tickwire.connect(proxy.url) as subscriber:
        seen: list[tickwire.Alert] = []
        gaps: list[tickwire.AlertGap] = []
        subscriber.on("alert", seen.append)
        subscriber.on("alert_gap", gaps.append)
        await subscriber.subscribe("*", alerts=True)
        await jump(ruled, "SPY", 0)
        await post(ruled, "QUIET", (0, 100))
        await until(lambda: len(seen) == 4 and "QUIET" in subscriber)
        for round_ in range(1, 4):
            proxy.mute()
            # Raised while the line is dead: also of a symbol that had none so far.
            await jump(ruled, "SPY", 5000 * round_)
            if round_ == 1:
                await jump(ruled, "QUIET", 5000)
            proxy.cut()
            await until(lambda: not subscriber["SPY"].is_live)
            await until(lambda: subscriber["SPY"].is_live)
        await until(lambda: len(seen) == 20, lambda: seen)
        assert [each for each in seen if each.symbol == "SPY"] == await stored(ruled, "SPY")
        assert [each for each in seen if each.symbol == "QUIET"] == await stored(ruled, "QUIET")
        assert gaps == []


async def test_alerts_since_an_earlier_run_and_what_is_gone(ruled: Server) -> None:
    # Without a store the server keeps the last 64 of a symbol.
    async with tickwire.connect(ruled.url) as earlier:
        await earlier.subscribe("*", alerts=True)
        for i in range(25):
            await jump(ruled, "SPY", 5000 * i)
        await jump(ruled, "SLV", 0)
        # Ticks are accepted before they raise anything.
        await until(lambda: earlier.counters.alerts == 104)
    async with tickwire.connect(ruled.url) as subscriber:
        gaps: list[tickwire.AlertGap] = []
        subscriber.on("alert_gap", gaps.append)
        alerts = subscriber.live_alerts()
        await subscriber.subscribe("*", alerts=True, alerts_since={"SPY": 10, "SLV": 2})
        seen: dict[str, list[int]] = {"SPY": [], "SLV": []}
        while not (seen["SPY"] and seen["SPY"][-1] == 100 and len(seen["SLV"]) == 2):
            alert = await asyncio.wait_for(anext(alerts), 60)
            seen[alert.symbol].append(alert.sequence)
        first = seen["SPY"][0]
        assert first > 11
        assert gaps == [tickwire.AlertGap("SPY", 11, first - 1)]
        assert seen == {"SPY": list(range(first, 101)), "SLV": [3, 4]}
        with pytest.raises(tickwire.ServerError) as refused:
            await subscriber.alert_history("SPY", 0)
        assert (refused.value.name, refused.value.retryable) == ("not_available", False)


async def test_past_alerts_are_those_of_a_range_oldest_first(
    rules_flag: str, tmp_path: Path
) -> None:
    async with Server(rules_flag, f"--store.directory={tmp_path / 'store'}") as server:
        for i in range(10):
            await jump(server, "SPY", 5000 * i)
        await jump(server, "A/B & C,D", 21_000)
        async with tickwire.connect(server.url) as subscriber:
            while len(await subscriber.alerts(from_=0).to_list()) < 44:
                await asyncio.sleep(0.01)
            of_spy = await stored(server, "SPY")
            assert len(of_spy) == 40
            assert await subscriber.alerts("SPY", from_=0, limit=7).to_list() == of_spy
            from_ = datetime.fromtimestamp((START + 5000) / 1000, timezone.utc)
            part = subscriber.alerts(["SPY"], from_=from_, to=START + 15_000, limit=3)
            assert await part.to_list() == of_spy[4:12]
            part = subscriber.alerts("S*", to="2023-11-14T22:13:30Z")
            assert await part.to_list() == of_spy[:8]
            of_odd = await subscriber.alerts("A/B & C,D", from_=0).to_list()
            assert [(each.symbol, each.sequence) for each in of_odd] == [
                ("A/B & C,D", sequence) for sequence in range(1, 5)
            ]
            mixed = await subscriber.alerts(from_=0, limit=5).to_list()
            assert mixed == [*of_spy[:20], *of_odd, *of_spy[20:]]
            ends = subscriber.alerts(rule="print", phase=("end",), level=["warning"], from_=0)
            assert await ends.to_list() == [
                each for each in mixed if each.rule == "print" and each.phase == "end"
            ]
            assert await subscriber.alerts(level="critical").to_list() == []
            newest = subscriber.alerts("SPY", limit=3)
        # It works without a session, and each loop begins anew.
        for _loop in range(2):
            assert [each async for each in newest] == of_spy[-3:]


async def test_past_alerts_say_what_is_wrong(ruled: Server) -> None:
    async with tickwire.connect(ruled.url) as subscriber:
        with pytest.raises(tickwire.TickwireError, match=r"^404 .*store"):
            await subscriber.alerts("SPY", from_=0).to_list()
        with pytest.raises(tickwire.TickwireError, match=r"^400 .*phase"):
            await subscriber.alerts(phase="begin").to_list()  # type: ignore[arg-type]
        wrong: list[tuple[type[Exception], dict[str, Any]]] = [
            (TypeError, {"patterns": [1]}),
            (TypeError, {"rule": 1}),
            (TypeError, {"level": [2]}),
            (TypeError, {"from_": []}),
            (ValueError, {"limit": 1001}),
            (ValueError, {"to": 1e300}),
            (ValueError, {"to": datetime(2026, 1, 1)}),
        ]
        for kind, arguments in wrong:
            (name,) = arguments
            with pytest.raises(kind, match=name.rstrip("_")):
                subscriber.alerts(**arguments)
        past = subscriber.alerts("SPY")
        await ruled.kill()
        with pytest.raises(tickwire.TickwireError, match="no answer from http://127"):
            await past.to_list()


async def test_a_rule_has_its_name_for_a_connection() -> None:
    alert = [7, 1, 3, 1, 1, 2, -1, 100, 97, -3, 5, 5, 97, 1, 0]

    async def open_with(session: Session, *frames: list[Any]) -> None:
        await session.welcome()
        _op, request_id, _patterns, options = await session.receive(4)
        assert options["alerts"] is True
        await session.send([19, request_id, [0], {}])
        await session.send([22, [7, "A"]])
        for frame in frames:
            await session.send(frame)

    async def first(session: Session) -> None:
        await open_with(session, [29, [3, "flash", "spike"]], [28, 1, [alert]])
        await session.close(4001)

    async def second(session: Session) -> None:
        # Without a name, which was that of another connection.
        await open_with(session, [28, 1, [[7, 2, *alert[2:]]]])
        await session.until_closed()

    async def third(session: Session) -> None:
        await open_with(session, [29, [3, "print", "gap"]], [28, 1, [[7, 2, *alert[2:]]]])
        await session.until_closed()

    async with ScriptedServer(first, second, third) as server:
        async with tickwire.connect(server.url) as subscriber:
            alerts = subscriber.live_alerts()
            subscriber.subscribe("A", alerts=True)
            seen = [await asyncio.wait_for(anext(alerts), 60) for _ in range(2)]
            assert [(each.sequence, each.rule) for each in seen] == [(1, "flash"), (2, "print")]
            assert (seen[0].level, seen[0].direction) == ("critical", "Down")
            assert len(server.requests) == 3
