"""Lists of the server's HTTP API, page by page."""

import asyncio
import json
import ssl as ssl_module
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from ..connection.options import ConnectOptions
from ..errors import TickwireError
from ..protocol.ops import STREAM_PATH

T = TypeVar("T")

# How often a page is asked for while the server says that it has too much to do.
_ATTEMPTS = 5
_BUSY = (429, 503)


class PastItems(Generic[T]):
    """What a server keeps, oldest first: a loop over it fetches page by page as it proceeds, and
    each loop begins anew.
    """

    def __init__(self, open_items: Callable[[], AsyncIterator[T]]) -> None:
        self._open = open_items

    def __aiter__(self) -> AsyncIterator[T]:
        return self._open()

    async def to_list(self) -> list[T]:
        """All of them at once. Raises as a loop does."""
        return [item async for item in self]


class _Answer(NamedTuple):
    status: int
    reason: str
    #: By their names in lower case; only of a refusal.
    headers: Mapping[str, str]
    body: bytes


class PastPages:
    """Asks the server of a stream, with its token."""

    def __init__(
        self,
        urls: Sequence[str],
        options: ConnectOptions,
        find_token: Callable[[], Awaitable[str | None]],
    ) -> None:
        """:param urls: the stream's, the present one first: ``ws://host/prefix/v1/stream``"""
        self._urls = urls
        self._options = options
        self._find_token = find_token

    async def read(self, path: str, query: Sequence[tuple[str, str]]) -> AsyncIterable[Any]:
        """The items of a list, page after page.

        :raises TickwireError: if the server cannot be reached or refuses, with its reason
        """
        after: list[tuple[str, str]] = []
        while True:
            server = self._urls[0].replace("ws", "http", 1).removesuffix(STREAM_PATH)
            page = await self._page(f"{server}{path}?{urlencode([*query, *after])}")
            for item in page["items"]:
                yield item
            if page.get("next") is None:
                return
            after = [("after", page["next"])]

    async def _page(self, url: str) -> Any:
        attempt = 1
        while True:
            answer = await self._ask(url)
            if answer.status == 200:
                return json.loads(answer.body)
            if answer.status not in _BUSY or attempt == _ATTEMPTS:
                raise _refusal(answer)
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
            attempt += 1

    async def _ask(self, url: str) -> _Answer:
        options = self._options
        headers = dict(options.headers or {})
        try:
            token = await self._find_token()
        except Exception as error:
            raise TickwireError(f"no token: {error}") from error
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        request = Request(url, headers=headers)
        timeout = options.connect_timeout_ms / 1000
        try:
            # The standard library has no client for event loops.
            return await asyncio.to_thread(_fetch, request, timeout, options.ssl)
        except (OSError, HTTPException) as error:
            raise TickwireError(f"no answer from {url.partition('?')[0]}: {error}") from error


def _fetch(request: Request, timeout: float, context: ssl_module.SSLContext | None) -> _Answer:
    try:
        with urlopen(request, timeout=timeout, context=context) as response:
            return _Answer(200, "", {}, response.read())
    except HTTPError as refused:
        with refused:
            headers = {name.lower(): value for name, value in refused.headers.items()}
            return _Answer(refused.code, refused.reason, headers, refused.read())


def _refusal(answer: _Answer) -> TickwireError:
    """From a problem document, or whatever a proxy answers."""
    try:
        problem = json.loads(answer.body)
        reason = problem.get("detail") or problem.get("title")
    except (ValueError, AttributeError):
        reason = None
    return TickwireError(f"{answer.status} {reason or answer.reason}".rstrip())
