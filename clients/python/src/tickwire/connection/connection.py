"""One WebSocket to the server: frames, liveness, counters. Never reconnects."""

import asyncio
import contextlib
import time
from collections import deque
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from ..protocol.codec import ClientFrame, Frame, decode_frame, encode_frame
from ..protocol.codes import CloseCode
from ..protocol.ops import SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON, Op
from .liveness import Liveness
from .options import ConnectOptions
from .state import ABNORMAL_CLOSURE, Closure
from .welcome import Welcome, read_welcome

# What a server may send to a session that it refuses, for good or for now.
_MAY_PRECEDE_WELCOME = (Op.ERROR, Op.GOAWAY)
_CLOSE_TIMEOUT_S = 2
_FAULT_TIMEOUT_S = 0.1


class ConnectionListener(Protocol):
    """Callbacks of a connection."""

    def welcome(self, info: Welcome) -> None:
        """The session is authorized. Called once, before any frame but ERROR and GOAWAY."""

    def frame(self, frame: Frame) -> None:
        """Any frame but WELCOME and HEARTBEAT. If it raises, the connection ends."""


class Connection:
    """One WebSocket to the server."""

    def __init__(
        self, url: str, options: ConnectOptions, token: str | None, listener: ConnectionListener
    ) -> None:
        self._url = url
        self._options = options
        self._token = token
        self._listener = listener
        #: Frames and bytes received so far, heartbeats included.
        self.frames_received = 0
        self.bytes_received = 0
        self._socket: ClientConnection | None = None
        self._connecting: asyncio.Task[ClientConnection] | None = None
        self._liveness: Liveness | None = None
        self._closing: asyncio.Task[None] | None = None
        self._outbox: deque[bytes | str] = deque()
        self._outbox_filled = asyncio.Event()
        self._resumed = asyncio.Event()
        self._resumed.set()
        # Set once the connection is given up or closed by this side: no frame counts any more.
        self._closure: Closure | None = None
        self._is_welcomed = False

    async def run(self) -> Closure:
        """Connects, and passes frames on until the connection ends."""
        loop = asyncio.get_running_loop()
        timeout = self._options.connect_timeout_ms / 1000
        timer = loop.call_later(timeout, self._no_welcome)
        writer: asyncio.Task[None] | None = None
        try:
            socket = await self._connect()
            if socket is None:
                return self._closure or Closure(ABNORMAL_CLOSURE, "")
            writer = loop.create_task(self._write(socket))
            with contextlib.suppress(ConnectionClosed):
                while True:
                    if not self._resumed.is_set():
                        await self._resumed.wait()
                    self._receive(await socket.recv())
            # Not those of the socket itself, which older versions do not have.
            code, reason = socket.protocol.close_code, socket.protocol.close_reason
            return self._closure or Closure(code or ABNORMAL_CLOSURE, reason or "")
        finally:
            timer.cancel()
            if writer is not None:
                writer.cancel()
            if self._liveness is not None:
                self._liveness.stop()
            if self._closing is not None:
                await self._closing
            self._drop()

    def send(self, frame: ClientFrame) -> None:
        """Sends a frame after those given before."""
        if self._closure is None:
            self._outbox.append(encode_frame(frame, self._options.encoding))
            self._outbox_filled.set()

    async def send_encoded(self, message: bytes | str) -> None:
        """Sends an encoded frame; returns when the socket has room for more.

        :raises ConnectionClosed: if the connection is gone
        """
        if self._socket is not None and self._closure is None:
            await self._socket.send(message)

    def pause(self) -> None:
        """Stops reading: the server sees a slow reader. Liveness is not checked meanwhile."""
        self._resumed.clear()
        if self._liveness is not None:
            self._liveness.pause()

    def resume(self) -> None:
        self._resumed.set()
        if self._liveness is not None:
            self._liveness.resume()

    def probe(self) -> None:
        """Checks within one heartbeat whether the connection still works."""
        if self._liveness is not None:
            self._liveness.probe()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Starts to close; no further frame is passed on. `run` ends within two seconds."""
        if self._closure is not None:
            return
        self._closure = Closure(code, reason)
        self.resume()
        if self._liveness is not None:
            self._liveness.stop()
        if self._socket is None:
            self._drop()
        else:
            closing = self._socket.close(code, reason)
            self._closing = asyncio.get_running_loop().create_task(closing)

    def abort(self, reason: str) -> None:
        """Drops the connection at once."""
        if self._closure is None:
            self._closure = Closure(ABNORMAL_CLOSURE, reason)
        self.resume()
        self._drop()

    def fault(self, reason: str) -> None:
        """Drops the connection because the server broke the protocol, and reports that to it."""
        if self._closure is not None:
            return
        self.close(CloseCode.PROTOCOL_ERROR, "protocol error")
        self._closure = Closure(ABNORMAL_CLOSURE, reason)
        # A server that broke the protocol may not answer the close frame either.
        asyncio.get_running_loop().call_later(_FAULT_TIMEOUT_S, self._drop)

    def _no_welcome(self) -> None:
        if not self._is_welcomed:
            self.abort("no WELCOME in time")

    def _drop(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._socket is not None:
            self._socket.transport.abort()

    async def _connect(self) -> ClientConnection | None:
        """The open socket; None if there is none, with the reason in `_closure`."""
        self._connecting = asyncio.get_running_loop().create_task(self._open_socket())
        await asyncio.wait({self._connecting})
        if self._connecting.cancelled():
            return None
        error = self._connecting.exception()
        if error is not None:
            if not isinstance(error, Exception):
                raise error
            self._closure = self._closure or Closure(ABNORMAL_CLOSURE, _reason_of(error))
            return None
        self._socket = self._connecting.result()
        self._connecting = None
        if self._closure is not None:
            self._drop()
        return self._socket

    async def _open_socket(self) -> ClientConnection:
        options = self._options
        subprotocol = SUBPROTOCOL_JSON if options.encoding == "json" else SUBPROTOCOL_BINARY
        headers = dict(options.headers or {})
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        secure: dict[str, Any] = {} if options.ssl is None else {"ssl": options.ssl}
        return await connect_socket(
            self._url,
            subprotocols=[Subprotocol(subprotocol)],
            additional_headers=headers,
            compression=None,
            open_timeout=None,
            # The protocol has its own signs of life, which also tell silence from loss.
            ping_interval=None,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=None,
            **secure,
        )

    async def _write(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                while self._outbox:
                    await socket.send(self._outbox.popleft())
                self._outbox_filled.clear()
                await self._outbox_filled.wait()

    def _receive(self, message: bytes | str) -> None:
        if self._closure is not None:
            return
        try:
            frame = decode_frame(message)
        except ValueError as error:
            self.fault(f"unreadable frame: {error}")
            return
        if self._liveness is not None:
            self._liveness.note()
        self.bytes_received += len(message)
        frames_before = self.frames_received
        self.frames_received += 1
        try:
            self._dispatch(frame, frames_before)
        except Exception as error:
            self.fault(f"frame of op {frame[0]} cannot be read: {error!r}")

    def _dispatch(self, frame: Frame, frames_before: int) -> None:
        op = frame[0]
        if op == Op.WELCOME:
            self._welcome(read_welcome(frame))
        elif op == Op.HEARTBEAT:
            # A WebSocket loses nothing: where the counts differ, something in between did.
            if frame[2] != frames_before:
                self.fault(f"the server sent {frame[2]} frames, {frames_before} arrived")
        elif self._is_welcomed or op in _MAY_PRECEDE_WELCOME:
            self._listener.frame(frame)
        else:
            self.fault(f"frame of op {op} before WELCOME")

    def _welcome(self, info: Welcome) -> None:
        if self._is_welcomed:
            return
        self._is_welcomed = True
        self._liveness = Liveness(
            info.heartbeat_ms,
            ask=lambda: self.send([Op.PING, time.perf_counter() * 1000]),
            give_up=lambda: self.abort("no frame for 2.5 heartbeats"),
        )
        self._listener.welcome(info)


def _reason_of(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        body = (error.response.body or b"")[:500].decode("utf-8", "replace").strip()
        return f"the server answered HTTP {error.response.status_code} {body}".rstrip()
    return str(error) or type(error).__name__
