"""A price of a symbol at a time, and what may stand for it."""

from datetime import datetime
from decimal import Decimal
from math import inf
from numbers import Real
from typing import NamedTuple, NoReturn

from ..protocol.symbol import validate_symbol
from ..value_checks import fault

Price = float | Decimal
"""A finite number above 0; anything of the kind of `float` or `int`, or a `Decimal`."""

Time = float | datetime | None
"""Ms since the Unix epoch, as from ``time.time() * 1000``; or a `datetime` with a time zone; None:
the time of arrival at the server.
"""


class Tick(NamedTuple):
    """A price of a symbol at a time. A plain tuple will do as well."""

    #: 1 to 32 characters: no control characters, no white space at either end, no ``*``.
    symbol: str
    price: Price
    time: Time = None


def check_symbol(symbol: object, name: str) -> str:
    """:raises TypeError, ValueError: if it is not a valid symbol"""
    expected = "a string of 1 to 32 characters"
    if not isinstance(symbol, str):
        raise TypeError(fault(name, expected, symbol))
    broken = validate_symbol(symbol)
    if broken is not None:
        raise ValueError(f"{fault(name, expected, symbol)}, which {broken}")
    return symbol


def check_price(price: object, name: str) -> float:
    """:raises TypeError, ValueError: if it is not a price"""
    if isinstance(price, bool) or not isinstance(price, (Real, Decimal)):
        _refuse_price(TypeError, name, price)
    try:
        value = float(price)
    except (OverflowError, ValueError):
        _refuse_price(ValueError, name, price)
    if not 0 < value < inf:
        _refuse_price(ValueError, name, price)
    return value


def _refuse_price(kind: type[Exception], name: str, price: object) -> NoReturn:
    raise kind(fault(name, "a finite number above 0", price))
