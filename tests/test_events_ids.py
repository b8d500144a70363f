import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordkit.errors import InvalidEventError
from recordkit.events import new_sid, parse_sid
from recordkit.events.ids import new_uid_prefix

SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"


@settings(deadline=None)
@given(st.uuids(allow_nil=True), st.booleans(), st.booleans())
def test_a_uuid_becomes_its_canonical_text(value, upper, dashes):
    """Any UUID, of any version, with or without dashes, in either case, is its 36 lower-case characters."""
    text = str(value) if dashes else value.hex
    assert parse_sid(text.upper() if upper else text) == str(value)
    assert parse_sid(value) == str(value)


def test_the_canonical_text_stays_what_it_is():
    """A canonical sid is its own canonical form."""
    assert parse_sid(SID) == SID
    assert parse_sid(parse_sid(SID.upper())) == SID


@pytest.mark.parametrize(
    "value",
    [
        "", "x", SID[:-1], SID + "0", f"{SID}\n", f" {SID}", f"{SID} ", f"\t{SID}",
        f"{{{SID}}}", f"urn:uuid:{SID}", "urn:uuid:" + SID.replace("-", ""), "{" + SID.replace("-", "") + "}",
        "307b49d656c7-4d20-8cf0-5bc5348a7101-", "307b-49d656c7-4d20-8cf0-5bc5348a7101", "-" * 36, "0" * 36,
        SID.replace("-", "", 1), SID.replace("-", "_"), SID.replace("-", "\N{EN DASH}"),
        "g" * 32, "0" * 31, "0" * 33, "0x" + "0" * 30, "+" + "0" * 31, "-" + "0" * 31, "0_" * 16, " " + "0" * 31,
        "\N{FULLWIDTH DIGIT ONE}" * 32, "\N{ARABIC-INDIC DIGIT ONE}" * 32,
        SID.replace("3", "\N{FULLWIDTH DIGIT THREE}"), "../" + "0" * 29, "\x00" * 32, "\ud800" * 36,
        None, True, 0, 10**5000, uuid.UUID(SID).int, uuid.UUID(SID).bytes, SID.encode(), [SID], {"sid": SID},
    ],
    ids=lambda value: ascii(value)[:24] if not isinstance(value, int) else "an integer",
)  # fmt: skip
def test_what_is_no_plain_uuid_is_refused(value):
    """Braces, URNs, blanks, misplaced dashes, digits of other scripts and other types never become a file name."""
    with pytest.raises(InvalidEventError) as caught:
        parse_sid(value)
    assert (caught.value.field, caught.value.expected) == ("sid", "a UUID")
    assert len(str(caught.value)) < 250


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("0123456789abcdefABCDEF-{}", min_size=30, max_size=40))
def test_any_text_is_a_safe_file_name_or_refused(text):
    """What `parse_sid` gives is 36 characters of hexadecimal digits and dashes, whatever it was given."""
    try:
        sid = parse_sid(text)
    except InvalidEventError:
        return
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", sid)
    assert sid.replace("-", "") == text.lower().replace("-", "")


def test_new_sids_are_random_uuids_in_canonical_form():
    """Each new sid is another UUID of version 4, already canonical."""
    sids = [new_sid() for _ in range(100)]
    assert len(set(sids)) == 100
    assert all(parse_sid(sid) == sid and uuid.UUID(sid).version == 4 for sid in sids)
    assert {uuid.UUID(sid).variant for sid in sids} == {uuid.RFC_4122}


@pytest.mark.parametrize("count", [0, 1, 2**48 - 1])
def test_a_prefix_and_a_count_make_a_uuid_of_version_8(count):
    """A session's prefix with twelve digits of a count is a UUID of version 8 in canonical form."""
    for _ in range(50):
        prefix = new_uid_prefix()
        uid = uuid.UUID(f"{prefix}{count:012x}")
        assert len(prefix) == 24
        assert (uid.version, uid.variant) == (8, uuid.RFC_4122)
        assert str(uid) == f"{prefix}{count:012x}"


def test_prefixes_differ_from_session_to_session():
    """All 74 bits of a prefix that are not version or variant vary."""
    numbers = [int(new_uid_prefix().replace("-", ""), 16) for _ in range(400)]
    assert len(set(numbers)) == 400
    varying = 0
    for number in numbers:
        varying |= number ^ numbers[0]
    assert varying.bit_count() == 74
