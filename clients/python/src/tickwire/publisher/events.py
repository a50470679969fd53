"""What a publisher reports."""

from dataclasses import dataclass

from ..connection.state import StateChange
from ..errors import TickwireError


@dataclass(frozen=True, slots=True)
class Rejection:
    """A tick that the server refused."""

    symbol: str
    price: float
    #: Ms since the Unix epoch; None if the tick had no time.
    time: float | None
    #: Index among all ticks that this publisher took, from 0.
    index: int
    #: One of `ErrorCode`.
    code: int
    #: The name of the code, such as ``bad_time``.
    reason: str
    #: With ``symbol_limit``: which limit was met, its value and its key on the server.
    detail: str | None


PublisherEvent = StateChange | Rejection | TickwireError
"""What `Publisher.events` yields."""
