"""Batching and buffering of a publisher."""

import re
import secrets
from dataclasses import dataclass

from ..value_checks import check_number, fault

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAME_RULE = "1 to 64 characters of A-Z a-z 0-9 . _ -"


@dataclass(frozen=True, slots=True)
class PublisherOptions:
    """Checked when made.

    :raises TypeError, ValueError: with the option's name, what was expected, and what was given
    """

    #: A batch of this size is sent at once, ticks.
    batch_ticks_max: int = 1024
    #: Longest time that a tick waits for others, ms. 0: until the event loop's next turn.
    batch_delay_ms: float = 1
    #: Most ticks taken and not yet acknowledged.
    buffer_ticks_max: int = 65_536

    def __post_init__(self) -> None:
        check = check_number
        check("batch_ticks_max", self.batch_ticks_max, 1, 1_048_576, "ticks", is_integer=True)
        check("batch_delay_ms", self.batch_delay_ms, 0, 60_000, "ms")
        check("buffer_ticks_max", self.buffer_ticks_max, 1, 16_777_216, "ticks", is_integer=True)


def publisher_name(name: str | None) -> str:
    """The name, or a random one.

    :raises ValueError: if the server would refuse it
    """
    if name is None:
        return secrets.token_hex(12)
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ValueError(fault("publisher", _NAME_RULE, name))
    return name
