"""pack and unpack: any value to bytes with its big parts beside them, and back.

The way of a value: constants and plain numbers and strings are pickled at once; bytes and
plain numpy arrays skip pickle; all else goes through pickle 5, whose big buffers stay out
of band and uncopied.  Pickle names classes and functions, which is fast but means nothing
in another process when they live in `__main__` or inside a function: then, and when pickle
fails, cloudpickle does it again and sends their code.

The rule: what arrives is immutable where the sender's memory could show through: arrays
over received buffers are read-only.
"""

from __future__ import annotations

import copyreg
import sys
from pickle import HIGHEST_PROTOCOL, PickleBuffer, dumps, loads
from typing import TYPE_CHECKING, Any

from hyperloom.errors import LoomError, Undeserializable
from hyperloom.serialization import by_code
from hyperloom.serialization.offenders import not_serializable
from hyperloom.serialization.packed import (
    BYTES,
    DATA,
    ERROR,
    NDARRAY,
    OUT_OF_BAND_BYTES,
    PICKLE,
    PROTOCOL,
    Packable,
    Packed,
    Rebuilt,
    active,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

assert HIGHEST_PROTOCOL >= PROTOCOL

_PLAIN = frozenset({bool, int, float, str, complex})
_NONE = Packed(PICKLE, dumps(None, PROTOCOL), [], [])
_EMPTY: tuple[()] = ()
_EMPTY_TUPLE = Packed(PICKLE, dumps(_EMPTY, PROTOCOL), [], [])
_NUMERIC_KINDS = "biufc"  # dtypes that are plain memory; objects, records and dates are not


def pack(value: object, *, what: str = "value") -> Packed:  # noqa: PLR0911  # one for each way
    """The value as bytes; `what` is what to call it in an error.

    Raises NotSerializable, naming the part at fault.
    """
    cls = type(value)
    if cls in _PLAIN:
        return Packed(PICKLE, dumps(value, PROTOCOL), [], [])
    if value is None:
        return _NONE
    if value is _EMPTY:  # CPython has only one
        return _EMPTY_TUPLE
    if isinstance(value, bytes) and cls is bytes:
        return Packed(BYTES, b"", [memoryview(value)], [])
    if cls.__module__ == "numpy" and cls.__name__ == "ndarray":
        array = _pack_array(value)
        if array is not None:
            return array
    if isinstance(value, Packable):
        return value.packed()
    return pack_pickled(set_aside(value), value, what)


def pack_pickled(sent: object, value: object, what: str) -> Packed:
    """`sent` as a pickle; `value` is what to look into when that fails."""
    buffers: list[PickleBuffer] = []
    refs: list[bytes] = []
    # noting_refs() by hand: the context manager would cost as much as the pickling.
    outer = active.refs
    active.refs = refs
    try:
        try:
            meta = dumps(sent, PROTOCOL, buffer_callback=buffers.append)
            by_value = b"__main__" in meta or _has_modules_by_value()
        except Exception:  # noqa: BLE001  # users' code; cloudpickle may know better
            by_value = True
        if by_value:
            # The first try is void, with all it noted.
            refs.clear()
            buffers.clear()
            meta = by_code.dumps(sent, buffers.append)
    except LoomError:  # a ref that says why it cannot be sent
        raise
    except Exception as error:  # anything a user's __reduce__ raises
        raise not_serializable(value, what, error) from error
    finally:
        active.refs = outer
    if len(refs) > 1:
        refs = list(dict.fromkeys(refs))
    return Packed(PICKLE, meta, [buffer.raw() for buffer in buffers] if buffers else [], refs)


def _has_modules_by_value() -> bool:
    cloudpickle = sys.modules.get("cloudpickle")
    return cloudpickle is not None and bool(cloudpickle.list_registry_pickle_by_value())


def unpack(kind: int, meta: bytes | memoryview, buffers: Sequence[memoryview]) -> Any:  # noqa: ANN401
    """The value again; for ERROR the exception to raise.

    Raises Undeserializable when this process lacks what the value needs.
    """
    if kind == PICKLE:
        try:
            return loads(meta, buffers=buffers)
        except LoomError:  # a ref that says why it cannot be used here
            raise
        except Exception as error:
            raise _undeserializable(error) from error
    if kind == BYTES:
        return bytes(buffers[0])
    if kind == NDARRAY:
        return _unpack_array(meta, buffers[0])
    if kind == DATA:
        from hyperloom.data import received  # noqa: PLC0415  # likewise, of data objects

        return received(kind, meta, buffers)
    if kind == ERROR:
        # Imported late: who receives no error needs no machinery for them.
        from hyperloom.serialization.exceptions import to_exception  # noqa: PLC0415

        return to_exception(bytes(meta))
    msg = f"a value of kind {kind} arrived, which this version of HyperLoom does not know"
    raise Undeserializable(msg)


def _undeserializable(error: Exception) -> Undeserializable:
    advice = ""
    if isinstance(error, ImportError):
        advice = (
            f"\n  The sender has the module {error.name!r}, this process has not, or another "
            "version of it.  Install it here, or define the thing in the script itself."
        )
    return Undeserializable(
        f"a value arrived that cannot be rebuilt here: {type(error).__name__}: {error}{advice}"
    )


# -- Bytes and arrays ------------------------------------------------------------------------


def set_aside(value: object) -> object:
    """Large bytes as what keeps them out of the pickle stream; all else as it is."""
    if (type(value) is bytes or type(value) is bytearray) and len(value) > OUT_OF_BAND_BYTES:
        return Rebuilt(type(value), PickleBuffer(value))
    return value


def _pack_array(array: Any) -> Packed | None:  # noqa: ANN401  # numpy is not ours to import
    """Twice as fast as pickle for what is most common; None if it is not that."""
    dtype = array.dtype
    if dtype.kind not in _NUMERIC_KINDS or dtype.metadata is not None:
        return None
    order = "F" if array.flags.fnc else "C"
    # A slice with gaps is copied once, here, so that it too arrives as one buffer.
    data = PickleBuffer(array if array.flags.forc else array.copy()).raw()
    return Packed(NDARRAY, dumps((dtype.str, array.shape, order), PROTOCOL), [data], [])


def _unpack_array(meta: bytes | memoryview, data: memoryview) -> object:
    import numpy as np  # noqa: PLC0415  # only who receives an array pays for it

    dtype, shape, order = loads(meta)
    return np.ndarray(shape, dtype, data.toreadonly(), order=order)


# -- Users' own ways -------------------------------------------------------------------------


def register_serializer(
    cls: type, *, serializer: Callable[[Any], object], deserializer: Callable[[Any], object]
) -> None:
    """Send instances of exactly `cls` as `serializer(value)`, from this process on.

    Needed only on the sending side: the deserializer travels with the value.
    """

    def reduce(value: object) -> tuple[Callable[[Any], object], tuple[object]]:
        return deserializer, (serializer(value),)

    copyreg.pickle(cls, reduce)
