"""Past alerts, of a range of time or the newest."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ..value_checks import check_number, check_time, fault
from .alert import Alert
from .past_pages import PastItems, PastPages

PastTime = float | datetime | str
"""Ms since the Unix epoch; a `datetime` with a time zone; or RFC 3339."""

LIMIT = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def past_alerts(
    pages: PastPages,
    patterns: Sequence[str],
    times: Mapping[str, PastTime | None],
    choices: Mapping[str, str | Iterable[str]],
    limit: int,
) -> PastItems[Alert]:
    """Past alerts, oldest first.

    :param times: ``from`` and ``to``; without both, the newest page
    :param choices: ``rule``, ``level``, ``phase``: one or several
    :raises TypeError, ValueError: for a bad one
    """
    check_number("limit", limit, 1, LIMIT, is_integer=True)
    query = [("limit", str(limit))]
    # A list of patterns is separated by commas, which a symbol may contain.
    query += [("symbols" if "*" in each else "symbol", each) for each in patterns]
    for name, given in choices.items():
        query += [(name, each) for each in _strings(name, given)]
    asked = {name: time for name, time in times.items() if time is not None}
    query += [(name, _time_text(name, time)) for name, time in asked.items()]

    async def in_range() -> AsyncIterator[Alert]:
        async for item in pages.read("/api/alerts", query):
            yield _read_item(item)

    async def newest() -> AsyncIterator[Alert]:
        # The server's newest come first.
        items = [item async for item in pages.read("/api/alerts", query)]
        for item in reversed(items):
            yield _read_item(item)

    return PastItems(in_range if asked else newest)


def _strings(name: str, given: str | Iterable[str]) -> list[str]:
    expected = "a string, or strings"
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable):
        raise TypeError(fault(name, expected, given))
    values = list(given)
    if not all(isinstance(each, str) for each in values):
        raise TypeError(fault(name, expected, given))
    return values


def _time_text(name: str, time: PastTime) -> str:
    if isinstance(time, str):
        return time
    ms = check_time(time, name)
    assert ms is not None
    try:
        moment = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        raise ValueError(fault(name, "a time before the year 10000", time)) from None
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _read_ms(text: str) -> float:
    # Before Python 3.11 `fromisoformat` knows no Z.
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return float((moment - _EPOCH) / timedelta(milliseconds=1))


def _read_item(item: Mapping[str, Any]) -> Alert:
    """An alert as ``GET /api/alerts`` has it."""
    return Alert(
        symbol=item["symbol"],
        sequence=item["sequence"],
        rule=item["rule"],
        episode=item["episode"],
        phase=item["phase"],
        level=item["level"],
        direction=item["direction"],
        reference=float(item["reference"]),
        price=float(item["price"]),
        change_percent=float(item["changePercent"]),
        time=_read_ms(item["time"]),
        start_time=_read_ms(item["startTime"]),
        peak=float(item["peak"]),
        count=item["count"],
        reason=item.get("reason"),
    )
