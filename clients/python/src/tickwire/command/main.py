"""The command line: arguments, exit codes."""

import argparse
import asyncio
import io
import logging
import os
import sys
from collections.abc import Sequence
from math import inf

from ..errors import TickwireError
from ..version import __version__
from .watch import WatchOptions, watch

_EXIT_CODES = """\
exit codes: 0 done; 1 the server refused a pattern or ended the session, or could not be reached in
time; 2 a mistake in the command; 130 Ctrl-C"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    options = _parse(arguments)
    # The view shows what the log would say.
    logging.getLogger("tickwire").setLevel(logging.ERROR)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return asyncio.run(watch(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough. Python flushes once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except TickwireError as error:
        print(f"tickwire: {error}", file=sys.stderr)
        return 1
    except (TypeError, ValueError) as error:
        print(f"tickwire: {error}", file=sys.stderr)
        return 2


def _parse(arguments: Sequence[str] | None) -> WatchOptions:
    parser = argparse.ArgumentParser(
        prog="python -m tickwire", description="The Tickwire client.", epilog=_EXIT_CODES
    )
    parser.add_argument("--version", action="version", version=f"tickwire {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    about = "Live statistics and anomalies: a table on a terminal, else a line for each change."
    add = commands.add_parser("watch", help="show live prices", description=about)
    add.epilog = _EXIT_CODES
    add.add_argument("patterns", nargs="*", help="symbols, or patterns with * (default: *)")
    add.add_argument(
        "--url",
        default=os.environ.get("TICKWIRE_URL") or "ws://127.0.0.1:9001",
        help="the server, or several with commas (default: TICKWIRE_URL, else %(default)s)",
    )
    add.add_argument(
        "--token",
        default=os.environ.get("TICKWIRE_TOKEN") or None,
        help="bearer token; better in TICKWIRE_TOKEN, which other users do not see",
    )
    add.add_argument("--count", type=_positive, help="end after so many changes")
    add.add_argument("--json", action="store_true", help="a JSON object for each change")
    add.add_argument(
        "--give-up-after",
        type=float,
        default=inf,
        metavar="SECONDS",
        help="end if no session lasts for so long (default: never)",
    )
    # Patterns may stand before and after options, which argparse alone does not understand.
    parsed, more = parser.parse_known_args(arguments)
    unknown = [text for text in more if text.startswith("-")]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return WatchOptions(
        patterns=[*parsed.patterns, *more] or ["*"],
        urls=parsed.url.split(","),
        token=parsed.token,
        count=parsed.count,
        is_json=parsed.json,
        give_up_after_ms=parsed.give_up_after * 1000,
        is_table=sys.stdout.isatty() and not parsed.json,
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return value
