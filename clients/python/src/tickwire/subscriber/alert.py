"""Alerts of the server's rules, and what of them is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

AlertPhase = Literal["start", "escalate", "extend", "end"]
AlertLevel = Literal["warning", "critical"]
AlertDirection = Literal["Up", "Down", "None"]
AlertReason = Literal["reverted", "reversed", "settled", "closed"]


@dataclass(frozen=True, slots=True)
class Alert:
    """A step of an episode: of one move of a symbol, as a rule of the server sees it."""

    symbol: str
    #: Number among the symbol's alerts of all rules, from 1.
    sequence: int
    #: Name of the rule.
    rule: str
    #: Number among the episodes of symbol and rule, from 1.
    episode: int
    #: What the episode does.
    phase: AlertPhase
    level: AlertLevel
    #: ``None``, the string, for silence.
    direction: AlertDirection
    #: The price that the rule compared with.
    reference: float
    #: The price that raised the alert.
    price: float
    #: From the reference to the price, percent; negative when down.
    change_percent: float
    #: Of the tick, or of the episode's end, ms since the Unix epoch.
    time: float
    #: Of the episode's start, ms since the Unix epoch.
    start_time: float
    #: The price of the episode furthest from where it began.
    peak: float
    #: Ticks of the episode beyond the threshold.
    count: int
    #: Why the episode ended; None but at ends.
    reason: AlertReason | None


@dataclass(frozen=True, slots=True)
class AlertGap:
    """Alerts of a symbol that were missed and that the server no longer has."""

    symbol: str
    #: First and last missing sequence.
    from_sequence: int
    to_sequence: int


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One page of a symbol's alerts, oldest first."""

    alerts: tuple[Alert, ...]
    #: Whether there are later ones: ask again after the last sequence of this page.
    more: bool


_PHASES: Final[dict[int, AlertPhase]] = {1: "start", 2: "escalate", 3: "extend", 4: "end"}
_LEVELS: Final[dict[int, AlertLevel]] = {1: "warning", 2: "critical"}
_DIRECTIONS: Final[dict[int, AlertDirection]] = {1: "Up", -1: "Down", 0: "None"}
_REASONS: Final[dict[int, AlertReason]] = {
    1: "reverted",
    2: "reversed",
    3: "settled",
    4: "closed",
}


def read_alert(rules: Mapping[int, str], symbol: str, values: Sequence[Any]) -> Alert:
    """Names the values of an ALERT_PAGE's alert; those of an ALERT have an id before them.

    :param rules: names of rules by their ids, as RULES announced them
    :raises LookupError: if it did not, or for a code of a later version
    """
    sequence, rule_id, episode, phase, level, direction, *numbers, count, reason = values[:14]
    reference, price, percent, time, start_time, peak = map(float, numbers)
    return Alert(
        symbol,
        int(sequence),
        rules[rule_id],
        int(episode),
        _PHASES[phase],
        _LEVELS[level],
        _DIRECTIONS[direction],
        reference,
        price,
        percent,
        time,
        start_time,
        peak,
        int(count),
        _REASONS.get(reason),
    )
