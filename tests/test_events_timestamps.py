import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordkit.events import format_time, parse_time
from recordkit.events.timestamps import format_second

NS = 10**9
MIN_NS = -62_135_596_800 * NS  # 0001-01-01T00:00:00Z
MAX_NS = 253_402_300_800 * NS - 1  # the last nanosecond of the year 9999
RFC3339_NANO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", re.ASCII)

everywhere = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def nanoseconds(moment: datetime) -> int:
    """What *moment* is in nanoseconds since 1970, by integer arithmetic alone."""
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000


@everywhere
@given(st.integers(MIN_NS, MAX_NS))
def test_every_nanosecond_of_the_calendar_comes_back(time_ns):
    """What `format_time` writes is parsed back to the same nanosecond, from the year 1 to 9999."""
    assert parse_time(format_time(time_ns)) == time_ns


@pytest.mark.parametrize(
    "time_ns", [MIN_NS, MIN_NS + 1, -NS, -1, 0, 1, 999_999_999, NS, -(2**63), 2**63 - 1, MAX_NS - 1, MAX_NS]
)
def test_the_edges_come_back_too(time_ns):
    """The ends of the calendar and of 64 bits, and both sides of 1970, are no exception."""
    assert parse_time(format_time(time_ns)) == time_ns


@everywhere
@given(st.integers(MIN_NS, MAX_NS))
def test_text_is_as_short_as_the_audit_log_writes_it(time_ns):
    """The text is RFC3339Nano: UTC with a Z, a fraction only where there is one, without trailing zeros."""
    assert RFC3339_NANO.fullmatch(format_time(time_ns))


@everywhere
@given(st.datetimes(timezones=st.just(UTC)))
def test_whole_microseconds_agree_with_the_calendar_of_python(moment):
    """Date arithmetic is that of the proleptic Gregorian calendar."""
    time_ns = nanoseconds(moment)
    assert parse_time(moment.isoformat()) == time_ns
    assert datetime.fromisoformat(format_time(time_ns)) == moment


@everywhere
@given(
    st.integers(MIN_NS // NS + 86_400, MAX_NS // NS - 86_400),
    st.integers(-24 * 60 + 1, 24 * 60 - 1),
    st.sampled_from("Tt "),
    st.text("0123456789", max_size=12),
)
def test_any_offset_case_and_fraction_becomes_the_canonical_text(local_s, offset_min, separator, fraction):
    """A time in any form of RFC 3339 means its moment; digits beyond the nanosecond are cut, not rounded."""
    local = datetime(1970, 1, 1, tzinfo=timezone(timedelta(minutes=offset_min))) + timedelta(seconds=local_s)
    sign = "-" if offset_min < 0 else "+"
    hours, minutes = divmod(abs(offset_min), 60)
    text = f"{local:%H:%M:%S}{'.' if fraction else ''}{fraction}{sign}{hours:02}:{minutes:02}"
    text = f"{local.year:04}-{local:%m-%d}{separator}{text}"
    expected = nanoseconds(local) + int(fraction[:9].ljust(9, "0") or "0")
    assert parse_time(text) == expected
    canonical = format_time(expected)
    assert RFC3339_NANO.fullmatch(canonical)
    assert parse_time(canonical) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01 00:00:00Z", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T18:30:00-05:30", 0),
        ("1970-01-01T23:59:00+23:59", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T00:00:00.1Z", 100_000_000),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.0000000009Z", 0),
        ("1970-01-01T00:00:00.123456789999Z", 123_456_789),
        ("1969-12-31T23:59:59.9999999999Z", -1),
        ("2026-07-20T20:00:00.123456Z", 1_784_577_600_123_456_000),
        ("2024-02-29T12:00:00+02:00", 1_709_200_800_000_000_000),
        ("0001-01-01T00:00:00Z", MIN_NS),
        ("9999-12-31T23:59:59.999999999Z", MAX_NS),
    ],
)
def test_a_time_stands_for_its_moment(text, expected):
    """Lower case, a blank for the T, offsets and fractions of any length are read exactly."""
    assert parse_time(text) == expected


@pytest.mark.parametrize("digits", range(1, 13))
def test_a_fraction_of_any_length_is_read_to_the_nanosecond(digits):
    """One to twelve digits of a fraction give the nanoseconds that they hold."""
    fraction = "123456789876"[:digits]
    assert parse_time(f"1970-01-01T00:00:00.{fraction}Z") == int(fraction.ljust(12, "0")) // 1000


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.999Z", "2017-01-01T05:29:60+05:30"])
def test_a_leap_second_stays_within_its_minute(text):
    """A leap second counts as the last nanosecond of its minute, so it lies before the next and not before the last."""
    assert parse_time(text) == parse_time("2017-01-01T00:00:00Z") - 1
    assert parse_time(text) >= parse_time("2016-12-31T23:59:59.999999999Z")


