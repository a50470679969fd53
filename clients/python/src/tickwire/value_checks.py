"""Checks of what callers pass, with messages that name the value and what was expected."""

from datetime import datetime
from math import inf
from numbers import Integral, Real


def fault(name: str, expected: str, value: object) -> str:
    """The message for an unexpected value."""
    shown = repr(value)
    if len(shown) > 80:
        shown = f"{shown[:80]}…"
    return f"{name}: expected {expected}, got {shown}"


def check_number(
    name: str,
    value: object,
    minimum: float,
    maximum: float = inf,
    unit: str = "",
    *,
    is_integer: bool = False,
) -> None:
    """Checks a number in the range `minimum` to `maximum`, both included.

    :raises TypeError: if it is not a number
    :raises ValueError: if it is out of range
    """
    kind = "an integer" if is_integer else "a number"
    bounds = f"{minimum} or more" if maximum == inf else f"{minimum} to {maximum}"
    expected = f"{kind} of {unit}, {bounds}" if unit else f"{kind}, {bounds}"
    if isinstance(value, bool) or not isinstance(value, Integral if is_integer else Real):
        raise TypeError(fault(name, expected, value))
    if not minimum <= float(value) <= maximum:
        raise ValueError(fault(name, expected, value))


def check_bool(name: str, value: object) -> None:
    """:raises TypeError: if it is not a boolean"""
    if not isinstance(value, bool):
        raise TypeError(fault(name, "True or False", value))


def check_time(time: object, name: str) -> float | None:
    """The time in ms.

    :raises TypeError, ValueError: if it is not a time
    """
    if time is None:
        return None
    expected = "ms since the Unix epoch, 0 or more, or a datetime with a time zone, or None"
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise ValueError(fault(name, expected, time))
        return check_time(time.timestamp() * 1000, name)
    if isinstance(time, bool) or not isinstance(time, Real):
        raise TypeError(fault(name, expected, time))
    value = float(time)
    if not 0 <= value < inf:
        raise ValueError(fault(name, expected, time))
    return value
