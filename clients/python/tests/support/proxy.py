"""A TCP proxy in front of a server on this machine, whose connections can be cut."""

import asyncio
import contextlib
from types import TracebackType


class Proxy:
    def __init__(self, target_port: int) -> None:
        #: Where new connections lead.
        self.target_port = target_port
        #: Connections accepted so far.
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unmuted = asyncio.Event()
        self._unmuted.set()
        # How many bytes of the server the next connections pass on before they are cut.
        self._byte_limits: list[int] = []

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut_next_after(self, count: int) -> None:
        """Cuts the next connection after so many bytes from the server, also amid a frame."""
        self._byte_limits.append(count)

    def mute(self) -> None:
        """From now on clients receive nothing from the server; what they send arrives."""
        self._unmuted.clear()

    def unmute(self) -> None:
        self._unmuted.set()

    def cut(self) -> None:
        """Resets every connection and loses what is in flight; new ones are accepted."""
        for writer in tuple(self._writers):
            writer.transport.abort()
        self._unmuted.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        limit = self._byte_limits.pop(0) if self._byte_limits else None
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, up_writer}
        self._writers |= pair
        tasks = {
            asyncio.create_task(self._pump(reader, up_writer, None, is_down=False)),
            asyncio.create_task(self._pump(up_reader, writer, limit, is_down=True)),
        }
        self._tasks |= tasks
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in pair:
            each.transport.abort()
        await asyncio.wait(tasks)
        self._tasks -= tasks
        self._writers -= pair

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limit: int | None,
        *,
        is_down: bool,
    ) -> None:
        left = limit
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if is_down:
                    await self._unmuted.wait()
                part = data if left is None else data[:left]
                writer.write(part)
                await writer.drain()
                if left is not None:
                    left -= len(part)
                    if left == 0:
                        return
