"""``python -m betting_ai`` is the command ``betting-ai``."""

import sys

from betting_ai.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
