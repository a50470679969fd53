"""How to reach a server, for subscribers and publishers alike."""

import random
import ssl as ssl_module
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from urllib.parse import urlsplit, urlunsplit

from ..protocol.codec import Encoding
from ..value_checks import check_number, fault

#: The address of a server, or those of all that serve the same data, as edges of a cluster do.
ServerUrl = str | Sequence[str]
Token = str | Callable[[], str | Awaitable[str]]

# The longest time that any platform's event loop waits, ms.
TIMER_MS_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Checked when made.

    :raises TypeError, ValueError: with the option's name, what was expected, and what was given
    """

    #: Bearer token, or a function, plain or async, that gets one before each connection.
    token: Token | None = None
    #: MessagePack (``binary``) or ``json``.
    encoding: Encoding = "binary"
    #: Timeout for getting a token and for opening a session, ms.
    connect_timeout_ms: float = 10_000
    #: How long to keep trying without a session that lasts, ms. 0: never reconnect.
    give_up_after_ms: float = inf
    #: TLS settings for ``wss:``, such as a private certificate authority.
    ssl: ssl_module.SSLContext | None = None
    #: More headers of the upgrade request.
    headers: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not (self.token is None or isinstance(self.token, str) or callable(self.token)):
            raise TypeError(fault("token", "a string or a function", self.token))
        if self.encoding not in ("binary", "json"):
            raise ValueError(fault("encoding", "'binary' or 'json'", self.encoding))
        check_number("connect_timeout_ms", self.connect_timeout_ms, 1, TIMER_MS_MAX, "ms")
        check_number("give_up_after_ms", self.give_up_after_ms, 0, inf, "ms")
        if not (self.ssl is None or isinstance(self.ssl, ssl_module.SSLContext)):
            raise TypeError(fault("ssl", "an ssl.SSLContext", self.ssl))
        if not (self.headers is None or isinstance(self.headers, Mapping)):
            raise TypeError(fault("headers", "a mapping of strings", self.headers))


_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_EXPECTED = "the URL of a server, such as 'ws://127.0.0.1:9001'"


def endpoint_urls(servers: ServerUrl, path: str, query: str = "") -> list[str]:
    """URLs of an endpoint of servers, in a random order: the clients of a server that is lost
    spread over the others.

    :raises TypeError, ValueError: as `endpoint_url`, or without an address
    """
    addresses = [servers] if isinstance(servers, str) else servers
    if not isinstance(addresses, Sequence):
        raise TypeError(fault("url", f"{_EXPECTED}, or a list of them", servers))
    if len(addresses) == 0:
        raise ValueError(fault("url", _EXPECTED, servers))
    urls = [endpoint_url(server, path, query) for server in addresses]
    return random.sample(urls, len(urls))


def endpoint_url(server: str, path: str, query: str = "") -> str:
    """The URL of an endpoint of a server.

    Takes ``ws:``, ``wss:``, ``http:`` and ``https:`` URLs, with a path prefix where a proxy needs
    one.

    :raises TypeError: if it is not a string
    :raises ValueError: if it is not the URL of a server
    """
    if not isinstance(server, str):
        raise TypeError(fault("url", _EXPECTED, server))
    try:
        parts = urlsplit(server)
        is_good = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(fault("url", _EXPECTED, server))
    prefix = parts.path.removesuffix("/")
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, prefix + path, query, ""))
