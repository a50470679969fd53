"""The op numbers of protocol version 1, and how a client asks for it."""

from typing import Final

PROTOCOL_VERSION: Final = 1

# The WebSocket subprotocols, by encoding.
SUBPROTOCOL_BINARY: Final = "tickwire.v1"
SUBPROTOCOL_JSON: Final = "tickwire.v1.json"

# The endpoint of each kind of session.
PUBLISH_PATH: Final = "/v1/publish"
STREAM_PATH: Final = "/v1/stream"


class Op:
    """The first element of every frame."""

    AUTH: Final = 1
    ALIAS: Final = 2
    TICKS: Final = 3
    SUBSCRIBE: Final = 4
    UNSUBSCRIBE: Final = 5
    PING: Final = 6
    VERIFY: Final = 7
    HISTORY: Final = 8
    ALERT_HISTORY: Final = 9
    WELCOME: Final = 16
    ACK: Final = 17
    REJECT: Final = 18
    SUBSCRIBED: Final = 19
    STATS: Final = 20
    ANOMALY: Final = 21
    SYMBOLS: Final = 22
    UNSUBSCRIBED: Final = 23
    HEARTBEAT: Final = 24
    PONG: Final = 25
    DIGEST: Final = 26
    HISTORY_PAGE: Final = 27
    ALERT: Final = 28
    RULES: Final = 29
    ERROR: Final = 30
    GOAWAY: Final = 31
    ALERT_PAGE: Final = 32
    RETIRED: Final = 33
