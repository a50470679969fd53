"""A notebook on live prices: open it in VS Code or Jupyter (jupytext), or run its cells in
`python -m asyncio`. It needs a server with a market: `npm run demo`.
"""

# %% Connect: the session lives between cells
import asyncio
import os

import tickwire

URL = os.environ.get("TICKWIRE_URL", "ws://127.0.0.1:9001")
subscriber = tickwire.connect(URL, token=os.environ.get("TICKWIRE_TOKEN"), conflate_ms=100)
anomalies = subscriber.anomalies()
await subscriber.subscribe("*")

# %% The newest numbers, at any time
await subscriber.verify()
frame = subscriber.to_frame()
print(frame.sort_values("update_count", ascending=False).head(10))

# %% Sample a price for a second
symbol = frame["update_count"].idxmax()
samples = []
for _ in range(10):
    samples.append(subscriber[symbol].current_price)
    await asyncio.sleep(0.1)
print(symbol, "between", min(samples), "and", max(samples))

# %% The next anomalies, for two seconds at most
try:
    for _ in range(5):
        anomaly = await asyncio.wait_for(anext(anomalies), 2)
        print(f"{anomaly.symbol} {anomaly.change_percent:+.2f} % to {anomaly.new_price}")
except asyncio.TimeoutError:
    print("all quiet")

# %% Prices of your own: they show up like any other
async with tickwire.connect_publisher(URL, publisher="notebook") as publisher:
    await publisher.publish_batch([("MY-IDEA", 100), ("MY-IDEA", 103)])
while "MY-IDEA" not in subscriber:
    await asyncio.sleep(0.01)
print(subscriber["MY-IDEA"])

# %% Done
await subscriber.close()
