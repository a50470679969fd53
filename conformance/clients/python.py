"""The Python client as a client of the conformance kit (docs/CONFORMANCE.md)."""

import asyncio
import json
import sys

import tickwire

subscriptions = {}
client = None


def say(message):
    print(json.dumps(message), flush=True)


def row(held):
    return {
        "symbol": held.symbol,
        "price": held.current_price,
        "average": held.moving_average,
        "count": held.update_count,
        "time": held.last_update_time,
        "min": held.min_price,
        "max": held.max_price,
        "live": held.is_live,
    }


def anomaly(told):
    return {
        "symbol": told.symbol,
        "sequence": told.sequence,
        "direction": told.direction,
        "reference": told.reference_price,
        "price": told.new_price,
        "changePercent": told.change_percent,
        "time": told.timestamp,
    }


ALERT_NAMES = {"change_percent": "changePercent", "start_time": "startTime"}


def alert(told):
    return {ALERT_NAMES.get(name, name): getattr(told, name) for name in told.__slots__}


def gap(told):
    ends = {"fromSequence": told.from_sequence, "toSequence": told.to_sequence}
    return {"symbol": told.symbol, **ends}


def error(raised):
    return {"message": str(raised), "code": getattr(raised, "code", None)}


EVENTS = {
    "subscriber": {
        "anomaly": anomaly,
        "gap": gap,
        "alert": alert,
        "alert_gap": gap,
        "error": error,
    },
    "publisher": {
        "reject": lambda told: {"symbol": told.symbol, "price": told.price, "code": told.code},
        "error": error,
    },
}


def number(value):
    return float(value) if isinstance(value, str) else value


def listen(name, told):
    event = "alertGap" if name == "alert_gap" else name
    client.on(name, lambda content: say({"event": event, **told(content)}))


class Commands:
    async def connect(self, role, url, options):
        global client
        connect = tickwire.connect if role == "subscriber" else tickwire.connect_publisher
        client = connect(url, **options)
        for name, told in EVENTS[role].items():
            listen(name, told)

    async def subscribe(self, patterns, options):
        if "alertsSince" in options:
            options["alerts_since"] = options.pop("alertsSince")
        subscription = client.subscribe(patterns, **options)
        subscriptions[tuple(patterns)] = subscription
        await subscription
        refused = [{"pattern": one.pattern, "code": one.code} for one in subscription.refusals]
        return {"refused": refused}

    async def unsubscribe(self, patterns):
        subscriptions[tuple(patterns)].unsubscribe()

    async def state(self):
        return client.state

    async def get(self, symbol):
        held = client.get(symbol)
        return None if held is None else row(held)

    async def symbols(self):
        return [row(held) for held in client.symbols()]

    async def verify(self):
        return {"equal": (await client.verify()).equal}

    async def history(self, symbol, after, limit):
        page = await client.history(symbol, after, limit)
        return {"anomalies": [anomaly(each) for each in page.anomalies], "more": page.more}

    async def ping(self):
        return await client.ping()

    async def publish(self, ticks):
        await client.publish_batch(
            [(symbol, number(price), number(time)) for symbol, price, time in ticks]
        )

    async def flush(self):
        await client.flush()

    async def totals(self):
        totals = client.totals
        return {name: getattr(totals, name) for name in totals.__slots__}

    async def authenticate(self, token):
        client.authenticate(token)

    async def close(self):
        await client.close()


async def carry_out(line):
    command = json.loads(line)
    answer = {"id": command.pop("id")}
    run = getattr(Commands(), command.pop("do"), None)
    if run is None:
        say({**answer, "unsupported": True})
        return
    try:
        say({**answer, "result": await run(**command)})
    except Exception as raised:
        say({**answer, "error": error(raised)})


async def main():
    reader = asyncio.StreamReader(limit=2**24)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    # Commands may overlap: a flush waits while others are carried out.
    running = set()
    while line := await reader.readline():
        task = asyncio.create_task(carry_out(line))
        running.add(task)
        task.add_done_callback(running.discard)


asyncio.run(main())
