"""Error codes and WebSocket close codes."""

from enum import IntEnum


class ErrorCode(IntEnum):
    """The codes of ERROR, REJECT, SUBSCRIBED and UNSUBSCRIBED, where 0 means no error."""

    bad_frame = 1
    unknown_op = 2
    bad_symbol = 3
    bad_price = 4
    bad_time = 5
    unknown_alias = 6
    symbol_limit = 7
    subscription_limit = 8
    rate_limited = 9
    unauthorized = 10
    forbidden = 11
    backpressure = 12
    sequence_gap = 13
    not_available = 14
    internal = 15


class CloseCode(IntEnum):
    """4000 to 4499 mean come back, 4500 to 4999 mean that something must change first."""

    GOING_AWAY = 4001
    UNRESPONSIVE = 4002
    TAKEN_OVER = 4004
    SEQUENCE_GAP = 4005
    TOKEN_EXPIRED = 4010
    UNAUTHORIZED = 4500
    PROTOCOL_ERROR = 4501
    TOO_MANY_CONNECTIONS = 4503
    FORBIDDEN = 4507


def error_name(code: int) -> str:
    """The name of an error code, such as ``bad_symbol``; ``error 99`` for an unknown one."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code}"


def is_reconnectable(close_code: int) -> bool:
    """Everything but 4500 to 4999, and never after a takeover."""
    return close_code != CloseCode.TAKEN_OVER and not 4500 <= close_code <= 4999
