"""``python -m hyperloom`` is ``loom``."""

from __future__ import annotations

import sys

from hyperloom.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
