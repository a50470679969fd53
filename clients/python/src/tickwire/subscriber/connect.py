"""How a subscriber begins."""

from collections.abc import Mapping
from ssl import SSLContext

from ..connection.options import TIMER_MS_MAX, ConnectOptions, ServerUrl, Token, endpoint_urls
from ..protocol.codec import Encoding
from ..protocol.ops import STREAM_PATH
from ..value_checks import check_number
from .subscriber import Subscriber


def connect(
    url: ServerUrl,
    *,
    token: Token | None = None,
    conflate_ms: float | None = None,
    lag_ms: float = 1000,
    encoding: Encoding = "binary",
    connect_timeout_ms: float = 10_000,
    give_up_after_ms: float = float("inf"),
    ssl: SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
) -> Subscriber:
    """Connects to a server such as ``ws://127.0.0.1:9001`` as a subscriber and stays connected. It
    keeps trying, also while there is no server yet. No need to wait: subscribe and listen at once.

    :param url: a list of addresses: the next one is tried where one fails or is lost
    :param conflate_ms: least time between two updates, ms; None: the server's choice; 0: as soon
        as possible
    :param lag_ms: data that may be older counts as lagging, ms: no symbol is live then, and the
        event ``lag`` tells
    :raises TypeError, ValueError: for a bad URL or option
    :raises RuntimeError: outside a running event loop
    """
    options = ConnectOptions(token, encoding, connect_timeout_ms, give_up_after_ms, ssl, headers)
    if conflate_ms is not None:
        check_number("conflate_ms", conflate_ms, 0, TIMER_MS_MAX, "ms")
    check_number("lag_ms", lag_ms, 1, TIMER_MS_MAX, "ms")
    return Subscriber(endpoint_urls(url, STREAM_PATH), options, conflate_ms, lag_ms)
