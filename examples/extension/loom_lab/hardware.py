"""A resource: how many microscopes this machine has."""

import os


def count_scopes() -> int:
    """Asked once, when a node starts."""
    return int(os.environ.get("LAB_SCOPES", "1"))
