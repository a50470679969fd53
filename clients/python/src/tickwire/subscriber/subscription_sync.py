"""Keeps the server's subscriptions of this session equal to the subscriber's."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import ServerError, TickwireError
from ..protocol.codec import ClientFrame
from ..protocol.codes import error_name
from ..protocol.ops import Op
from ..protocol.stats_entry import ALL_FIELDS
from .requests import Requests
from .subscribe_requests import SubscribeRequest, no_resume_points, subscribe_requests
from .subscription import Refusal, Subscription
from .subscriptions import Subscriptions

# Wait after a refusal if the server does not say, ms.
_RETRY_MS = 1000.0
# Patterns of one UNSUBSCRIBE, far below any frame size limit.
_UNSUBSCRIBE_PATTERNS_MAX = 2000


class SubscriptionSyncOwner(Protocol):
    """What SubscriptionSync needs from the subscriber."""

    def send(self, frame: ClientFrame) -> None:
        """Sends on the open connection. Called between `restart` and `suspend` only."""

    def answered(self, covers: Callable[[str], bool]) -> None:
        """The server answered: some symbols may no longer be covered."""

    def error(self, error: TickwireError) -> None: ...


class SubscriptionSync:
    """Changes made together go out as one request; a new session gets everything in one."""

    def __init__(
        self, conflate_ms: float | None, requests: Requests, owner: SubscriptionSyncOwner
    ) -> None:
        self._conflate_ms = conflate_ms
        self._requests = requests
        self._owner = owner
        self._held = Subscriptions()
        # Half of the server's frame size limit; 0 while no session is open.
        self._request_bytes_max = 0.0
        # To be sent with the next request.
        self._resume = no_resume_points()
        self._is_scheduled = False
        self._retry_timers: set[asyncio.TimerHandle] = set()

    def add(self, subscription: Subscription) -> None:
        self._held.add(subscription)
        self._resume["since"].update(subscription.options.since)
        self._resume["alertsSince"].update(subscription.options.alerts_since)
        self._schedule()

    def remove(self, subscription: Subscription) -> None:
        self._held.remove(subscription)
        self._schedule()

    def is_answered(self, subscription: Subscription) -> bool:
        """Whether each pattern is answered, or no longer wanted."""
        return self._held.is_answered(subscription)

    def refusals(self, subscription: Subscription) -> tuple[Refusal, ...]:
        """The patterns that the server refused."""
        answers = ((pattern, self._held.answer_to(pattern)) for pattern in subscription.patterns)
        return tuple(Refusal(pattern, code, error_name(code)) for pattern, code in answers if code)

    def set_conflate_ms(self, conflate_ms: float) -> None:
        self._conflate_ms = conflate_ms
        # Without patterns, a request changes only the pace; its answer is ignored.
        if self._request_bytes_max > 0:
            self._owner.send([Op.SUBSCRIBE, 0, [], {"conflateMs": conflate_ms}])

    def restart(
        self, since: dict[str, int], alerts_since: dict[str, int], frame_bytes_max: int
    ) -> None:
        """A session opened: sends everything to the server."""
        self._request_bytes_max = frame_bytes_max / 2
        self._resume = {"since": since, "alertsSince": alerts_since}
        self._held.restart()
        self._flush()

    def suspend(self) -> None:
        """The session is gone."""
        self._request_bytes_max = 0
        for timer in self._retry_timers:
            timer.cancel()
        self._retry_timers.clear()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._is_scheduled = False
        self._flush()

    def _flush(self) -> None:
        if self._request_bytes_max == 0:
            return
        due = self._held.take_due()
        for start in range(0, len(due.unsubscribe), _UNSUBSCRIBE_PATTERNS_MAX):
            self._unsubscribe(due.unsubscribe[start : start + _UNSUBSCRIBE_PATTERNS_MAX])
        for request in subscribe_requests(due.subscribe, self._resume, self._request_bytes_max):
            self._subscribe(request)
        self._resume = no_resume_points()

    def _unsubscribe(self, patterns: list[str]) -> None:
        def done(_answer: object) -> None:
            for pattern in patterns:
                self._held.unsubscribed(pattern)
            self._answered()

        future = self._requests.open(
            lambda request_id: self._owner.send([Op.UNSUBSCRIBE, request_id, patterns]), done
        )
        self._on_refusal(future, patterns, done, {})

    def _subscribe(self, request: SubscribeRequest) -> None:
        interest, patterns = request.interest, request.patterns
        options: dict[str, object] = {}
        if not interest.stats:
            options["stats"] = False
        if not interest.anomalies:
            options["anomalies"] = False
        if interest.alerts:
            options["alerts"] = True
        if interest.fields != ALL_FIELDS:
            options["fields"] = interest.fields
        if self._conflate_ms is not None:
            options["conflateMs"] = self._conflate_ms
        for option, points in request.resume.items():
            if points:
                options[option] = points

        def settle(codes: list[Any]) -> None:
            for pattern, code in zip(patterns, codes, strict=False):
                self._held.subscribed(pattern, interest, int(code))
            self._report_refusals(patterns, codes)
            self._answered()

        future = self._requests.open(
            lambda request_id: self._owner.send([Op.SUBSCRIBE, request_id, patterns, options]),
            lambda answer: settle(answer[2]),
        )
        refused_all = lambda code: settle([code] * len(patterns))  # noqa: E731
        self._on_refusal(future, patterns, refused_all, request.resume)

    def _on_refusal(
        self,
        future: "asyncio.Future[None]",
        patterns: list[str],
        settle: Callable[[int], None],
        resume: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Requests that failed because the connection was lost are repeated on the next one."""

        def done(future: "asyncio.Future[None]") -> None:
            error = None if future.cancelled() else future.exception()
            if not isinstance(error, ServerError) or self._request_bytes_max == 0:
                return
            if error.retryable:
                self._retry_later(error, patterns, resume)
            else:
                settle(error.code)

        future.add_done_callback(done)

    def _retry_later(
        self, error: ServerError, patterns: list[str], resume: Mapping[str, Mapping[str, int]]
    ) -> None:
        def retry() -> None:
            self._retry_timers.discard(timer)
            # The server did not take the resume points either.
            for option, points in resume.items():
                self._resume[option] = {**points, **self._resume[option]}
            self._held.retry(patterns)
            self._flush()

        delay_ms = _RETRY_MS if error.retry_after_ms is None else error.retry_after_ms
        timer = asyncio.get_running_loop().call_later(delay_ms / 1000, retry)
        self._retry_timers.add(timer)

    def _report_refusals(self, patterns: list[str], codes: list[Any]) -> None:
        answers = zip(patterns, codes, strict=False)
        refused = [(pattern, int(code)) for pattern, code in answers if code != 0]
        if not refused:
            return
        pattern, code = refused[0]
        others = f" and {len(refused) - 1} more patterns" if len(refused) > 1 else ""
        message = f"the server refused {pattern!r}{others}: {error_name(code)}"
        self._owner.error(ServerError(code, message))

    def _answered(self) -> None:
        self._owner.answered(self._held.covers)
