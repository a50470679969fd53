"""What the server says when a session opens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..protocol.codec import Frame


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the server."""

    #: Largest message accepted, bytes.
    frame_bytes_max: int
    #: Ticks that one frame may hold.
    ticks_per_frame_max: int
    #: Symbols that the server holds.
    symbols_max: int
    #: Patterns that a session may hold.
    subscriptions_max: int
    #: Those of them with a ``*``; None if the server does not say.
    wildcards_max: int | None
    #: Time to authenticate, if required, ms.
    auth_timeout_ms: float


@dataclass(frozen=True, slots=True)
class Welcome:
    """The content of WELCOME. The last four are of publishers; else empty or 0."""

    version: int
    #: One lifetime of the server's symbol ids and state.
    epoch: str
    #: Identifies this session in the server's log.
    session: str
    #: The server's clock, ms since the Unix epoch.
    server_time: float
    #: The server is never silent for longer, ms.
    heartbeat_ms: float
    limits: Limits
    publisher: str
    #: The last sequence that the server accepted from this publisher.
    sequence: int
    #: Ticks that may be sent before the first ACK.
    credit: int
    #: ``dropOldest``, ``dropNewest`` or ``wait``.
    overflow: str


def read_welcome(frame: Frame) -> Welcome:
    """:raises Exception: if the frame does not have the shape of WELCOME"""
    info: Mapping[str, Any] = frame[1]
    limits: Mapping[str, Any] = info["limits"]
    wildcards = limits.get("wildcardsMax")
    welcome = Welcome(
        version=int(info["version"]),
        epoch=str(info["epoch"]),
        session=str(info["session"]),
        server_time=float(info["serverTime"]),
        heartbeat_ms=float(info["heartbeatMs"]),
        limits=Limits(
            frame_bytes_max=int(limits["frameBytesMax"]),
            ticks_per_frame_max=int(limits["ticksPerFrameMax"]),
            symbols_max=int(limits["symbolsMax"]),
            subscriptions_max=int(limits["subscriptionsMax"]),
            wildcards_max=None if wildcards is None else int(wildcards),
            auth_timeout_ms=float(limits["authTimeoutMs"]),
        ),
        publisher=str(info.get("publisher", "")),
        sequence=int(info.get("sequence", 0)),
        credit=int(info.get("credit", 0)),
        overflow=str(info.get("overflow", "")),
    )
    if welcome.heartbeat_ms <= 0:
        raise ValueError("heartbeatMs is not above 0")
    return welcome
