"""
Columns of times, and back to what they were: texts of the audit log, nanoseconds, digits of a fraction.

Arrow reads more forms than the audit log has. `moments_of` takes only ``YYYY-MM-DDTHH:MM:SS[.digits]Z`` of the years
1900 to 2199; together with `fraction_digits` such a time gives its very text back.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

SHORTEST: Final = len("2026-07-20T20:00:00Z")
_CENTURIES: Final = ("19", "20", "21")
"""Of the years that 64-bit nanoseconds hold, those that can be told by two digits."""
_FORM: Final = r"^(19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"


def moments_of(texts: "pa.StringArray") -> "pa.TimestampArray | None":
    """
    Return the times of *texts*, null for null; None if one is of another form or of other centuries.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    bytes_of = texts.view(pa.binary())
    # What Arrow takes beside our form: a space for T, hours alone, offsets for Z, a point without digits.
    behind = pc.binary_slice(bytes_of, SHORTEST - 1, SHORTEST + 1)
    marks = (
        pc.is_in(pc.binary_slice(bytes_of, 0, 2), pa.array([*_CENTURIES, None], pa.binary())),
        pc.ends_with(texts, "Z"),
        pc.equal(pc.binary_slice(bytes_of, 10, 11), b"T"),
        pc.equal(pc.binary_slice(bytes_of, 16, 17), b":"),
        pc.or_(pc.equal(behind, b"Z"), pc.and_(pc.starts_with(behind, b"."), pc.not_equal(behind, b".Z"))),
    )
    if not all(pc.all(mark, min_count=0).as_py() for mark in marks):
        return None
    try:
        return texts.cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        return None


def has_form(texts: "pa.StringArray") -> "pa.BooleanArray":
    """
    Tell of each text whether it has the form that `moments_of` takes.
    """
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, _FORM)


def fraction_digits(texts: "pa.StringArray") -> "pa.Int8Array":
    """
    Return how many digits the fraction of each second has in *texts* that `moments_of` took.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.binary_length(texts)
    digits = pc.subtract(lengths, pa.scalar(SHORTEST + 1, lengths.type))
    if pc.min(lengths).as_py() == SHORTEST:
        digits = pc.max_element_wise(digits, pa.scalar(0, digits.type), skip_nulls=False)
    return digits.cast(pa.int8())
