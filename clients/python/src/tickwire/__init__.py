"""The Tickwire client: publish ticks; subscribe to statistics and anomalies."""

from .connection.state import Closure, ConnectionState, StateChange
from .connection.welcome import Limits, Welcome
from .errors import (
    BufferFullError,
    ClosedError,
    ConnectionLostError,
    ReaderTooSlowError,
    ServerError,
    TickwireError,
)
from .protocol.codes import CloseCode, ErrorCode
from .protocol.stats_entry import Field
from .publisher.events import PublisherEvent, Rejection
from .publisher.publisher import Publisher, connect_publisher
from .publisher.tick import Tick
from .publisher.tick_stream import Acknowledgement
from .publisher.tick_tally import PublisherTotals
from .subscriber.alert import Alert, AlertGap, AlertPage
from .subscriber.anomaly import Anomaly, AnomalyGap, HistoryPage
from .subscriber.connect import connect
from .subscriber.events import (
    Reset,
    Retired,
    SubscriberCounters,
    SubscriberEvent,
)
from .subscriber.lag import Lag
from .subscriber.past_pages import PastItems
from .subscriber.round_trips import Latency
from .subscriber.statistics import SymbolStatistics
from .subscriber.subscriber import Subscriber
from .subscriber.subscription import Refusal, Subscription, SubscriptionOptions
from .subscriber.updates import Update
from .subscriber.verification import Verification
from .version import __version__

__all__ = [
    "Acknowledgement",
    "Alert",
    "AlertGap",
    "AlertPage",
    "Anomaly",
    "AnomalyGap",
    "BufferFullError",
    "CloseCode",
    "ClosedError",
    "Closure",
    "ConnectionLostError",
    "ConnectionState",
    "ErrorCode",
    "Field",
    "HistoryPage",
    "Lag",
    "Latency",
    "Limits",
    "PastItems",
    "Publisher",
    "PublisherEvent",
    "PublisherTotals",
    "ReaderTooSlowError",
    "Refusal",
    "Rejection",
    "Reset",
    "Retired",
    "ServerError",
    "StateChange",
    "Subscriber",
    "SubscriberCounters",
    "SubscriberEvent",
    "Subscription",
    "SubscriptionOptions",
    "SymbolStatistics",
    "Tick",
    "TickwireError",
    "Update",
    "Verification",
    "Welcome",
    "__version__",
    "connect",
    "connect_publisher",
]
