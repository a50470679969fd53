"""Tokens of the real server."""

import asyncio
import os
import shutil

import pytest

import tickwire

from .support.server import PROGRAM, Server
from .support.until import until

SECRET = {"TICKWIRE_AUTH_JWT_SECRET": "0123456789abcdef" * 4}


async def make_token(*flags: str) -> str:
    process = await asyncio.create_subprocess_exec(
        shutil.which("node") or "node",
        str(PROGRAM),
        "token",
        *flags,
        env={"PATH": os.environ["PATH"], **SECRET},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().strip()


async def test_tokens_open_sessions_limit_them_and_are_renewed() -> None:
    feed, view, wider = await asyncio.gather(
        make_token("--subject", "feed-a", "--publish", "BTC-*", "--expires", "8h"),
        make_token("--subject", "view", "--read", "BTC-*", "--expires", "8h"),
        make_token("--subject", "view", "--read", "*", "--expires", "8h"),
    )

    async def find_feed() -> str:
        return feed

    async with (
        Server(env=SECRET) as server,
        tickwire.connect_publisher(server.url, publisher="feed-a", token=find_feed) as publisher,
        tickwire.connect(server.url, token=view) as subscriber,
    ):
        subscription = await subscriber.subscribe(["BTC-USD", "ETH-USD"])
        assert subscription.refusals == (tickwire.Refusal("ETH-USD", 11, "forbidden"),)
        await publisher.publish_batch([("BTC-USD", 1.0), ("ETH-USD", 1.0)])
        await publisher.flush()
        assert [(each.symbol, each.reason) for each in publisher.rejects] == [
            ("ETH-USD", "forbidden")
        ]
        await until(lambda: "BTC-USD" in subscriber)
        subscriber.authenticate(wider)
        eth = await subscriber.subscribe("ETH-*")
        assert eth.refusals == ()
        errors: list[tickwire.TickwireError] = []
        subscriber.on("error", errors.append)
        subscriber.authenticate(feed)
        await until(lambda: len(errors) == 1)
        assert isinstance(errors[0], tickwire.ServerError)
        assert errors[0].name == "unauthorized"
        assert (await subscriber.verify()).equal
        with pytest.raises(TypeError, match="token: expected a string, got None"):
            subscriber.authenticate(None)  # type: ignore[arg-type]

        stranger = tickwire.connect(server.url, token="nonsense")
        with pytest.raises(tickwire.ConnectionLostError) as ended:
            await stranger.ready()
        assert ended.value.code == tickwire.CloseCode.UNAUTHORIZED


async def test_past_alerts_are_asked_for_with_the_token(rules_flag: str) -> None:
    view = await make_token("--subject", "view", "--read", "*", "--expires", "8h")

    async def find_view() -> str:
        return view

    async with Server(rules_flag, env=SECRET) as server:
        for token in (view, find_view):
            async with tickwire.connect(server.url, token=token) as subscriber:
                assert await subscriber.alerts().to_list() == []
        async with tickwire.connect(server.url) as stranger:
            with pytest.raises(tickwire.TickwireError, match=r"^401 "):
                await stranger.alerts().to_list()
