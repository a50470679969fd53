"""Mistakes of the program are told where they are made, and name the value."""

import asyncio
import math
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import numpy
import pytest

import tickwire
from tickwire.connection.options import endpoint_url, endpoint_urls

URL = "ws://127.0.0.1:9"


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("ws://127.0.0.1:9001", "ws://127.0.0.1:9001/v1/stream"),
        ("http://a:1/", "ws://a:1/v1/stream"),
        ("https://a.example/prices/?x=1#y", "wss://a.example/prices/v1/stream"),
        ("wss://[::1]:9", "wss://[::1]:9/v1/stream"),
    ],
)
def test_urls(server: str, url: str) -> None:
    assert endpoint_url(server, "/v1/stream") == url


@pytest.mark.parametrize("server", ["", "localhost:9001", "ftp://a", "ws://", "ws://a:x", "/path"])
def test_what_is_no_url(server: str) -> None:
    with pytest.raises(ValueError, match=r"url: expected the URL of a server, such as 'ws://127"):
        endpoint_url(server, "/v1/stream")


def test_several_urls_in_any_order() -> None:
    servers = ["ws://a", "https://b/x", "ws://c:1"]
    orders = {tuple(endpoint_urls(servers, "/p", "q=1")) for _ in range(300)}
    assert len(orders) == 6
    assert {frozenset(order) for order in orders} == {
        frozenset(["ws://a/p?q=1", "wss://b/x/p?q=1", "ws://c:1/p?q=1"])
    }
    assert endpoint_urls("ws://a", "/p") == ["ws://a/p"]


@pytest.mark.parametrize("servers", [[], ["ws://a", "b"], ["ws://a", ""]])
def test_what_are_no_urls(servers: list[str]) -> None:
    with pytest.raises(ValueError, match="url: expected the URL of a server"):
        endpoint_urls(servers, "/v1/stream")


@pytest.mark.parametrize("servers", [None, 5, {"ws://a"}, [5]])
def test_what_is_no_list_of_urls(servers: Any) -> None:
    with pytest.raises(TypeError, match="url: expected the URL of a server"):
        endpoint_urls(servers, "/v1/stream")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"conflate_ms": "100"},
            "conflate_ms: expected a number of ms, 0 to 2147483647, got '100'",
        ),
        ({"conflate_ms": math.nan}, "conflate_ms: expected a number of ms"),
        ({"conflate_ms": -1}, "conflate_ms: expected a number of ms"),
        ({"lag_ms": 0}, "lag_ms: expected a number of ms, 1 to 2147483647, got 0"),
        ({"lag_ms": "1"}, "lag_ms: expected a number of ms"),
        ({"conflate_ms": True}, "conflate_ms: expected a number of ms"),
        ({"encoding": "xml"}, "encoding: expected 'binary' or 'json', got 'xml'"),
        ({"token": 5}, "token: expected a string or a function, got 5"),
        ({"connect_timeout_ms": 0}, "connect_timeout_ms: expected a number of ms"),
        ({"give_up_after_ms": -1}, "give_up_after_ms: expected a number of ms, 0 or more, got -1"),
        ({"ssl": True}, "ssl: expected an ssl.SSLContext, got True"),
        ({"headers": "x"}, "headers: expected a mapping of strings, got 'x'"),
        ({"conflateMs": 1}, "unexpected keyword argument 'conflateMs'"),
    ],
)
async def test_options_of_a_subscriber(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        tickwire.connect(URL, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"publisher": "a b"}, "publisher: expected 1 to 64 characters of"),
        ({"publisher": ""}, "publisher: expected 1 to 64 characters of"),
        ({"batch_ticks_max": 1.5}, "batch_ticks_max: expected an integer of ticks, 1 to 1048576"),
        ({"batch_delay_ms": 70_000}, "batch_delay_ms: expected a number of ms, 0 to 60000"),
        ({"buffer_ticks_max": 0}, "buffer_ticks_max: expected an integer of ticks"),
    ],
)
async def test_options_of_a_publisher(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        tickwire.connect_publisher(URL, **options)


async def test_outside_an_event_loop() -> None:
    def outside() -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            tickwire.connect(URL)

    await asyncio.to_thread(outside)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.subscribe("A", fields=64), "fields: expected an integer, 1 to 63, got 64"),
        (lambda s: s.subscribe("A", fields=0), "fields: expected an integer, 1 to 63, got 0"),
        (lambda s: s.subscribe("A", stats=1), "stats: expected True or False, got 1"),
        (lambda s: s.subscribe("A", since={"A": -1}), r"since\['A'\]: expected an integer, 0 to"),
        (lambda s: s.subscribe("A", since={1: 1}), "since: expected symbols as keys, got 1"),
        (lambda s: s.subscribe("A", alerts=1), "alerts: expected True or False, got 1"),
        (lambda s: s.subscribe("A", alerts_since={"A": 0.5}), r"alerts_since\['A'\]: expected an"),
        (lambda s: s.subscribe(["A", 5]), "patterns: expected a string, or strings, got 5"),
        (lambda s: s.subscribe("\ud800"), "patterns: expected no lone surrogates"),
        (lambda s: s.on("updates", print), "event: expected one of update, anomaly, gap, state"),
        (lambda s: s.on("update", 5), "listener: expected a plain function, got 5"),
        (lambda s: s.on("update", listener), "listener: expected a plain function, got <function"),
        (lambda s: s.set_conflate_ms(None), "conflate_ms: expected a number of ms"),
        (lambda s: s.authenticate(5), "token: expected a string"),
    ],
)
async def test_calls_of_a_subscriber(
    call: Callable[[tickwire.Subscriber], object], message: str
) -> None:
    async with tickwire.connect(URL) as subscriber:
        with pytest.raises((TypeError, ValueError), match=message):
            call(subscriber)


