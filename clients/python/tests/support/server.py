"""The real server, in a process of its own."""

import asyncio
import json
import os
import re
import shutil
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
PROGRAM = Path(os.environ.get("TICKWIRE_SERVER", ROOT / "dist/src/main.js"))
IS_BUILT = PROGRAM.exists()
# A machine that is busy is no fault of the client.
PATIENCE_S = 240.0


class Server:
    """Started with ``async with Server(...)``; killed at the end."""

    def __init__(self, *flags: str, env: Mapping[str, str] | None = None) -> None:
        self._flags = flags
        self._env = dict(env or {})
        #: On which it listens; kept by `start` after `kill`.
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self.output = ""

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.kill()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Starts it, after `kill` on the same port and store."""
        node = shutil.which("node")
        if node is None or not IS_BUILT:
            raise RuntimeError(f"these tests need node and {PROGRAM}: npm run build")
        self._listening.clear()
        self._process = await asyncio.create_subprocess_exec(
            node,
            str(PROGRAM),
            f"--server.port={self.port}",
            "--processing.partitions=1",
            "--log.format=json",
            "--store.directory=",
            *self._flags,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], **self._env},
        )
        self._reader = asyncio.create_task(self._read(self._process))
        await asyncio.wait_for(self._listening.wait(), PATIENCE_S)
        if self.port == 0:
            raise RuntimeError(f"the server ended:\n{self.output}")

    async def kill(self) -> None:
        """As ``kill -9``."""
        await self._end("kill")

    async def stop(self) -> None:
        """In order, as with Ctrl-C."""
        await self._end("terminate")

    async def get(self, path: str) -> Any:
        """The JSON that the server answers."""
        return await asyncio.to_thread(self._request, path, None)

    async def post(self, prices: object) -> Any:
        return await asyncio.to_thread(self._request, "/api/prices", prices)

    async def delete(self, path: str) -> None:
        await asyncio.to_thread(self._request, path, None, "DELETE")

    def _request(self, path: str, body: object, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=data,
            headers={"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            text = response.read()
        return json.loads(text) if text else None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.output += line.decode()
            found = re.search(r'"url":"https?://[^"]*:(\d+)"', line.decode())
            if found:
                self.port = int(found[1])
                self._listening.set()
        self._listening.set()

    async def _end(self, signal: str) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            getattr(process, signal)()
        await asyncio.wait_for(process.wait(), PATIENCE_S)
        if self._reader is not None:
            await self._reader
