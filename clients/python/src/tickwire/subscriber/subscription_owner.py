"""Answers of the server, and the end of subscriptions."""

from .live_stream import LiveStream
from .subscription import Refusal, Subscription


class StreamOwner:
    """What a subscription needs from its subscriber."""

    def __init__(self, stream: LiveStream) -> None:
        self._stream = stream

    async def answered(self, subscription: Subscription) -> None:
        stream = self._stream
        await stream.wait(lambda: stream.subscriptions.is_answered(subscription))

    def refusals(self, subscription: Subscription) -> tuple[Refusal, ...]:
        return self._stream.subscriptions.refusals(subscription)

    def remove(self, subscription: Subscription) -> None:
        self._stream.subscriptions.remove(subscription)
        self._stream.wake()
