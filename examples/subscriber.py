"""Prints live statistics and anomalies, and proves that its copy equals the server's.

Needs msgpack and websockets, 10 or newer (Debian: python3-msgpack, python3-websockets).
Run: python3 examples/subscriber.py ['BTC-*' ETH-USD ...]   (TICKWIRE_URL, TICKWIRE_TOKEN: where)"""
import asyncio, contextlib, functools, os, random, signal, struct, sys, msgpack, websockets

URL = os.environ.get('TICKWIRE_URL', 'http://127.0.0.1:9001').replace('http', 'ws', 1)
PATTERNS, TOKEN = sys.argv[1:] or ['*'], os.environ.get('TICKWIRE_TOKEN', '')
OPTIONS = {'subprotocols': ['tickwire.v1', f'bearer.{TOKEN}'], 'max_size': None}  # Accept long frames.
SUBSCRIBE, VERIFY, WELCOME, STATS, ANOMALY, SYMBOLS, HEARTBEAT, DIGEST = 4, 7, 16, 20, 21, 22, 24, 26
FIELDS, FULL = ('price', 'average', 'count', 'time', 'min', 'max'), 64  # bits 1, 2, 4 ...; bit 64

def apply(entries, mirror):  # the entries of a STATS frame; gives the ids of what changed
    numbers = iter(entries)
    for symbol_id in numbers:
        mask = int(next(numbers))
        values = mirror[symbol_id] = {} if mask & FULL else mirror[symbol_id]
        for bit, field in enumerate(FIELDS):
            if mask & 1 << bit:
                is_increase = field in ('count', 'time') and not mask & FULL
                values[field] = next(numbers) + (values[field] if is_increase else 0)
        yield symbol_id

def digest(mirror):
    data = b''.join(struct.pack('<I6d', i, *mirror[i].values()) for i in sorted(mirror))
    return functools.reduce(lambda h, byte: (h ^ byte) * 16777619 & 0xFFFFFFFF, data, 2166136261)

async def read(socket):
    names, mirror = {}, {}  # A new session tells everything anew.
    async for message in socket:
        op, *rest = msgpack.unpackb(message)
        if op == WELCOME:
            await socket.send(msgpack.packb([SUBSCRIBE, 1, PATTERNS, {'conflateMs': 100}]))
        elif op == SYMBOLS:
            names.update(zip(rest[0][::2], rest[0][1::2]))
        elif op == STATS:
            for symbol_id in apply(rest[1], mirror):
                print(names[symbol_id], *(f'{k} {v}' for k, v in mirror[symbol_id].items()))
        elif op == ANOMALY:
            for symbol_id, sequence, _, old, new, percent, _ in rest[1]:
                print(f'{names[symbol_id]} anomaly {sequence}: {old} to {new}, {percent:+.2f} %')
        elif op == HEARTBEAT:  # All is quiet: a good moment to compare.
            await socket.send(msgpack.packb([VERIFY, 2]))
        elif op == DIGEST:
            print('in sync' if rest[1] == digest(mirror) else 'OUT OF SYNC', rest[2], 'symbols')
        else:
            print('op', op, *rest)  # SUBSCRIBED, ERROR, GOAWAY

async def main():
    async for socket in websockets.connect(f'{URL}/v1/stream', **OPTIONS):
        with contextlib.suppress(websockets.ConnectionClosed):
            await read(socket)
        print('connection lost:', socket.close_code, socket.close_reason)
        if 4500 <= (socket.close_code or 0) <= 4999:
            break  # Something must change before another attempt.
        await asyncio.sleep(random.uniform(0, 5))  # Not all clients at once.

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word.
asyncio.run(main())
