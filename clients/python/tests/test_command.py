"""``python -m tickwire`` on the real server."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from asyncio.subprocess import PIPE, Process

import tickwire

from .support.server import PATIENCE_S, Server
from .support.until import until


def hear_interrupts() -> None:
    """For a child: a shell has what it starts in the background ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def start(*arguments: str, **env: str) -> Process:
    environment = {name: text for name, text in os.environ.items() if "TICKWIRE" not in name}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tickwire",
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env=environment | {"PYTHONUNBUFFERED": "1"} | env,
        preexec_fn=hear_interrupts,
    )


async def run(*arguments: str, **env: str) -> tuple[int | None, str, str]:
    process = await start(*arguments, **env)
    out, error = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, out.decode(), error.decode()


async def test_version_and_mistakes() -> None:
    assert await run("--version") == (0, f"tickwire {tickwire.__version__}\n", "")
    code, out, _ = await run("watch", "--help")
    assert code == 0
    assert "130 Ctrl-C" in out
    for arguments, message in [
        ([], "COMMAND"),
        (["watch", "--bogus"], "unrecognized arguments: --bogus"),
        (["watch", "--count", "0"], "1 or more"),
        (["watch", "--url", "localhost:9001"], "url: expected the URL of a server"),
    ]:
        code, out, error = await run(*arguments)
        assert (code, out) == (2, "")
        assert message in error


async def test_lines(server: Server) -> None:
    await server.post([{"symbol": "A", "price": 100, "timestamp": 1_000}])
    await server.post([{"symbol": "A", "price": 103.5, "timestamp": 1_100}])
    await server.post([{"symbol": "日経225", "price": 39_000}, {"symbol": "C", "price": 1}])
    code, out, error = await run("watch", "A", "--count", "2", "日経*", TICKWIRE_URL=server.url)
    assert code == 0, error
    assert sorted(out.splitlines()) == [
        "A 103.5 average 101.75 count 2 min 100 max 103.5",
        "日経225 39000 average 39000 count 1 min 39000 max 39000",
    ]
    assert error == "tickwire: live\n"


async def test_json(server: Server) -> None:
    process = await start("watch", "A", "--json", "--url", server.url)
    assert process.stdout is not None
    assert process.stderr is not None
    assert await process.stderr.readline() == b"tickwire: live\n"
    found = []
    async with tickwire.connect_publisher(server.url) as publisher:
        await publisher.publish("A", 100, 1_000)
        found.append(json.loads(await process.stdout.readline()))
        await publisher.publish("A", 103, 1_100)
        found += [json.loads(await process.stdout.readline()) for _ in range(2)]
    first, second, third = sorted(found, key=lambda each: (each["type"], each.get("update_count")))
    assert first == {
        "type": "anomaly",
        "symbol": "A",
        "sequence": 1,
        "direction": 1,
        "reference_price": 100,
        "new_price": 103,
        "change_percent": 3,
        "timestamp": 1_100,
    }
    assert (second["update_count"], second["previous_price"]) == (1, None)
    assert (third["current_price"], third["previous_price"], third["is_live"]) == (103, 100, True)
    process.send_signal(signal.SIGINT)
    out, error = await process.communicate()
    assert (process.returncode, out, error) == (130, b"", b"")


async def test_what_ends_it(server: Server) -> None:
    code, _, error = await run("watch", " A", "B", "--url", server.url)
    assert code == 1
    assert error.endswith("tickwire: refused: ' A': bad_symbol\n")
    await server.kill()
    code, _, error = await run("watch", "--url", server.url, "--give-up-after", "0")
    assert code == 1
    assert "connection closed (1006)" in error


async def test_a_reader_that_has_seen_enough(server: Server) -> None:
    await server.post([{"symbol": "A", "price": 100}])
    process = await start("watch", "--url", server.url)
    assert process.stdout is not None
    await process.stdout.readline()
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
    while process.returncode is None:
        await server.post([{"symbol": "A", "price": 100}])
        await asyncio.sleep(0.01)
    assert process.stderr is not None
    assert process.returncode == 0
    assert b"Error" not in await process.stderr.read()


async def test_table_on_a_terminal(server: Server) -> None:
    await server.post([{"symbol": "A", "price": 100}, {"symbol": "B", "price": 2}])
    terminal, inner = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tickwire", "watch", "--url", server.url),
        stdin=inner,
        stdout=inner,
        stderr=inner,
        preexec_fn=hear_interrupts,
    )
    os.close(inner)
    shown = b""

    def read() -> None:
        nonlocal shown
        # Ends with an error when the other side is gone.
        with contextlib.suppress(OSError):
            while data := os.read(terminal, 65_536):
                shown += data

    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        await until(lambda: b"B" in shown and b"live" in shown, lambda: shown)
        # Both within the second in which a move is an anomaly, however slow this machine is.
        await server.post([{"symbol": "A", "price": price} for price in (100, 105)])
        await until(lambda: "▲".encode() in shown, lambda: shown)
        await until(lambda: b"A anomaly 1: 100 to 105, +5.00 %" in shown, lambda: shown)
        await server.kill()
        await until(lambda: b"reconnecting" in shown, lambda: shown)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading
        os.close(terminal)
    assert b"Traceback" not in shown
