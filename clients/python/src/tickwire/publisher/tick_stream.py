"""The ticks of a publisher in order, from the first unacknowledged one."""

from typing import NamedTuple

from .tick_buffer import TickBuffer
from .unacknowledged_frames import TicksFrame, UnacknowledgedFrames


class Acknowledgement(NamedTuple):
    """Newly acknowledged frames and ticks, in order of publication; both 0 for mere credit."""

    frames: int
    #: Ticks in these frames, including rejected and dropped ones.
    ticks: int


class TickStream:
    """What became of each tick::

        acknowledged ──▶ framed ──▶ sealed ──▶ taken
                 in frames   may be sent   the open batch

    When a session opens, the server reports the last frame that it has settled. Those after it are
    sent again with their numbers and unchanged: it may have taken some of them, in part even.
    """

    def __init__(self) -> None:
        self.buffer = TickBuffer()
        self._frames = UnacknowledgedFrames()
        self._framed = 0
        self._sealed = 0
        self._next_sequence = 1
        self._acknowledged_sequence = 0
        self._is_new = True

    @property
    def taken(self) -> int:
        """Ticks taken so far."""
        return self.buffer.end

    @property
    def acknowledged(self) -> int:
        """Ticks acknowledged so far."""
        return self.buffer.start

    @property
    def sealed(self) -> int:
        """Ticks sealed and not framed yet."""
        return self._sealed - self._framed

    @property
    def open(self) -> int:
        """Ticks of the open batch."""
        return self.buffer.end - self._sealed

    @property
    def in_flight(self) -> int:
        """Ticks sent and not acknowledged."""
        return self._frames.ticks_sent

    @property
    def next_to_send(self) -> TicksFrame | None:
        """The oldest frame that waits to be sent."""
        return self._frames.next_to_send

    def seal(self) -> None:
        """Seals the open batch: it may be sent."""
        self._sealed = self.buffer.end

    def cut_frame(self, ticks: int) -> None:
        """Makes a frame of the oldest sealed ticks, the next `next_to_send`."""
        self._frames.push(TicksFrame(self._next_sequence, self._framed, ticks))
        self._next_sequence += 1
        self._framed += ticks

    def mark_sent(self) -> None:
        """Marks `next_to_send` as sent."""
        self._frames.mark_sent()

    def rewind(self) -> None:
        """Every frame must be sent again unchanged: it is unknown which the server has."""
        self._frames.rewind()

    def acknowledge(self, sequence: int) -> Acknowledgement:
        frames, ticks = self._frames.acknowledge(sequence)
        if frames:
            self._acknowledged_sequence = sequence
            self.buffer.drop(ticks)
        return Acknowledgement(frames, ticks)

    def resume(self, sequence: int, frame_ticks_max: int) -> Acknowledgement | None:
        """A session opened, and the server has settled the frames up to `sequence`.

        :param frame_ticks_max: most ticks of a frame that it takes

        Returns what that acknowledges; None if the server has frames that were never sent.
        """
        if not self._is_new and sequence >= self._next_sequence:
            return None
        is_known = sequence >= self._acknowledged_sequence
        acknowledged = self.acknowledge(sequence) if is_known else Acknowledgement(0, 0)
        self._acknowledged_sequence = sequence
        self._frames.rewind()
        # A server that is behind its own acknowledgements lost its memory, and continues from
        # there.
        if self._is_new or not is_known or self._frames.ticks_max > frame_ticks_max:
            self._is_new = False
            self._next_sequence = sequence + 1
            self._frames.clear()
            self._framed = self.buffer.start
        return acknowledged

    def position_of(self, sequence: int, index: int) -> int | None:
        """Position of a tick of an unacknowledged frame."""
        frame = self._frames.find(sequence)
        return frame.position + index if frame is not None and index < frame.ticks else None