def test_the_zero_time_of_the_audit_log_is_kept():
    """The zero time that Go writes for "not set" comes back as it is."""
    assert parse_time("0001-01-01T00:00:00Z") == MIN_NS
    assert format_time(MIN_NS) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "", "Z", "now", "2026-07-20", "20:00:00Z",
        "2026-07-20T20:00:00", "2026-07-20T20:00:00.5",  # no offset
        "2026-07-20T20:00Z", "2026-07-20T20Z",  # no seconds
        "2026-W30-1T20:00:00Z", "2026-201T20:00:00Z",  # week and ordinal dates
        "20260720T200000Z", "2026-07-20T200000Z", "20260720T20:00:00Z",  # basic format
        "2026-07-20T20:00:00+0200", "2026-07-20T20:00:00+02", "2026-07-20T20:00:00+02:00:00",  # other offsets
        "2026-07-20T20:00:00+24:00", "2026-07-20T20:00:00+05:60", "2026-07-20T20:00:00-05:99",
        "2026-00-20T20:00:00Z", "2026-13-20T20:00:00Z", "2026-07-00T20:00:00Z", "2026-07-32T20:00:00Z",
        "2026-02-29T20:00:00Z", "2100-02-29T20:00:00Z", "0000-01-01T00:00:00Z",
        "2026-07-20T24:00:00Z", "2026-07-20T25:00:00Z", "2026-07-20T20:60:00Z", "2026-07-20T20:00:61Z",
        "2026-07-20T20:00:00,5Z", "2026-07-20T20:00:00.Z", "2026-07-20T20:00:00.5 Z",
        "2026-07-20_20:00:00Z", "2026-07-20  20:00:00Z", " 2026-07-20T20:00:00Z", "2026-07-20T20:00:00Z ",
        "2026-07-20T20:00:00Z\n", "2026-07-20T20:00:00ZZ", "2026-07-20T20:00:00UTC",
        "+2026-07-20T20:00:00Z", "-2026-07-20T20:00:00Z", "12026-07-20T20:00:00Z", "226-07-20T20:00:00Z",
        "\u0662\u0660\u0662\u0666-07-20T20:00:00Z", "2026-07-20T\uff12\uff10:00:00Z",  # digits of other scripts
        "2026-07-20T20:00:00.\u0665Z", "2026-07-20T20:00:00+\u0660\u0662:00",
        "2026\N{MINUS SIGN}07-20T20:00:00Z", "2026-07-20T20:00:00\N{MINUS SIGN}02:00",
    ],
)  # fmt: skip
def test_what_is_no_rfc_3339_time_is_refused_and_shown(text):
    """Everything else that looks like a time is refused, and the message shows it."""
    with pytest.raises(ValueError, match="not an RFC 3339 time") as caught:
        parse_time(text)
    assert repr(text) in str(caught.value)


@everywhere
@given(
    st.text(max_size=40)
    | st.from_regex(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", fullmatch=True)
)
def test_any_text_is_a_time_or_a_value_error(text):
    """Whatever the text, `parse_time` gives whole nanoseconds or raises ``ValueError``."""
    try:
        time_ns = parse_time(text)
    except ValueError:
        return
    assert type(time_ns) is int
    assert MIN_NS - 86_400 * NS < time_ns < MAX_NS + 86_400 * NS


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_an_offset_may_lead_out_of_the_calendar(text):
    """A time that its offset moves out of the years 1 to 9999 is read in order, but has no text."""
    time_ns = parse_time(text)
    assert not MIN_NS <= time_ns <= MAX_NS
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        format_time(time_ns)


@pytest.mark.parametrize("time_ns", [MIN_NS - 1, MAX_NS + 1, -(10**30), 10**30])
def test_what_is_outside_the_calendar_has_no_text(time_ns):
    """There is no text for a time before the year 1 or after 9999."""
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        format_time(time_ns)


def test_a_second_is_written_without_fraction_or_zone():
    """The text of a second has four digits of the year and nothing behind the seconds."""
    assert format_second(0) == "1970-01-01T00:00:00"
    assert format_second(-62_135_596_800) == "0001-01-01T00:00:00"
    assert format_second(-30_610_224_000) == "1000-01-01T00:00:00"
    assert format_second(-30_610_224_001) == "0999-12-31T23:59:59"
    assert format_second(253_402_300_799) == "9999-12-31T23:59:59"


def test_long_text_is_cut_in_the_message():
    """A hostile time does not become a hostile message."""
    with pytest.raises(ValueError, match="not an RFC 3339 time") as caught:
        parse_time("9" * 10_000)
    assert len(str(caught.value)) < 200
