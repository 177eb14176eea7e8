"""Values as PostgreSQL sends and receives them in binary: each way one function per type.

Owns the formats. Arrays are packed here because a list that goes through psycopg's own adapters costs four times as
much (64 events: 1,700 against 375 microseconds, docs/decisions/0008-postgresql.md). It must not know any statement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from struct import Struct
from struct import pack as pack_by
from typing import Any

Encoder = Callable[[Any], bytes]
Decoder = Callable[[bytes], Any]

_INT2, _INT4, _INT8 = Struct(">h"), Struct(">i"), Struct(">q")
_FALSE, _TRUE = b"\0", b"\1"
_NULL = _INT4.pack(-1)


class ContainsNul(ValueError):
    """Text of PostgreSQL cannot hold NUL: as a name to look for it finds nothing (reference 3.4)."""


def encode_text(value: str) -> bytes:
    encoded = value.encode()
    if b"\0" in encoded:
        raise ContainsNul(value)
    return encoded


def encode_boolean(value: bool) -> bytes:
    return _TRUE if value else _FALSE


def encode_bytes(value: bytes) -> bytes:
    return value


def _integers(struct: Struct, letter: str, oid: int) -> Encoder:
    """Arrays of integers; without a null, which is nearly always, all of them in one go."""
    elementwise = _array(struct.pack, oid)

    def encode(values: Sequence[int | None]) -> bytes:
        if not values or None in values:
            return elementwise(values)
        flat = chain.from_iterable(zip(repeat(struct.size, len(values)), values, strict=True))
        return pack_by(f">5i{('i' + letter) * len(values)}", 1, 0, oid, len(values), 1, *flat)

    return encode


def _array(encode: Encoder, oid: int) -> Encoder:
    head, empty = Struct(">5i"), pack_by(">3i", 0, 0, oid)

    def encode_array(values: Sequence[Any]) -> bytes:
        if not values:
            return empty
        parts = [head.pack(1, 1, oid, len(values), 1)]
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                encoded = encode(value)
                parts.append(_INT4.pack(len(encoded)))
                parts.append(encoded)
        return b"".join(parts)

    return encode_array


ENCODERS: dict[str, Encoder] = {
    "smallint": _INT2.pack,
    "integer": _INT4.pack,
    "bigint": _INT8.pack,
    "boolean": encode_boolean,
    "text": encode_text,
    "bytea": encode_bytes,
    "smallint[]": _integers(_INT2, "h", 21),
    "integer[]": _integers(_INT4, "i", 23),
    "bigint[]": _integers(_INT8, "q", 20),
    "boolean[]": _array(encode_boolean, 16),
    "text[]": _array(encode_text, 25),
    "bytea[]": _array(encode_bytes, 17),
}

DECODERS: dict[int, Decoder] = {
    16: _TRUE.__eq__,
    17: bytes,
    20: lambda value: _INT8.unpack(value)[0],
    21: lambda value: _INT2.unpack(value)[0],
    23: lambda value: _INT4.unpack(value)[0],
    25: bytes.decode,
}
"""By the oid of a result column: boolean, bytea, bigint, smallint, integer, text."""
