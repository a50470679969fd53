"""Publishes made-up prices. Each is applied once, whatever happens to the connection.

Needs msgpack and websockets, 10 or newer (Debian: python3-msgpack, python3-websockets).
Run: python3 examples/publisher.py [NAME] (TICKWIRE_URL, TICKWIRE_TOKEN: where to). Ctrl-C ends it."""
import asyncio, contextlib, os, random, signal, sys, time, msgpack, websockets

SERVER = os.environ.get('TICKWIRE_URL', 'http://127.0.0.1:9001').replace('http', 'ws', 1)
NAME = sys.argv[1] if len(sys.argv) > 1 else 'example-python'
URL = f'{SERVER}/v1/publish?publisher={NAME}'
TOKEN, ALIAS, TICKS, ACK = os.environ.get('TICKWIRE_TOKEN', ''), 2, 3, 17
prices = {'BTC-USD': 64250.5, 'ETH-USD': 3120.25, 'SOL-USD': 98.4}

class Feed:
    frames = []  # Unacknowledged, oldest first; each frame has a tick a symbol.
    settled = 0  # Sequence of the frame before frames[0].
    credit = 0   # Ticks that may be sent beyond the settled frames.

    def settle(self, sequence, credit):
        del self.frames[:max(0, sequence - self.settled)]
        self.settled, self.credit = sequence, credit  # Lower than before: the server forgot us.

def made_up_ticks():
    for alias, symbol in enumerate(prices):
        prices[symbol] = round(prices[symbol] * random.uniform(0.998, 1.002), 2)
        yield from (alias, prices[symbol], time.time() * 1000)

async def publish(socket, feed, stop):
    welcome = msgpack.unpackb(await socket.recv())[1]
    feed.settle(welcome['sequence'], welcome['credit'])
    print(f'connected as {NAME}, going on after frame {feed.settled}')
    await socket.send(msgpack.packb([ALIAS, 0, list(prices)]))
    sent = feed.settled
    while feed.frames or not stop.is_set():
        if len(feed.frames) < 1000 and not stop.is_set():
            feed.frames.append(list(made_up_ticks()))
        limit = feed.settled + min(len(feed.frames), feed.credit // len(prices))
        for sent in range(sent + 1, limit + 1):
            await socket.send(msgpack.packb([TICKS, sent, feed.frames[sent - feed.settled - 1]]))
        with contextlib.suppress(asyncio.TimeoutError):
            while True:
                op, *rest = msgpack.unpackb(await asyncio.wait_for(socket.recv(), 0.1))
                if op == ACK:
                    feed.settle(rest[0], credit=rest[4])
                else:
                    print('op', op, *rest)  # REJECT, ERROR, HEARTBEAT, GOAWAY

async def main():
    feed, stop = Feed(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    async for socket in websockets.connect(URL, subprotocols=['tickwire.v1', f'bearer.{TOKEN}']):
        with contextlib.suppress(websockets.ConnectionClosed):
            await publish(socket, feed, stop)
            return print(f'all acknowledged, up to frame {feed.settled}')
        print('connection lost:', socket.close_code, socket.close_reason)
        if socket.close_code == 4004 or 4500 <= (socket.close_code or 0) <= 4999:
            break  # Another publisher has this name, or something must change.
        await asyncio.sleep(random.uniform(0, 1))

asyncio.run(main())
