"""``python -m betting_signer``: see `betting_signer.server`."""

from __future__ import annotations

import sys

from betting_signer.server import main

if __name__ == "__main__":
    sys.exit(main())
