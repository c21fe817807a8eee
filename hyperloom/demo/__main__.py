"""`python -m hyperloom.demo`."""

from __future__ import annotations

import sys

from hyperloom.demo import main

if __name__ == "__main__":
    sys.exit(main())
