"""How an error shows a value: on one line, and short."""

from typing import Any

LONGEST = 80  # characters
_GAP = " ... "


def shown(value: Any) -> str:
    """Its ``repr``, cut.

    Examples
    --------
    >>> shown("edge")
    "'edge'"
    >>> len(shown("x" * 5000))
    80
    """
    try:
        return cut(repr(value))
    except Exception:  # whatever a stranger's class raises
        return f"a {type(value).__name__}"


def cut(text: str) -> str:
    """The text on one line, its middle left out where it is long."""
    line = " ".join(text.split())
    if len(line) <= LONGEST:
        return line
    end = (LONGEST - len(_GAP)) // 2
    return line[: LONGEST - len(_GAP) - end] + _GAP + line[-end:]
