"""The command: a table for each library that is named, or for all that are installed."""

import sys
import warnings

from . import LIBRARIES, rows


def main(names: list[str]) -> None:
    """Print rows of the tables in docs/migration.md."""
    warnings.simplefilter("ignore")
    unknown = [name for name in names if name not in LIBRARIES]
    if unknown:
        raise SystemExit(f"{unknown[0]} is unknown: pass some of {', '.join(LIBRARIES)}")
    for name in names or LIBRARIES:
        try:
            for row in rows(name):
                print(row, flush=True)
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
        print(flush=True)


if __name__ == "__main__":  # asv imports every module here
    main(sys.argv[1:])