async def listener(_update: object) -> None: ...


async def test_history_of_what() -> None:
    async with tickwire.connect(URL) as subscriber:
        for arguments in [(5,), ("A", -1), ("A", 0, 0), ("A", 1.5)]:
            with pytest.raises((TypeError, ValueError), match="expected"):
                await subscriber.history(*arguments)  # type: ignore[arg-type]
            with pytest.raises((TypeError, ValueError), match="expected"):
                await subscriber.alert_history(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tick", "message"),
    [
        (
            ("", 1.0),
            r"ticks\[1\].symbol: expected a string of 1 to 32 characters, got '', which is",
        ),
        (("*", 1.0), r"which contains \"\*\", reserved for patterns"),
        ((5, 1.0), r"ticks\[1\].symbol: expected a string"),
        (("A", 0), r"ticks\[1\].price: expected a finite number above 0, got 0"),
        (("A", -1.0), "price: expected"),
        (("A", math.inf), "price: expected"),
        (("A", math.nan), "price: expected"),
        (("A", 10**400), "price: expected"),
        (("A", Decimal("NaN")), "price: expected"),
        (("A", "1"), "price: expected"),
        (("A", True), "price: expected"),
        (("A", None), "price: expected"),
        (("A", 1.0, -1), r"ticks\[1\].time: expected ms since the Unix epoch"),
        (("A", 1.0, math.inf), "time: expected"),
        (("A", 1.0, "now"), "time: expected"),
        (("A", 1.0, datetime(2020, 1, 1)), "time: expected"),
        (("A",), r"ticks\[1\]: expected \(symbol, price\) or with a time, got \('A',\)"),
        ("AB", r"ticks\[1\]: expected \(symbol, price\)"),
    ],
)
async def test_ticks_that_the_server_would_refuse(tick: Any, message: str) -> None:
    publisher = tickwire.connect_publisher(URL)
    with pytest.raises((TypeError, ValueError), match=message):
        await publisher.publish_batch([("A", 1.0), tick])
    # None of the batch was taken.
    assert publisher.totals.sent == 0
    await publisher.publish_batch([])
    await publisher.close()


async def test_kinds_of_prices_and_times() -> None:
    publisher = tickwire.connect_publisher(URL)
    noon = datetime(2020, 1, 1, 12, tzinfo=timezone.utc)
    for price in (1, 1.5, Decimal("1.5"), numpy.float64(1.5), numpy.float32(1.5), numpy.int64(1)):
        publisher.publish_nowait("A", price)
        publisher.publish_nowait("A", 1.0, noon)
        publisher.publish_nowait("A", 1.0, numpy.int64(5))
    values = publisher._stream.buffer.slice(0, 18)
    assert {type(each) for each in values} == {int, float, type(None)}
    with pytest.raises(tickwire.TickwireError, match="18 ticks"):
        await publisher.close(0)
