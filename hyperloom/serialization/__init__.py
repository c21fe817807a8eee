"""Values to bytes and back, between processes that trust each other.

    packed.py      Packed: a value as metadata, big buffers beside it, and the refs inside it
    values.py      pack, unpack: any value
    inline.py      the one-piece form of small values, for messages and the control plane
    calls.py       the arguments of a call, with refs among them taken out
    functions.py   functions, by name where possible
    by_code.py     functions and classes as code, where a name would mean nothing
    exceptions.py  a task's exception to a failure record, and back to an exception
    text.py        the text of a pickle that is nothing else
    stored.py      references to values that lie in shared memory, for data objects
    offenders.py   which part of a value it is that cannot travel

The rule: only drivers and workers import this package.  Raylets and the control plane
handle the bytes and never look inside; what they need to know of a failure is in
`hyperloom.failures`.
"""

from __future__ import annotations

from hyperloom.serialization import stored
from hyperloom.serialization.calls import EMPTY_CALL, pack_call, unpack_call
from hyperloom.serialization.exceptions import failure_from_exception, to_exception
from hyperloom.serialization.functions import pack_function, unpack_function
from hyperloom.serialization.inline import (
    failure_inline,
    failure_record,
    from_inline,
    is_failure,
    split_inline,
    to_inline,
)
from hyperloom.serialization.offenders import Offender, inspect_serializability
from hyperloom.serialization.packed import (
    BYTES,
    DATA,
    ERROR,
    NDARRAY,
    PICKLE,
    Packable,
    Packed,
    note_ref,
    noting_refs,
)
from hyperloom.serialization.text import text_in
from hyperloom.serialization.values import pack, register_serializer, unpack

__all__ = [
    "BYTES",
    "DATA",
    "EMPTY_CALL",
    "ERROR",
    "NDARRAY",
    "PICKLE",
    "Offender",
    "Packable",
    "Packed",
    "failure_from_exception",
    "failure_inline",
    "failure_record",
    "from_inline",
    "inspect_serializability",
    "is_failure",
    "note_ref",
    "noting_refs",
    "pack",
    "pack_call",
    "pack_function",
    "register_serializer",
    "split_inline",
    "stored",
    "text_in",
    "to_exception",
    "to_inline",
    "unpack",
    "unpack_call",
    "unpack_function",
]
