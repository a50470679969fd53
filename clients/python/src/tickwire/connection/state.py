"""The states of a client, and how connections end."""

from dataclasses import dataclass
from typing import Literal

ConnectionState = Literal["connecting", "live", "reconnecting", "closed"]
"""``connecting``: no session has been open yet. ``live``: one is open. ``reconnecting``: it was
lost, and the client is trying another one. ``closed``: for good.
"""

ABNORMAL_CLOSURE = 1006
"""The close code without a close frame."""


@dataclass(frozen=True, slots=True)
class Closure:
    """How a connection ended."""

    #: The WebSocket close code; 1006 without a close frame.
    code: int
    #: Given by the closing side or the platform; may be empty.
    reason: str


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of state, or another failed attempt to connect."""

    #: The state from now on.
    state: ConnectionState
    #: The state before; the same after another failed attempt.
    previous: ConnectionState
    #: How the connection ended, if one did.
    closure: Closure | None = None
    #: Time until the next attempt, ms, if there will be one.
    retry_in_ms: float | None = None
