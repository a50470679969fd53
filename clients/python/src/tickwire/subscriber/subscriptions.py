"""The patterns of all subscriptions of a subscriber."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..protocol.stats_entry import ALL_FIELDS
from ..protocol.symbol import is_wildcard, pattern_matcher
from .subscription import Subscription


@dataclass(frozen=True, slots=True)
class Interest:
    """The options of a pattern on the wire."""

    stats: bool
    anomalies: bool
    alerts: bool
    fields: int


# The server's state is unknown; differs from any real interest.
_UNKNOWN = Interest(stats=False, anomalies=False, alerts=False, fields=0)


class _HeldPattern:
    """One pattern: its subscriptions, what was sent to the server, and its answer."""

    __slots__ = ("brings_stats", "code", "matches", "pattern", "sent", "wanted_by")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.matches = pattern_matcher(pattern)
        # In order, and each once.
        self.wanted_by: dict[Subscription, None] = {}
        # What was last sent in this session; None: nothing, or UNSUBSCRIBE.
        self.sent: Interest | None = None
        # The server's last answer: 0 or an error code; None before the first.
        self.code: int | None = None
        # Whether entries come: confirmed in this session, with statistics; or in the last one,
        # until the server has answered in this one.
        self.brings_stats = False

    @property
    def interest(self) -> Interest | None:
        """The union of its subscriptions' options; None without subscriptions."""
        if not self.wanted_by:
            return None
        options = [subscription.options for subscription in self.wanted_by]
        fields = 0
        for each in options:
            if each.stats:
                fields |= each.fields
        return Interest(
            stats=fields != 0,
            anomalies=any(each.anomalies for each in options),
            alerts=any(each.alerts for each in options),
            fields=fields or ALL_FIELDS,
        )


@dataclass(frozen=True, slots=True)
class DueRequests:
    """What must be sent to the server."""

    #: Patterns to be subscribed, by their options.
    subscribe: dict[Interest, list[str]]
    unsubscribe: list[str]


class Subscriptions:
    def __init__(self) -> None:
        self._held: dict[str, _HeldPattern] = {}
        self._wildcards: dict[str, _HeldPattern] = {}
        # Patterns that may have to be sent.
        self._dirty: dict[str, _HeldPattern] = {}

    def add(self, subscription: Subscription) -> None:
        for pattern in subscription.patterns:
            held = self._held.get(pattern) or self._hold(pattern)
            held.wanted_by[subscription] = None
            self._dirty[pattern] = held

    def remove(self, subscription: Subscription) -> None:
        for pattern in subscription.patterns:
            held = self._held.get(pattern)
            if held is not None and subscription in held.wanted_by:
                del held.wanted_by[subscription]
                self._dirty[pattern] = held

    def restart(self) -> None:
        """A new session: the server has no subscriptions yet."""
        for held in list(self._held.values()):
            held.sent = None
            if held.wanted_by:
                self._dirty[held.pattern] = held
            else:
                self._forget(held)

    def retry(self, patterns: Sequence[str]) -> None:
        """Marks patterns of an unanswered request to be sent again."""
        for pattern in patterns:
            held = self._held.get(pattern)
            if held is not None:
                held.sent = _UNKNOWN
                self._dirty[pattern] = held

    def take_due(self) -> DueRequests:
        """What must be sent now; marks it as sent."""
        due = DueRequests({}, [])
        dirty, self._dirty = self._dirty, {}
        for pattern, held in dirty.items():
            interest, sent = held.interest, held.sent
            held.sent = interest
            if interest is None:
                if sent is not None:
                    due.unsubscribe.append(pattern)
                elif not held.brings_stats:
                    self._forget(held)
            elif interest != sent:
                due.subscribe.setdefault(interest, []).append(pattern)
        return due

    def subscribed(self, pattern: str, interest: Interest, code: int) -> None:
        """The server's answer to a SUBSCRIBE of a pattern."""
        held = self._held.get(pattern)
        if held is not None:
            held.code = code
            held.brings_stats = code == 0 and interest.stats

    def unsubscribed(self, pattern: str) -> None:
        """The server answered an UNSUBSCRIBE of a pattern."""
        held = self._held.get(pattern)
        if held is not None:
            held.brings_stats = False
            if not held.wanted_by:
                self._forget(held)

    def is_answered(self, subscription: Subscription) -> bool:
        """Whether the server has answered for each pattern that the subscription still holds."""
        for pattern in subscription.patterns:
            held = self._held.get(pattern)
            if held is not None and held.code is None and subscription in held.wanted_by:
                return False
        return True

    def answer_to(self, pattern: str) -> int:
        """The server's last answer for a pattern: 0, or an error code."""
        held = self._held.get(pattern)
        return 0 if held is None or held.code is None else held.code

    def covers(self, symbol: str) -> bool:
        """Whether entries of the symbol come, or may come, in this session."""
        held = self._held.get(symbol)
        if held is not None and held.brings_stats:
            return True
        return any(each.brings_stats and each.matches(symbol) for each in self._wildcards.values())

    def _hold(self, pattern: str) -> _HeldPattern:
        held = self._held[pattern] = _HeldPattern(pattern)
        if is_wildcard(pattern):
            self._wildcards[pattern] = held
        return held

    def _forget(self, held: _HeldPattern) -> None:
        for holder in (self._held, self._wildcards, self._dirty):
            holder.pop(held.pattern, None)
