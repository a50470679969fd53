"""Where tokens come from, and when they end."""

import asyncio
import base64
import inspect
import json

from .options import Token


async def find_token(token: Token | None, timeout_ms: float) -> str | None:
    """The token for the next connection.

    :raises TimeoutError: if the function takes longer than `timeout_ms`
    :raises Exception: if the function raises
    """
    if token is None or isinstance(token, str):
        return token
    found = token()
    if inspect.isawaitable(found):
        try:
            found = await asyncio.wait_for(found, timeout_ms / 1000)
        except asyncio.TimeoutError:
            raise TimeoutError("no token in time") from None
    if not isinstance(found, str):
        raise TypeError(f"the token function returned {type(found).__name__}, not a string")
    return found


def expires_at(token: str) -> float | None:
    """When a JSON Web Token expires, s since the Unix epoch; None if it does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        return None


def renewal_delay(expires_in: float) -> float:
    """How long to wait before asking for the next token, s: until the last minute of its life, or
    the last fifth if that is shorter. At least a second, so that a source without news is not
    asked without end.
    """
    return max(1.0, expires_in - min(60.0, expires_in / 5))
