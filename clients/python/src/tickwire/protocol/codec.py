"""Frames as WebSocket messages: MessagePack in binary ones, JSON in text ones."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import msgpack

Encoding = Literal["binary", "json"]

# A frame of the server: the op, then what depends on it. Numbers may be int or float, whatever
# they stand for: `int()` and `float()` where it matters.
Frame = list[Any]

# A frame of the client.
ClientFrame = Sequence[object]

# How the bytes of a timestamp extension begin, the only extension that `msgpack` reads by itself.
_TIMESTAMPS = (b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff")


def encode_frame(frame: ClientFrame, encoding: Encoding) -> bytes | str:
    if encoding == "json":
        return json.dumps(frame, separators=(",", ":"), allow_nan=False)
    packed: bytes = msgpack.packb(frame)
    return packed


def decode_frame(message: bytes | str) -> Frame:
    """Decodes a message of the server.

    :raises ValueError: if it is not a frame
    """
    try:
        value = _read_json(message) if isinstance(message, str) else _read_message_pack(message)
    except (ValueError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise ValueError(f"not a frame: {error}") from error
    if not isinstance(value, list) or not value or not _is_op(value[0]):
        raise ValueError("not a frame: no array that starts with an op")
    return value


def _is_op(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return type(value) is int


def _read_message_pack(message: bytes) -> object:
    value: object = msgpack.unpackb(message, ext_hook=_refuse_extension)
    # Prices hold such bytes by chance, so finding them proves nothing yet.
    if any(start in message for start in _TIMESTAMPS):
        _refuse_timestamps(value)
    return value


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code} is not part of this protocol")


def _refuse_timestamps(value: object) -> None:
    if isinstance(value, msgpack.Timestamp):
        _refuse_extension(-1, b"")
    elif isinstance(value, list):
        for each in value:
            _refuse_timestamps(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            _refuse_timestamps(each)


def _read_json(message: str) -> object:
    value: object = json.loads(message, parse_constant=_refuse_constant)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
