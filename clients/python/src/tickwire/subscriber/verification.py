"""Compares the mirror with the server's state."""

import asyncio
from dataclasses import dataclass

from ..protocol.digest import fnv1a
from ..protocol.ops import Op
from .live_stream import LiveStream

# Above this many bytes, a digest is computed beside the event loop: some ms.
_LARGE_DIGEST_BYTES = 52 * 2000


@dataclass(frozen=True, slots=True)
class Verification:
    """The session's state as the server and the mirror see it."""

    #: Whether digests and symbol counts agree: the session is proven in sync.
    equal: bool
    server_digest: int
    own_digest: int
    #: Symbols with data by the server's count, and with live data in the mirror.
    symbol_count: int
    own_symbol_count: int


async def verify(stream: LiveStream) -> Verification:
    """See `Subscriber.verify`."""
    server_digest, symbol_count, data, own_symbol_count, connection = await stream.request(
        lambda request_id: [Op.VERIFY, request_id],
        # The bytes as they are when the answer arrives, before any later frame.
        lambda answer: (
            int(answer[2]),
            int(answer[3]),
            *stream.mirror.digest_bytes(),
            stream.connection,
        ),
    )
    is_large = len(data) > _LARGE_DIGEST_BYTES
    own_digest = await asyncio.to_thread(fnv1a, data) if is_large else fnv1a(data)
    equal = server_digest == own_digest and symbol_count == own_symbol_count
    if not equal and stream.connection is connection:
        stream.fault("the mirror was not in sync with the server")
    return Verification(equal, server_digest, own_digest, symbol_count, own_symbol_count)
