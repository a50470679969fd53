"""A server that says what a test wants, for what the real one does not do on demand."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import msgpack
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

LIMITS = {
    "frameBytesMax": 1_048_576,
    "ticksPerFrameMax": 65_536,
    "symbolsMax": 65_536,
    "subscriptionsMax": 10_000,
    "wildcardsMax": 256,
    "authTimeoutMs": 10_000,
}


class Session:
    """One connection of a client."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        #: Frames sent so far.
        self.sent = 0

    async def welcome(self, **info: Any) -> None:
        base = {
            "version": 1,
            "epoch": "k3v9",
            "session": "s1",
            "serverTime": 1_700_000_000_000,
            "heartbeatMs": 5000,
            "limits": LIMITS,
        }
        await self.send([16, base | info])

    async def send(self, frame: list[Any]) -> None:
        self.sent += 1
        await self.socket.send(msgpack.packb(frame))

    async def receive(self, op: int) -> list[Any]:
        """The next frame of that op; others are ignored."""
        while True:
            message = await self.socket.recv()
            frame: list[Any] = msgpack.unpackb(message)
            if frame[0] == op:
                return frame

    async def close(self, code: int, reason: str = "") -> None:
        await self.socket.close(code, reason)

    async def until_closed(self) -> None:
        await self.socket.wait_closed()


Script = Callable[[Session], Awaitable[None]]


async def live(session: Session) -> None:
    """A session that answers PINGs and lasts."""
    await session.welcome()
    await answer_pings(session)


async def answer_pings(session: Session) -> None:
    while True:
        _op, client_time = await session.receive(6)
        await session.send([25, client_time, time.time() * 1000])


class ScriptedServer:
    """Plays one script a connection; the last one again and again."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        #: The upgrade requests so far: path and headers.
        self.requests: list[tuple[str, dict[str, str]]] = []
        #: When each arrived, by the event loop's clock, s.
        self.times: list[float] = []
        #: What scripts raised.
        self.faults: list[Exception] = []
        self._server: Server | None = None

    async def __aenter__(self) -> "ScriptedServer":
        names = [Subprotocol("tickwire.v1"), Subprotocol("tickwire.v1.json")]
        self._server = await serve(
            self._handle, "127.0.0.1", 0, subprotocols=names, ping_interval=None, close_timeout=1
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        if kind is None and self.faults:
            raise self.faults[0]

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.requests.append((socket.request.path, dict(socket.request.headers.raw_items())))
        self.times.append(asyncio.get_running_loop().time())
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        try:
            await script(Session(socket))
        except ConnectionClosed:
            pass
        except Exception as error:
            self.faults.append(error)
