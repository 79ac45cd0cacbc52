"""The command ``parconv``.

Reads arguments, prints results, and turns every error into one line and exit status 2.  Computes
nothing itself; what is slow to import is imported by the command that needs it.
"""

import io
import re
import sys
from collections.abc import Sequence

try:
    import typer
except ModuleNotFoundError:  # the commands' decorators need it, so this cannot wait for main()
    print("parconv's command line needs `pip install parconv[cli]`", file=sys.stderr)
    raise SystemExit(2) from None

# importing a module adds its commands
from . import (
    bench,  # noqa: F401
    cache,  # noqa: F401
    code,  # noqa: F401
    counters,  # noqa: F401
    doctor,  # noqa: F401
    experiment,  # noqa: F401
    limits,  # noqa: F401
    pictures,  # noqa: F401
    questions,  # noqa: F401
    streams,  # noqa: F401
    tuning,  # noqa: F401
    wisdom,  # noqa: F401
)
from .app import app

WRONG, FAILED, INTERRUPTED = 1, 2, 130
LONG = re.compile(r"(\S{80})\S+")  # a word that the user typed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 for bad input, 1 for a wrong result."""
    _print_any_character()
    try:
        status = app(arguments, prog_name="parconv", standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        told = f"{error.name} is not installed: `pip install parconv[all]`"
        return _fail(str(error) if "pip install" in str(error) else told)
    except OverflowError as error:  # a number of the input is too large: no result is wrong
        return _fail(str(error))
    except ArithmeticError as error:
        return _fail(str(error), WRONG)
    except (ValueError, TypeError, OSError, NotImplementedError, MemoryError) as error:
        return _fail(str(error) or type(error).__name__)
    except Exception as error:
        # Usage errors: their class has moved between typer's releases, this method has not.
        if not hasattr(error, "format_message"):
            raise
        return _fail(LONG.sub(r"\1...", error.format_message()))
    return status if isinstance(status, int) else 0


def _print_any_character() -> None:
    """A question mark where the terminal, or the code page of a file, lacks one: no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _fail(message: str, status: int = FAILED) -> int:
    print(f"parconv: {' '.join(message.split())}", file=sys.stderr)
    return status
