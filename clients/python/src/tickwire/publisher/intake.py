"""Takes ticks into the open batch of a stream while there is room, and seals the batch in time."""

import asyncio
from collections.abc import Iterable
from math import inf

from ..events import Waiters
from ..value_checks import check_time, fault
from .alias_table import AliasTable
from .frame_sender import FrameSender
from .options import PublisherOptions
from .tick import check_price
from .tick_buffer import FlatTicks
from .tick_stream import TickStream


class Intake:
    def __init__(
        self,
        options: PublisherOptions,
        stream: TickStream,
        aliases: AliasTable,
        sender: FrameSender,
    ) -> None:
        self._batch_ticks_max = options.batch_ticks_max
        self._batch_delay = options.batch_delay_ms / 1000
        self._buffer_ticks_max = options.buffer_ticks_max
        self._stream = stream
        self._aliases = aliases
        self._sender = sender
        self._timer: asyncio.Handle | None = None
        # Ticks of callers that wait for room, in the order of their calls.
        self._turn = asyncio.Lock()
        self._waiting_ticks = 0
        self._waiters = Waiters()
        # Everything up to this position is sent without waiting for more.
        self._flush_to = 0
        self._ended: Exception | None = None

    @property
    def room(self) -> int:
        """Ticks that fit in the buffer."""
        return self._buffer_ticks_max - len(self._stream.buffer)

    @property
    def has_room(self) -> bool:
        """Whether a tick may be taken: there is room, and nobody waits for it."""
        return self._waiting_ticks == 0 and self.room > 0

    @property
    def is_batch_full(self) -> bool:
        return self._stream.sealed >= self._batch_ticks_max

    def read(self, symbol: object, price: object, time: object) -> tuple[int, float, float | None]:
        """Checks a tick. Returns alias, price and time.

        :raises TypeError, ValueError: for a tick that the server would refuse
        """
        return self._read(symbol, price, time, "")

    def take(self, alias: int, price: float, time: float | None) -> None:
        """Takes a checked tick. There must be room."""
        self._stream.buffer.push(alias, price, time)
        self._added()

    def read_batch(self, ticks: Iterable[object]) -> FlatTicks:
        """Checks ticks: tuples of symbol, price and, optionally, time.

        :raises TypeError, ValueError: for a tick that the server would refuse
        """
        values: FlatTicks = []
        for i, tick in enumerate(ticks):
            if not isinstance(tick, (tuple, list)) or not 2 <= len(tick) <= 3:
                raise TypeError(fault(f"ticks[{i}]", "(symbol, price) or with a time", tick))
            symbol, price = tick[0], tick[1]
            values += self._read(symbol, price, tick[2] if len(tick) > 2 else None, f"ticks[{i}].")
        return values

    async def take_batch(self, values: FlatTicks) -> None:
        """Takes checked ticks as room permits.

        :raises TickwireError: if the publisher ends before all are taken
        """
        ticks = len(values) // 3
        if self._waiting_ticks == 0 and ticks <= self.room:
            self._stream.buffer.extend(values)
            self._added()
            return
        self._waiting_ticks += ticks
        taken = 0
        try:
            async with self._turn:
                while taken < ticks:
                    if self._ended is not None:
                        raise self._ended
                    await self._waiters.wait(lambda: self.room > 0)
                    part = min(self.room, ticks - taken)
                    self._stream.buffer.extend(values[3 * taken : 3 * (taken + part)])
                    taken += part
                    self._waiting_ticks -= part
                    self._added()
        finally:
            self._waiting_ticks -= ticks - taken

    def flush(self) -> int:
        """Sends the open batch and everything that waits, without waiting for more. Returns the
        position of its end.
        """
        self.seal()
        self._flush_to = self._stream.taken + self._waiting_ticks
        return self._flush_to

    def seal(self) -> None:
        """Sends the open batch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stream.open > 0:
            self._stream.seal()
            self._sender.wake()

    def take_waiting(self) -> None:
        """There may be room for those who wait."""
        self._waiters.wake()

    def end(self, reason: Exception) -> None:
        """Nothing more is sent, and those who wait are refused."""
        if self._timer is not None:
            self._timer.cancel()
        self._ended = reason
        self._waiters.fail(reason)

    def _read(
        self, symbol: object, price: object, time: object, name: str
    ) -> tuple[int, float, float | None]:
        alias = self._aliases.aliases.get(symbol) if type(symbol) is str else None
        if alias is None:
            alias = self._aliases.alias_of(symbol, f"{name}symbol")
        if type(price) is not float or not 0 < price < inf:
            price = check_price(price, f"{name}price")
        if time is not None and (type(time) is not float or not 0 <= time < inf):
            time = check_time(time, f"{name}time")
        return alias, price, time

    def _added(self) -> None:
        stream = self._stream
        is_full = stream.open >= self._batch_ticks_max or self.room <= 0
        if is_full or stream.taken <= self._flush_to:
            self.seal()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            if self._batch_delay == 0:
                self._timer = loop.call_soon(self.seal)
            else:
                self._timer = loop.call_later(self._batch_delay, self.seal)
