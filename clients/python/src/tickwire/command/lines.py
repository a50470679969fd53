"""A line for each change, as text or JSON."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from math import isnan
from types import TracebackType

from ..connection.state import StateChange
from ..subscriber.anomaly import Anomaly
from ..subscriber.statistics import SymbolStatistics


def number(value: float) -> str:
    """A number without a needless fraction; "-" for NaN."""
    return "-" if isnan(value) else format(value, ".15g")


def change_line(change: SymbolStatistics) -> str:
    return (
        f"{change.symbol} {number(change.current_price)} average {change.moving_average:.8g}"
        f" count {change.update_count} min {number(change.min_price)}"
        f" max {number(change.max_price)}"
    )


def anomaly_line(anomaly: Anomaly) -> str:
    prices = f"{number(anomaly.reference_price)} to {number(anomaly.new_price)}"
    return f"{anomaly.symbol} anomaly {anomaly.sequence}: {prices}, {anomaly.change_percent:+.2f} %"


def state_line(change: StateChange) -> str:
    closure = change.closure
    cause = "" if closure is None else f": {closure.reason} ({closure.code})".replace(":  (", " (")
    wait = "" if change.retry_in_ms is None else f", next attempt in {change.retry_in_ms:.0f} ms"
    return f"{change.state}{cause}{wait}"


class Lines:
    """Changes and anomalies on standard output; everything else on standard error."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json

    def __enter__(self) -> "Lines":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        pass

    def changed(self, changes: Sequence[SymbolStatistics]) -> None:
        for change in changes:
            print(_json("update", change) if self._is_json else change_line(change))
        sys.stdout.flush()

    def raised(self, anomaly: Anomaly) -> None:
        print(_json("anomaly", anomaly) if self._is_json else anomaly_line(anomaly), flush=True)

    def entered(self, change: StateChange) -> None:
        self.noted(state_line(change))

    def noted(self, text: str) -> None:
        print(f"tickwire: {text}", file=sys.stderr, flush=True)


def _json(kind: str, value: SymbolStatistics | Anomaly) -> str:
    # JSON has no NaN.
    fields = {
        name: None if isinstance(field, float) and isnan(field) else field
        for name, field in asdict(value).items()
    }
    return json.dumps({"type": kind} | fields, ensure_ascii=False)
