"""Random histories of the mirror and of a publisher's stream."""

from math import isnan

from hypothesis import given
from hypothesis import strategies as st

from tickwire.protocol.codec import decode_frame, encode_frame
from tickwire.protocol.stats_entry import FULL
from tickwire.publisher.tick_stream import TickStream
from tickwire.subscriber.mirror import Mirror

prices = st.floats(min_value=5e-324, allow_infinity=False)
times = st.floats(min_value=0, max_value=2**53)
states = st.tuples(prices, prices, st.integers(1, 2**53 - 1).map(float), times, prices, prices)
State = tuple[float, ...]


def entry(symbol_id: int, known: State | None, new: State, fields: int) -> list[float]:
    """What a server sends to a session that holds `known`."""
    deltas = list(new)
    mask = fields | FULL
    if known is not None:
        changed = sum(1 << i for i in range(6) if known[i] != new[i]) & fields
        deltas[2], deltas[3] = new[2] - known[2], new[3] - known[3]
        is_exact = known[3] + deltas[3] == new[3] and known[2] + deltas[2] == new[2]
        if is_exact or not changed & 12:
            mask = changed
        else:
            deltas = list(new)
    if mask == 0:
        return []
    return [symbol_id, mask, *(deltas[i] for i in range(6) if mask >> i & 1)]


@given(
    st.integers(1, 63),
    st.lists(st.lists(st.tuples(st.integers(0, 3), states), max_size=4), max_size=12),
    st.sampled_from(["binary", "json"]),
)
def test_the_mirror_holds_the_same_doubles(
    fields: int, frames: list[list[tuple[int, State]]], encoding: str
) -> None:
    mirror = Mirror()
    mirror.learn_names([0, "A", 1, "B", 2, "C", 3, "D"])
    known: dict[int, State] = {}
    for frame in frames:
        entries: list[float] = []
        for symbol_id, state in frame:
            entries += entry(symbol_id, known.get(symbol_id), state, fields)
            known[symbol_id] = state
        message = encode_frame([20, 1, entries], "json" if encoding == "json" else "binary")
        mirror.apply(decode_frame(message)[2])
    assert {held.symbol_id for held in mirror.symbols()} == known.keys()
    for held in mirror.symbols():
        values = held.values
        found = (values.price, values.average, values.count, values.time, values.min, values.max)
        for i, (value, expected) in enumerate(zip(found, known[held.symbol_id], strict=True)):
            assert value == expected if fields >> i & 1 else isnan(value)


steps = st.one_of(
    st.tuples(st.just("take"), st.integers(1, 9)),
    st.tuples(st.just("send"), st.integers(1, 9)),
    st.tuples(st.just("receive"), st.integers(0, 5)),
    st.tuples(st.just("ack"), st.integers(0, 3)),
    st.tuples(st.just("reconnect"), st.integers(0, 5)),
    st.tuples(st.just("rewind"), st.just(0)),
)


@given(st.lists(steps, max_size=80))
def test_each_tick_is_applied_once_and_in_order(history: list[tuple[str, int]]) -> None:
    """A server takes frames as the protocol says, and settles them later; lines lose what is under
    way at any time.
    """
    stream = TickStream()
    stream.resume(0, 9)
    taken = 0
    # What the server has: the last sequence taken and settled, and the ticks applied.
    sequence = settled = 0
    applied: list[float] = []
    under_way: list[tuple[int, list[float]]] = []
    for step, number in history:
        if step == "take":
            for _ in range(number):
                taken += 1
                stream.buffer.push(0, float(taken), None)
            stream.seal()
        elif step == "send":
            if stream.next_to_send is None and stream.sealed > 0:
                stream.cut_frame(min(number, stream.sealed))
            frame = stream.next_to_send
            if frame is not None:
                ticks = stream.buffer.slice(frame.position, frame.ticks)[1::3]
                under_way.append((frame.sequence, [tick for tick in ticks if tick is not None]))
                stream.mark_sent()
        elif step == "receive":
            for received, values in under_way[:number]:
                if received == sequence + 1:
                    sequence += 1
                    applied += values
            del under_way[:number]
        elif step == "ack":
            settled = max(settled, sequence - number)
            stream.acknowledge(settled)
        elif step == "rewind":
            stream.rewind()
        else:
            under_way.clear()
            settled = max(settled, sequence - number)
            assert stream.resume(settled, 9) is not None
    assert applied == [float(i + 1) for i in range(len(applied))]
    # The rest arrives on a line that holds.
    assert stream.resume(sequence, 9) is not None
    assert stream.acknowledged == len(applied)
    assert stream.taken == taken
    stream.cut_frame(stream.sealed)
    rest: list[float | None] = []
    while (frame := stream.next_to_send) is not None:
        rest += stream.buffer.slice(frame.position, frame.ticks)[1::3]
        stream.mark_sent()
    assert applied + rest == [float(i + 1) for i in range(taken)]
