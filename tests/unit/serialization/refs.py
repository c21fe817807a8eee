"""A ref as the serialization knows it: something that notes itself while it is pickled."""

from __future__ import annotations

from hyperloom.serialization import note_ref


class Ref:
    def __init__(self, oid):
        self.oid = oid

    def __reduce__(self):
        note_ref(self.oid)
        return Ref, (self.oid,)
