"""A day of ticks in pandas: open it in VS Code or Jupyter (jupytext), or run it. It needs a server
with a store, whose journal has the ticks: `npm start`, and a feed.
"""

# %% Which ticks
import json
import os
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pandas as pd

URL = os.environ.get("TICKWIRE_HTTP", "http://127.0.0.1:9001")
TOKEN = os.environ.get("TICKWIRE_TOKEN")
SYMBOL = os.environ.get("TICKWIRE_SYMBOL", "BTC-USD")
until = pd.Timestamp.now("UTC") + pd.Timedelta(minutes=1)
since = until - pd.Timedelta(days=1)


# %% Load them, page by page
def ticks(symbol, since, until, every=None):
    """Ticks in the order of the journal; with `every`, at most one (the last) in so many ms."""
    query = {"from": since.isoformat(), "to": until.isoformat(), "limit": 1000}
    if every is not None:
        query["every"] = every
    headers = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}
    while True:
        url = f"{URL}/api/prices/{quote(symbol, safe='')}/ticks?{urlencode(query)}"
        with urlopen(Request(url, headers=headers)) as response:
            page = json.load(response)
        yield from page["items"]
        if page["next"] is None:
            return
        query["after"] = page["next"]


day = pd.DataFrame(ticks(SYMBOL, since, until), columns=["timestamp", "price"])
prices = day.set_index(pd.to_datetime(day["timestamp"], format="ISO8601"))["price"].sort_index()
print(f"{len(prices)} ticks of {SYMBOL}")

# %% Candles of a minute
candles = prices.resample("1min").ohlc().dropna()
print(candles.tail())

# %% How far it moved within any ten seconds, in percent
window = prices.rolling("10s")
moves = (window.max() / window.min() - 1) * 100
print(moves.describe())

# %% A year would be many pages: one price an hour is enough for a chart
hourly = pd.DataFrame(ticks(SYMBOL, until - pd.Timedelta(days=365), until, every=3_600_000))
print(hourly.tail())
