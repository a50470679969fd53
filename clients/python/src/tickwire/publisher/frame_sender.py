"""Sends the ticks of a stream as connection, credit and socket allow."""

import asyncio
import contextlib
from math import inf
from typing import Final

from websockets.exceptions import ConnectionClosed

from ..connection.connection import Connection
from ..connection.welcome import Limits, Welcome
from ..protocol.codec import Encoding, encode_frame
from ..protocol.ops import Op
from .alias_table import AliasTable
from .tick_stream import TickStream
from .unacknowledged_frames import TicksFrame

# Limits of an ALIAS frame: symbols, bytes of a symbol, bytes around the symbols.
_SYMBOLS_PER_FRAME: Final = 1000
_SYMBOL_BYTES_MAX: Final = 132
_AROUND_SYMBOLS_BYTES_MAX: Final = 32
# Most bytes of a tick (alias, price, time, separators) and of what surrounds the ticks. JSON
# escapes a character in up to 6 bytes, but aliases are numbers.
_TICK_BYTES_MAX: Final = {"binary": 23, "json": 64}
_AROUND_BYTES_MAX: Final = {"binary": 18, "json": 32}


class FrameSender:
    def __init__(
        self, stream: TickStream, aliases: AliasTable, encoding: Encoding, batch_ticks_max: int
    ) -> None:
        self._stream = stream
        self._aliases = aliases
        self._encoding: Encoding = encoding
        self._batch_ticks_max = batch_ticks_max
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        # Most ticks and most symbols that fit in a frame.
        self._frame_ticks_max = 0
        self._frame_symbols_max = 0
        # Ticks that may be sent beyond the acknowledged ones.
        self._credit = 0
        # A frame was refused for back-pressure: nothing is sent until an ACK or the timer.
        self._is_held = False
        # Pacing after a rate limit refusal: frames left until the next release, frames of a
        # release, and time between releases, ms. Unlimited otherwise.
        self._frames_left = inf
        self._burst = inf
        self._pace_ms = 0.0
        self._hold_timer: asyncio.TimerHandle | None = None

    def frame_ticks_max(self, limits: Limits) -> int:
        """Most ticks of a frame for a server with these limits."""
        around, tick = _AROUND_BYTES_MAX[self._encoding], _TICK_BYTES_MAX[self._encoding]
        fitting = (limits.frame_bytes_max - around) // tick
        return max(1, min(limits.ticks_per_frame_max, fitting))

    def opened(self, connection: Connection, info: Welcome) -> None:
        """A session opened. The stream has resumed already."""
        self._frame_ticks_max = self.frame_ticks_max(info.limits)
        symbols = (info.limits.frame_bytes_max - _AROUND_SYMBOLS_BYTES_MAX) // _SYMBOL_BYTES_MAX
        self._frame_symbols_max = max(1, min(_SYMBOLS_PER_FRAME, symbols))
        self._credit = info.credit
        self._aliases.forget_declarations()
        self._task = asyncio.get_running_loop().create_task(self._run(connection))

    def lost(self) -> None:
        """The session is gone."""
        if self._task is not None:
            self._task.cancel()
        self._task = None
        self._is_held = False
        self._end_pace()
        self._cancel_hold()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def acknowledged(self, credit: int) -> None:
        """An ACK came. The stream has taken it already."""
        self._credit = credit
        # Credit does not lift a rate limit.
        if not self._is_paced:
            self._release()

    def hold(self, delay_ms: float) -> None:
        """A frame was refused for back-pressure. The refusal does not name it, so all open frames
        are sent again unchanged; the server ignores those that it has.
        """
        self._stream.rewind()
        self._is_held = True
        self._release_after(delay_ms)

    def slow_down(self, delay_ms: float) -> None:
        """A frame was refused because ticks came too fast. It is sent again after `delay_ms`,
        alone. From then on, each `delay_ms` without a refusal doubles the number of frames:
        sending all at once would make the server read everything only to refuse it.
        """
        self._pace_ms = delay_ms
        self._burst = 1
        self.hold(delay_ms)

    async def _run(self, connection: Connection) -> None:
        # The socket's own limit holds the loop back: nothing queues up behind it.
        with contextlib.suppress(ConnectionClosed):
            while True:
                frame = self._next_frame()
                if frame is None:
                    self._wake.clear()
                    await self._wake.wait()
                elif self._aliases.is_undeclared:
                    declaration = self._aliases.next_declaration(self._frame_symbols_max)
                    await connection.send_encoded(encode_frame(declaration, self._encoding))
                else:
                    self._stream.mark_sent()
                    self._frames_left -= 1
                    await connection.send_encoded(self._encode(frame))

    def _next_frame(self) -> TicksFrame | None:
        """The frame that may be sent now."""
        stream = self._stream
        if stream.next_to_send is None:
            ticks = min(
                stream.sealed, self._batch_ticks_max, self._frame_ticks_max, self._credit_left
            )
            if ticks <= 0:
                return None
            stream.cut_frame(ticks)
        frame = stream.next_to_send
        return frame if frame is not None and frame.ticks <= self._credit_left else None

    def _encode(self, frame: TicksFrame) -> bytes | str:
        ticks = self._stream.buffer.slice(frame.position, frame.ticks)
        return encode_frame([Op.TICKS, frame.sequence, ticks], self._encoding)

    @property
    def _credit_left(self) -> int:
        if self._is_held or self._frames_left <= 0:
            return 0
        return max(0, self._credit - self._stream.in_flight)

    @property
    def _is_paced(self) -> bool:
        return self._burst < inf

    def _release(self) -> None:
        self._is_held = False
        self._cancel_hold()
        self._frames_left = self._burst
        if self._is_paced:
            self._go_on_paced()
        self.wake()

    def _go_on_paced(self) -> None:
        """Pacing ends when nothing waits to be sent."""
        if self._stream.next_to_send is None and self._stream.sealed == 0:
            self._end_pace()
            return
        self._burst *= 2
        self._release_after(self._pace_ms)

    def _end_pace(self) -> None:
        self._burst = inf
        self._frames_left = inf

    def _release_after(self, delay_ms: float) -> None:
        self._cancel_hold()
        self._hold_timer = asyncio.get_running_loop().call_later(delay_ms / 1000, self._release)

    def _cancel_hold(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        self._hold_timer = None
