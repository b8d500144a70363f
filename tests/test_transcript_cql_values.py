import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.transcript.cql_values import NULL, UNSET, cql_value
from transcripts import base64_of

UUID = uuid.UUID("307b49d6-56c7-4d20-8cf0-5bc5348a7101")


@pytest.mark.parametrize(
    ("kind", "contents", "shown"),
    [
        (0, b"lamp", "0x6c616d70 ('lamp')"), (0, b"\0\0\0\x07", "0x00000007"), (0, b"", "0x"), (0, b"\xff", "0xff"),
        (0, b"O'Brien", "0x4f27427269656e ('O''Brien')"), (0, b"x" * 300, "0x" + "78" * 256 + "…"), (3, b"\x01", "0x01"),
        (1, b"abc", "'abc'"), (0x0D, "漢".encode(), "'漢'"), (0x0D, b"\xff", "'\\xff'"),
        (2, struct.pack(">q", -5), "-5"), (5, struct.pack(">q", 5), "5"), (9, struct.pack(">i", -1), "-1"),
        (9, b"\0", "0x00"), (0x13, struct.pack(">h", 7), "7"), (0x14, b"\xff", "-1"), (0x0E, b"\x01\0", "256"), (0x0E, b"", "0x"),
        (4, b"\1", "true"), (4, b"\0", "false"), (4, b"", "0x"),
        (7, struct.pack(">d", 1.5), "1.5"), (8, struct.pack(">f", 0.25), "0.25"), (7, b"\0", "0x00"), (7, struct.pack(">d", float("nan")), "nan"),
        (6, struct.pack(">i", 2) + b"\x3a\x98", "150.00"), (6, struct.pack(">i", 3) + b"\xff", "-0.001"),
        (6, struct.pack(">i", 0) + b"\x07", "7"), (6, struct.pack(">i", -2) + b"\x07", "7E2"), (6, b"\0", "0x00"),
        (6, struct.pack(">i", 2**31 - 1) + b"\x07", "7E-2147483647"),
        (0x0B, struct.pack(">q", 1_784_577_600_500), "'2026-07-20T20:00:00.5Z'"), (0x0B, struct.pack(">q", 2**62), str(2**62)),
        (0x0C, UUID.bytes, str(UUID)), (0x0F, UUID.bytes, str(UUID)), (0x0C, b"\0", "0x00"),
        (0x10, bytes([127, 0, 0, 1]), "'127.0.0.1'"), (0x10, bytes(15) + b"\1", "'::1'"), (0x10, b"\0", "0x00"),
        (0x7777, b"a", "0x61 ('a')"), ("text", b"a", "0x61 ('a')"),
    ],
)  # fmt: skip
def test_bytes_are_read_by_their_type(kind, contents, shown):
    """Row by row: a value of each type, of no type, and of a length that its type doesn't have."""
    assert cql_value({"type": kind, "contents": base64_of(contents)}) == shown


def test_what_is_no_value_is_said():
    """NULL, values that were not set, and things of another shape have a text."""
    assert [cql_value({"type": kind}) for kind in (NULL, UNSET, -1, -2)] == ["NULL", "UNSET", "NULL", "UNSET"]
    assert cql_value({"contents": "no base64"}) == "'no base64'"
    assert cql_value({}) == "0x"
    assert cql_value("text") == "'text'"
    assert cql_value(None) == "NULL"


@given(st.integers(-3, 40) | st.integers(), st.binary(max_size=40))
def test_any_bytes_of_any_type_have_a_text(kind, contents):
    """No combination of type and bytes is refused, and the text is one line."""
    assert "\n" not in cql_value({"type": kind, "contents": base64_of(contents)}).replace(
        contents.decode(errors="replace"), ""
    )
