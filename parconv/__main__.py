"""``python -m parconv``: the command line."""

import sys

from parconv.cli import main

sys.exit(main())
