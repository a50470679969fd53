"""``watch``: shows changes until there were enough, the server ends it, or Ctrl-C."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from math import inf

from ..connection.state import StateChange
from ..errors import TickwireError
from ..subscriber.anomaly import Anomaly, AnomalyGap
from ..subscriber.connect import connect
from ..subscriber.events import Reset, Retired, SubscriberEvent
from ..subscriber.lag import Lag
from ..subscriber.subscription import Subscription
from ..subscriber.updates import Update
from .lines import Lines
from .table import Table

# A terminal shows some pictures a second; lines come as they are.
_TABLE_INTERVAL_MS = 100


@dataclass(frozen=True, slots=True)
class WatchOptions:
    patterns: Sequence[str]
    urls: Sequence[str]
    token: str | None
    #: End after so many changes; None: never.
    count: int | None
    is_json: bool
    is_table: bool
    give_up_after_ms: float


async def watch(options: WatchOptions) -> int:
    """Returns the exit code.

    :raises TickwireError: if the server refuses a pattern, or ends the session for good
    """
    subscriber = connect(
        options.urls,
        token=options.token,
        conflate_ms=_TABLE_INTERVAL_MS if options.is_table else None,
        give_up_after_ms=options.give_up_after_ms,
    )
    async with subscriber:
        updates, anomalies = subscriber.updates(), subscriber.anomalies()
        events = subscriber.events()
        subscription = subscriber.subscribe(options.patterns)
        with Table(subscriber) if options.is_table else Lines(is_json=options.is_json) as view:
            await _first_of(
                _show_updates(updates, view, inf if options.count is None else options.count),
                _show_anomalies(anomalies, view),
                _show_events(events, view),
                _check_answer(subscription),
            )
    return 0


async def _show_updates(updates: AsyncIterator[Update], view: Lines | Table, count: float) -> None:
    async for update in updates:
        changes = update.changes[: int(min(count, len(update.changes)))]
        count -= len(changes)
        view.changed(changes)
        if count <= 0:
            return


async def _show_anomalies(anomalies: AsyncIterator[Anomaly], view: Lines | Table) -> None:
    async for anomaly in anomalies:
        view.raised(anomaly)


async def _show_events(events: AsyncIterator[SubscriberEvent], view: Lines | Table) -> None:
    async for event in events:
        if isinstance(event, StateChange):
            view.entered(event)
        elif isinstance(event, Lag):
            view.noted(f"late by {event.lag_ms:.0f} ms" if event.is_lagging else "in time again")
        elif isinstance(event, AnomalyGap):
            missed = f"{event.from_sequence} to {event.to_sequence}"
            view.noted(f"{event.symbol}: the server no longer has anomalies {missed}")
        elif isinstance(event, Reset):
            view.noted("the server started over, and so does everything here")
        elif isinstance(event, Retired):
            view.noted(f"retired: {', '.join(event.symbols)}")
        else:
            view.noted(str(event))


async def _check_answer(subscription: Subscription) -> None:
    await subscription
    if subscription.refusals:
        refused = (f"{each.pattern!r}: {each.reason}" for each in subscription.refusals)
        raise TickwireError(f"refused: {', '.join(refused)}")
    # Accepted: this has no reason to end.
    await asyncio.get_running_loop().create_future()


async def _first_of(*coroutines: Coroutine[object, object, None]) -> None:
    """Returns or raises what the first one does that ends; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        await task
