"""Symbol aliases for TICKS frames."""

from ..protocol.codec import ClientFrame
from ..protocol.ops import Op
from .tick import check_symbol


class AliasTable:
    """0, 1, 2 … in the order of first use, for the publisher's life."""

    def __init__(self) -> None:
        self.aliases: dict[str, int] = {}
        self._symbols: list[str] = []
        self._declared = 0

    def alias_of(self, symbol: object, name: str) -> int:
        """The alias of a symbol; assigns one if needed.

        :raises TypeError, ValueError: if it is not a valid symbol
        """
        checked = check_symbol(symbol, name)
        known = self.aliases.get(checked)
        if known is not None:
            return known
        alias = self.aliases[checked] = len(self._symbols)
        self._symbols.append(checked)
        return alias

    def symbol_of(self, alias: int) -> str:
        return self._symbols[alias]

    def forget_declarations(self) -> None:
        """A new connection does not know any alias."""
        self._declared = 0

    @property
    def is_undeclared(self) -> bool:
        """Whether some aliases are not declared on this connection yet."""
        return self._declared < len(self._symbols)

    def next_declaration(self, symbols_max: int) -> ClientFrame:
        """The next ALIAS frame; counts as sent."""
        first = self._declared
        symbols = self._symbols[first : first + symbols_max]
        self._declared += len(symbols)
        return [Op.ALIAS, first, symbols]
