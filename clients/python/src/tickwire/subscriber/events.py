"""What a subscriber reports besides statistics, anomalies and alerts."""

from dataclasses import dataclass

from ..connection.state import StateChange
from ..errors import TickwireError
from .alert import AlertGap
from .anomaly import AnomalyGap
from .lag import Lag


@dataclass(frozen=True, slots=True)
class Reset:
    """The server started a new epoch: the mirror was cleared."""

    epoch: str


@dataclass(frozen=True, slots=True)
class Retired:
    """Symbols are gone, and their data with them. Each begins anew with its next tick, if any; the
    subscription stays.
    """

    symbols: tuple[str, ...]


SubscriberEvent = StateChange | Lag | AnomalyGap | AlertGap | Reset | Retired | TickwireError
"""What `Subscriber.events` yields."""


@dataclass(frozen=True, slots=True)
class SubscriberCounters:
    """What a subscriber has received, over all its connections."""

    #: Frames of all kinds, and their payload bytes.
    frames: int
    bytes: int
    #: Frames with statistics.
    stats_frames: int
    #: Entries in these frames, one for each symbol that changed.
    entries: int
    #: Entries that replaced the whole state of their symbol.
    full_entries: int
    #: Ticks that the entries cover, except first entries. What exceeds `entries` was conflated.
    updates: int
    #: Anomalies delivered.
    anomalies: int
    #: Alerts delivered.
    alerts: int
    #: Connections lost.
    reconnects: int
