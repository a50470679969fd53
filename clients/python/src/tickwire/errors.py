"""The errors of this package. Mistakes of the program are TypeError and ValueError."""

from .protocol.codec import Frame
from .protocol.codes import error_name


class TickwireError(Exception):
    """Base of all errors that are not mistakes of the program."""


class ServerError(TickwireError):
    """The server refused something."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: float | None = None,
        request_id: int | None = None,
    ) -> None:
        super().__init__(message)
        #: One of `ErrorCode`, or a code of a later version.
        self.code = code
        #: The name of the code, such as ``bad_symbol``.
        self.name = error_name(code)
        #: Whether the same request may succeed later.
        self.retryable = retryable
        #: Time to wait before another attempt, ms; None if the server does not say.
        self.retry_after_ms = retry_after_ms
        self.request_id = request_id

    @classmethod
    def from_frame(cls, frame: Frame) -> "ServerError":
        """From an ERROR frame."""
        _op, request_id, code, message, retryable, retry_after_ms, *_rest = frame
        return cls(
            int(code),
            str(message),
            retryable=retryable is True,
            retry_after_ms=None if retry_after_ms is None else float(retry_after_ms),
            request_id=None if request_id is None else int(request_id),
        )


class ConnectionLostError(TickwireError):
    """A connection ended: before an answer, or for good if it is a client's `failure`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"connection closed ({code}) {reason}".rstrip())
        #: The WebSocket close code; 1006 without a close frame.
        self.code = code
        #: Given by the closing side or the platform; may be empty.
        self.reason = reason


class ClosedError(TickwireError):
    """The client was closed."""


class BufferFullError(TickwireError):
    """A tick was not taken because the buffer is full."""


class ReaderTooSlowError(TickwireError):
    """A loop over anomalies, alerts or events is too far behind."""
