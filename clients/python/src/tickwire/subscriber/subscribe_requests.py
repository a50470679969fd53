"""Splits subscriptions into requests that fit the server's frames."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..protocol.symbol import is_wildcard
from .subscriptions import Interest

# Most bytes around a string, and of the number after it.
_OVERHEAD_BYTES = 16

# Options of SUBSCRIBE that say where to go on: symbol → last sequence seen.
SINCE_OPTIONS: Final = ("since", "alertsSince")


def no_resume_points() -> dict[str, dict[str, int]]:
    """By the names of `SINCE_OPTIONS`."""
    return {option: {} for option in SINCE_OPTIONS}


@dataclass(slots=True)
class SubscribeRequest:
    """The content of one SUBSCRIBE frame."""

    interest: Interest
    patterns: list[str] = field(default_factory=list)
    resume: dict[str, dict[str, int]] = field(default_factory=no_resume_points)


def subscribe_requests(
    groups: Mapping[Interest, list[str]],
    resume: Mapping[str, Mapping[str, int]],
    bytes_max: float,
) -> list[SubscribeRequest]:
    """One request for each set of options, unless it is very large.

    Resume points go with the pattern that covers the symbol. Those that do not fit are left out:
    the gap is noticed and filled at that symbol's next anomaly or alert.

    :param resume: by the names of `SINCE_OPTIONS`
    :param bytes_max: size limit of a request
    """
    requests: list[SubscribeRequest] = []
    for interest, patterns in groups.items():
        is_wanted = {"since": interest.anomalies, "alertsSince": interest.alerts}
        options = [option for option in SINCE_OPTIONS if is_wanted[option]]
        request = SubscribeRequest(interest)
        size = 0
        # Wildcards come last, so what they cover resumes with the last request.
        for pattern in sorted(patterns, key=is_wildcard):
            held = [option for option in options if pattern in resume[option]]
            needed = _size_of(pattern) * (1 + len(held))
            if size + needed > bytes_max:
                requests.append(request)
                request = SubscribeRequest(interest)
                size = 0
            size += needed
            request.patterns.append(pattern)
            for option in held:
                request.resume[option][pattern] = resume[option][pattern]
        if any(map(is_wildcard, request.patterns)):
            for option in options:
                for symbol, sequence in resume[option].items():
                    size += _size_of(symbol)
                    if size > bytes_max:
                        break
                    request.resume[option][symbol] = sequence
        requests.append(request)
    return requests


def _size_of(text: str) -> int:
    return _OVERHEAD_BYTES + len(text) * (1 if text.isascii() else 4)
