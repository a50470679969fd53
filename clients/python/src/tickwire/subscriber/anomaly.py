"""Anomalies, and what of them is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A price move beyond the threshold inside the server's sliding window."""

    symbol: str
    #: Number among the symbol's anomalies, from 1.
    sequence: int
    #: 1 up, -1 down.
    direction: Literal[1, -1]
    #: The extreme of the window from which the price moved away.
    reference_price: float
    #: The price that raised the anomaly.
    new_price: float
    #: From the reference price to the new one, percent; negative when down.
    change_percent: float
    #: The tick's time, ms since the Unix epoch.
    timestamp: float


@dataclass(frozen=True, slots=True)
class AnomalyGap:
    """Anomalies of a symbol that were missed and that the server no longer has."""

    symbol: str
    #: First and last missing sequence.
    from_sequence: int
    to_sequence: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a symbol's anomalies, oldest first."""

    anomalies: tuple[Anomaly, ...]
    #: Whether there are later ones: ask again after the last sequence of this page.
    more: bool


def read_anomaly(symbol: str, values: Sequence[Any]) -> Anomaly:
    """Names the values of a HISTORY_PAGE's anomaly; those of an ANOMALY have an id before them."""
    sequence, direction, reference, price, percent, time, *_rest = values
    return Anomaly(
        symbol,
        int(sequence),
        1 if direction > 0 else -1,
        float(reference),
        float(price),
        float(percent),
        float(time),
    )
