"""
Columns of times, and back to what they were: texts of the audit log, nanoseconds, digits of a fraction.

Arrow reads more forms than the audit log has. `moments_of` takes only ``YYYY-MM-DDTHH:MM:SS[.digits]Z`` in years that
64 bits of nanoseconds hold; together with `fraction_digits` such a time gives its very text back.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

SHORTEST: Final = len("2026-07-20T20:00:00Z")
_EARLIEST, _LATEST = "1678", "2262"  # years that 64-bit nanoseconds hold whole
_FORM: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"


def moments_of(texts: "pa.StringArray") -> "pa.TimestampArray | None":
    """
    Return the times of *texts*, null for null; None if one is of another form, or outside the years that fit.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    bounds = pc.min_max(texts).as_py()
    if bounds["min"] is None:
        return pa.nulls(len(texts), pa.timestamp("ns", "UTC"))
    if bounds["min"] < _EARLIEST or bounds["max"] >= _LATEST:
        return None
    bytes_of = texts.view(pa.binary())
    # What Arrow takes beside our form: a space for T, hours alone, offsets for Z, a point without digits.
    behind = pc.binary_slice(bytes_of, SHORTEST - 1, SHORTEST + 1)
    marks = (
        pc.ends_with(texts, "Z"),
        pc.equal(pc.binary_slice(bytes_of, 10, 11), b"T"),
        pc.equal(pc.binary_slice(bytes_of, 16, 17), b":"),
        pc.or_(pc.equal(behind, b"Z"), pc.and_(pc.starts_with(behind, b"."), pc.not_equal(behind, b".Z"))),
    )
    if not all(pc.all(mark).as_py() for mark in marks):
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

    return pc.and_(
        pc.match_substring_regex(texts, _FORM),
        pc.and_(pc.greater_equal(texts, _EARLIEST), pc.less(texts, _LATEST)),
    )


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
