"""Splits subscriptions into requests that fit the server's frames."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..protocol.symbol import is_wildcard
from .subscriptions import Interest

# Most bytes around a string, and of the number after it.
_OVERHEAD_BYTES = 16


@dataclass(slots=True)
class SubscribeRequest:
    """The content of one SUBSCRIBE frame."""

    interest: Interest
    patterns: list[str] = field(default_factory=list)
    since: dict[str, int] = field(default_factory=dict)


def subscribe_requests(
    groups: Mapping[Interest, list[str]], since: Mapping[str, int], bytes_max: float
) -> list[SubscribeRequest]:
    """One request for each set of options, unless it is very large.

    Resume points go with the pattern that covers the symbol. Those that do not fit are left out:
    the gap is noticed and filled at that symbol's next anomaly.

    :param since: symbol → last anomaly sequence seen
    :param bytes_max: size limit of a request
    """
    requests: list[SubscribeRequest] = []
    for interest, patterns in groups.items():
        resumed = since if interest.anomalies else {}
        request = SubscribeRequest(interest)
        size = 0
        # Wildcards come last, so what they cover resumes with the last request.
        for pattern in sorted(patterns, key=is_wildcard):
            sequence = resumed.get(pattern)
            needed = _size_of(pattern) * (1 if sequence is None else 2)
            if size + needed > bytes_max:
                requests.append(request)
                request = SubscribeRequest(interest)
                size = 0
            size += needed
            request.patterns.append(pattern)
            if sequence is not None:
                request.since[pattern] = sequence
        if any(map(is_wildcard, request.patterns)):
            for symbol, sequence in resumed.items():
                size += _size_of(symbol)
                if size > bytes_max:
                    break
                request.since[symbol] = sequence
        requests.append(request)
    return requests


def _size_of(text: str) -> int:
    return _OVERHEAD_BYTES + len(text) * (1 if text.isascii() else 4)
