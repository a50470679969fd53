"""The frames that the server has not acknowledged."""

from collections import deque
from typing import NamedTuple


class TicksFrame(NamedTuple):
    """A TICKS frame that the server has not acknowledged."""

    sequence: int
    #: Position of its first tick.
    position: int
    ticks: int


class UnacknowledgedFrames:
    """Consecutive sequences: first those sent, then those to be sent."""

    def __init__(self) -> None:
        self._sent: deque[TicksFrame] = deque()
        self._waiting: deque[TicksFrame] = deque()
        #: Ticks of the frames sent, which use up the publisher's credit.
        self.ticks_sent = 0

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting)

    @property
    def next_to_send(self) -> TicksFrame | None:
        """The oldest frame not sent yet."""
        return self._waiting[0] if self._waiting else None

    @property
    def ticks_max(self) -> int:
        """Ticks of the largest of them."""
        return max((frame.ticks for frame in (*self._sent, *self._waiting)), default=0)

    def push(self, frame: TicksFrame) -> None:
        """Adds a frame to be sent."""
        self._waiting.append(frame)

    def mark_sent(self) -> None:
        """Marks `next_to_send` as sent."""
        frame = self._waiting.popleft()
        self._sent.append(frame)
        self.ticks_sent += frame.ticks

    def find(self, sequence: int) -> TicksFrame | None:
        for frame in (*self._sent, *self._waiting):
            if frame.sequence == sequence:
                return frame
        return None

    def acknowledge(self, sequence: int) -> tuple[int, int]:
        """Drops the frames up to a sequence. Returns how many, and their ticks."""
        frames = ticks = 0
        while self._sent and self._sent[0].sequence <= sequence:
            frame = self._sent.popleft()
            self.ticks_sent -= frame.ticks
            frames += 1
            ticks += frame.ticks
        # A frame that is to be sent again may have arrived the first time.
        while not self._sent and self._waiting and self._waiting[0].sequence <= sequence:
            ticks += self._waiting.popleft().ticks
            frames += 1
        return frames, ticks

    def rewind(self) -> None:
        """Marks every frame as not sent."""
        self._waiting.extendleft(reversed(self._sent))
        self._sent.clear()
        self.ticks_sent = 0

    def clear(self) -> None:
        self._sent.clear()
        self._waiting.clear()
        self.ticks_sent = 0
