"""The rules for symbols and patterns."""

import re
from collections.abc import Callable
from typing import Final

SYMBOL_LENGTH_MAX: Final = 32
"""The longest symbol, in Unicode code points."""

# C0 and C1 controls. A lone surrogate cannot be encoded as UTF-8.
_CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SPACES = "\u0020\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    chr(code) for code in range(0x2000, 0x200B)
)


def validate_pattern(text: str) -> str | None:
    """The fault of a pattern, as the rest of a sentence ("is empty"); None if it is valid."""
    if text == "":
        return "is empty"
    if len(text) > SYMBOL_LENGTH_MAX:
        return f"is longer than {SYMBOL_LENGTH_MAX} characters"
    if _CONTROL_OR_SURROGATE.search(text):
        return "contains a control character or a lone surrogate"
    if text.strip(_SPACES) != text:
        return "starts or ends with white space"
    return None


def validate_symbol(text: str) -> str | None:
    """The fault of a symbol, as the rest of a sentence; None if it is valid."""
    fault = validate_pattern(text)
    if fault is None and "*" in text:
        return 'contains "*", reserved for patterns'
    return fault


def is_wildcard(pattern: str) -> bool:
    """Whether a pattern can match more than one symbol."""
    return "*" in pattern


def pattern_matcher(pattern: str) -> Callable[[str], bool]:
    """A test for the symbols that a pattern matches.

    Searches each part between two ``*`` once, so no pattern is slow, as a regular expression can
    be.
    """
    if pattern == "*":
        return lambda _symbol: True
    if not is_wildcard(pattern):
        return lambda symbol: symbol == pattern
    prefix, *middles, suffix = pattern.split("*")

    def matches(symbol: str) -> bool:
        if len(symbol) < len(prefix) + len(suffix):
            return False
        if not (symbol.startswith(prefix) and symbol.endswith(suffix)):
            return False
        start, end = len(prefix), len(symbol) - len(suffix)
        for part in middles:
            at = symbol.find(part, start, end)
            if at < 0:
                return False
            start = at + len(part)
        return True

    return matches
