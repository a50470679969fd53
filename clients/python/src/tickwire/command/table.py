"""A table of the newest statistics, drawn again in place."""

import shutil
import sys
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType

from ..connection.state import StateChange
from ..subscriber.anomaly import Anomaly
from ..subscriber.statistics import SymbolStatistics
from ..subscriber.subscriber import Subscriber
from .lines import anomaly_line, number, state_line

_HEAD = ("symbol", "price", "", "average", "count", "min", "max", "age")
_NOTES_MAX = 5
_DIM, _BOLD, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[0m"


class Table:
    """Takes as many lines as the terminal has. The last picture stays when it ends."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._state = "connecting"
        self._notes: deque[str] = deque(maxlen=_NOTES_MAX)
        self._lines_drawn = 0

    def __enter__(self) -> "Table":
        self._draw()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._draw()

    def changed(self, _changes: Sequence[SymbolStatistics]) -> None:
        self._draw()

    def raised(self, anomaly: Anomaly) -> None:
        self.noted(anomaly_line(anomaly))

    def entered(self, change: StateChange) -> None:
        self._state = state_line(change)
        self._draw()

    def noted(self, text: str) -> None:
        self._notes.append(text)
        self._draw()

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        symbols = self._subscriber.symbols()
        room = max(1, size.lines - len(self._notes) - 4)
        lag_ms = self._subscriber.lag_ms
        late = f", {lag_ms / 1000:.1f} s late" if self._subscriber.is_lagging else ""
        lines = [f"{_BOLD}{self._state}{late}{_PLAIN}", *_rows(symbols[:room], self._now_ms())]
        if len(symbols) > room:
            lines.append(f"{_DIM}and {len(symbols) - room} more symbols{_PLAIN}")
        lines += self._notes
        cut = [_cut(line, size.columns - 1) for line in lines]
        up = f"\x1b[{self._lines_drawn}A" if self._lines_drawn else ""
        sys.stdout.write(f"{up}\r\x1b[J" + "".join(f"{line}\n" for line in cut))
        sys.stdout.flush()
        self._lines_drawn = len(cut)

    def _now_ms(self) -> float:
        """The server's clock."""
        latency = self._subscriber.latency
        return time.time() * 1000 + (latency.clock_offset_ms if latency else 0)


def _rows(symbols: Sequence[SymbolStatistics], now_ms: float) -> list[str]:
    cells = [_HEAD, *(_cells(each, now_ms) for each in symbols)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(_HEAD))]
    rows = []
    for i, row in enumerate(cells):
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        line = "  ".join((row[0].ljust(len(first)), *rest))
        is_dim = i == 0 or not symbols[i - 1].is_live
        rows.append(f"{_DIM}{line}{_PLAIN}" if is_dim else line)
    return rows


def _cells(each: SymbolStatistics, now_ms: float) -> tuple[str, ...]:
    price, previous = each.current_price, each.previous_price
    return (
        each.symbol,
        number(price),
        "▲" if price > previous else "▼" if price < previous else "",
        f"{each.moving_average:.8g}",
        str(each.update_count),
        number(each.min_price),
        number(each.max_price),
        _age(now_ms - each.last_update_time),
    )


def _age(ms: float) -> str:
    for limit, unit_ms, unit in ((120e3, 1e3, "s"), (7200e3, 60e3, "min"), (172800e3, 3600e3, "h")):
        if ms < limit:
            return f"{max(0.0, ms) / unit_ms:.0f} {unit}"
    return f"{ms / 86400e3:.0f} d"


def _cut(line: str, columns: int) -> str:
    """To the width of the terminal: a line that wraps would be counted as one."""
    styles = len(line) - len(line.replace(_DIM, "").replace(_BOLD, "").replace(_PLAIN, ""))
    if len(line) - styles <= columns:
        return line
    return line[: max(0, columns + styles - len(_PLAIN))] + _PLAIN
