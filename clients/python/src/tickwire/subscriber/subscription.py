"""An interest in some patterns, kept across reconnects until it is unsubscribed."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from ..protocol.stats_entry import ALL_FIELDS
from ..value_checks import check_bool, check_number, fault


@dataclass(frozen=True, slots=True)
class SubscriptionOptions:
    """What a subscription asks for. Checked when made."""

    #: Whether to send statistics.
    stats: bool = True
    #: Whether to send anomalies.
    anomalies: bool = True
    #: Which statistics, as bits of `Field`.
    fields: int = ALL_FIELDS
    #: Symbol → sequence of the last anomaly seen: later ones are delivered first.
    since: Mapping[str, int] = field(default_factory=dict)
    #: Whether to send alerts of the server's rules.
    alerts: bool = False
    #: Symbol → sequence of the last alert seen: later ones are delivered first.
    alerts_since: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_bool("stats", self.stats)
        check_bool("anomalies", self.anomalies)
        check_number("fields", self.fields, 1, ALL_FIELDS, is_integer=True)
        _check_since("since", self.since)
        check_bool("alerts", self.alerts)
        _check_since("alerts_since", self.alerts_since)


def _check_since(name: str, since: Mapping[str, int]) -> None:
    if not isinstance(since, Mapping):
        raise TypeError(fault(name, "a mapping of symbol to sequence", since))
    for symbol, sequence in since.items():
        if not isinstance(symbol, str):
            raise TypeError(fault(name, "symbols as keys", symbol))
        check_number(f"{name}[{symbol!r}]", sequence, 0, 2**53 - 1, is_integer=True)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A pattern that the server refused."""

    pattern: str
    #: One of `ErrorCode`.
    code: int
    #: Name of the code.
    reason: str


class SubscriptionOwner(Protocol):
    """What a subscription needs from its subscriber."""

    async def answered(self, subscription: "Subscription") -> None:
        """Returns when the server has answered for each pattern."""

    def refusals(self, subscription: "Subscription") -> tuple[Refusal, ...]: ...

    def remove(self, subscription: "Subscription") -> None: ...


class Subscription:
    """Made by `Subscriber.subscribe`. ``await`` it for the server's answer, if that matters.

    Overlapping interests in a pattern are subscribed once, with the union of their options.
    """

    def __init__(
        self, patterns: Sequence[str], options: SubscriptionOptions, owner: SubscriptionOwner
    ) -> None:
        self.patterns = tuple(patterns)
        self.options = options
        self._owner = owner

    def __await__(self) -> Generator[object, None, "Subscription"]:
        """Returns the subscription once the server has answered; entries follow.

        :raises TickwireError: if the subscriber ends before
        """
        yield from self._owner.answered(self).__await__()
        return self

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The patterns that the server refused."""
        return self._owner.refusals(self)

    def unsubscribe(self) -> None:
        """Symbols that no other subscription covers leave the mirror. Also happens at the end of
        ``async with``.
        """
        self._owner.remove(self)

    async def __aenter__(self) -> "Subscription":
        return await self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.unsubscribe()

    def __repr__(self) -> str:
        return f"<Subscription {', '.join(map(repr, self.patterns))}>"
