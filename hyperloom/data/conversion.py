"""Any value as a data object."""

from __future__ import annotations

from hyperloom.data.dataobject import Data
from hyperloom.data.plain import Plain
from hyperloom.data.pyobj import PyObj


def of(value: object) -> Data:
    """A data object as it is; text and bytes as a `Plain`; anything else as a `PyObj`."""
    if isinstance(value, Data):
        return value
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return Plain(value)
    return PyObj(value)
