"""Statistics as a pandas table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .statistics import SymbolStatistics

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    "current_price",
    "moving_average",
    "update_count",
    "last_update_time",
    "min_price",
    "max_price",
    "is_live",
)


def statistics_frame(symbols: Sequence[SymbolStatistics]) -> "pandas.DataFrame":
    """One row a symbol, the symbols as index; `last_update_time` as UTC timestamps.

    :raises ImportError: without pandas
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_frame() needs pandas: pip install pandas") from error
    columns = {name: [getattr(each, name) for each in symbols] for name in _COLUMNS}
    index = pandas.Index([each.symbol for each in symbols], name="symbol", dtype="str")
    frame = pandas.DataFrame(columns, index=index)
    frame["last_update_time"] = pandas.to_datetime(
        frame["last_update_time"].astype("float64"), unit="ms", utc=True
    )
    return frame
