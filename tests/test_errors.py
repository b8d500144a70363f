import inspect
import re
from pathlib import Path

import pytest

from recordkit import errors
from recordkit.errors import (
    AmbiguousPrefixError,
    BadMagicError,
    ChainError,
    ChecksumError,
    FormatError,
    InvalidEventError,
    LimitExceededError,
    RecordingWriteError,
    RecordKitError,
    SessionNotFoundError,
    TruncatedError,
    UndecodableEventError,
    UnsupportedVersionError,
    shown,
)

CLASSES = {
    name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)
}
FORMAT_ERRORS = [
    FormatError, BadMagicError, UnsupportedVersionError, TruncatedError, ChecksumError, ChainError, LimitExceededError,
    UndecodableEventError,
]  # fmt: skip


def drawn_tree():
    """The classes of the module docstring's picture: name -> names of its bases, as drawn."""
    tree, above = {}, []
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ((?:│   |    )*(?:├── |└── )?)([A-Z]\w*Error)(?: \((\w+)\))?", line)
        if match:
            level = len(match[1]) // 4
            del above[level:]
            bases = ([above[-1]] if above else ["Exception"]) + ([match[3]] if match[3] else [])
            tree[match[2]] = bases
            above.append(match[2])
    return tree


def test_the_picture_is_the_tree():
    """The classes, and the bases of each, are exactly those drawn in the module's docstring."""
    assert drawn_tree() == {name: [base.__name__ for base in value.__bases__] for name, value in CLASSES.items()}


def test_the_picture_is_read_as_drawn():
    """The reader of the picture finds its branches at their levels."""
    tree = drawn_tree()
    assert len(tree) == len(re.findall(r"[A-Z]\w*Error(?=[ \n])", errors.__doc__.split("Three questions")[0]))
    assert tree["RecordKitError"] == ["Exception"]
    assert tree["ChainError"] == ["FormatError"]
    assert tree["SessionNotFoundError"] == ["StoreError", "LookupError"]


def test_all_errors_are_exported():
    """All of the tree, and nothing else, is exported by `recordkit.errors`."""
    assert set(errors.__all__) == set(CLASSES)
    assert errors.__all__ == sorted(errors.__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_each_error_is_described(name):
    """Each class has a docstring of its own and is caught as `RecordKitError`."""
    assert CLASSES[name].__dict__["__doc__"].strip()
    assert issubclass(CLASSES[name], RecordKitError)


def test_each_leaf_is_caught_as_what_python_has_for_it():
    """A caller who knows only Python's own errors catches ours by them."""
    with pytest.raises(ValueError, match="ei"):
        raise InvalidEventError("ei", expected="an integer", found="x")
    with pytest.raises(LookupError):
        raise SessionNotFoundError("x")
    with pytest.raises(LookupError):
        raise AmbiguousPrefixError("3", ["30", "31"])
    with pytest.raises(ImportError):
        raise CLASSES["MissingDependencyError"]("x")


# ---------------------------------------------------------------- messages: what, where, expected, found


def test_an_invalid_event_names_field_expectation_and_finding():
    """The message holds the path, what is expected and what was found, and so do the attributes."""
    error = InvalidEventError("db_query_parameters[2]", expected="text or bytes", found="int 5")
    assert str(error) == "event field db_query_parameters[2]: expected text or bytes, found int 5"
    assert (error.field, error.expected, error.found) == ("db_query_parameters[2]", "text or bytes", "int 5")


def test_an_invalid_event_as_a_whole_says_so():
    """Where no single field is wrong the message speaks of the event."""
    error = InvalidEventError("", expected="a JSON object", found="b'[]'")
    assert str(error) == "event field (the event itself): expected a JSON object, found b'[]'"
    assert error.field == ""


@pytest.mark.parametrize("field", ["a\x1b[2J", "a\nb", "x" * 10_000, "\u202eabc", "a\udcff"], ids=ascii)
def test_a_hostile_path_is_whole_in_the_attribute_and_safe_in_the_message(field):
    """A path made of a stranger's keys neither floods the message nor puts control characters into it."""
    error = InvalidEventError(field, expected="text", found="int")
    assert error.field == field
    assert str(error).isprintable()
    assert len(str(error)) < 150


PLACES = [
    ({}, ""),
    ({"path": Path("s.jsonl.zst")}, "s.jsonl.zst: "),
    ({"chunk": 7}, "chunk 7: "),
    ({"offset": 0}, "at offset 0: "),
    ({"chunk": 0, "offset": 183204}, "chunk 0 at offset 183204: "),
    ({"path": Path("s.jsonl.zst"), "offset": 12}, "s.jsonl.zst: at offset 12: "),
    ({"path": Path("s.jsonl.zst"), "chunk": 7}, "s.jsonl.zst: chunk 7: "),
    ({"path": Path("s.jsonl.zst"), "chunk": 7, "offset": 183204}, "s.jsonl.zst: chunk 7 at offset 183204: "),
]
DIFFERENCES = [
    ({}, ""),
    ({"expected": "0x9c1f00aa", "found": "0x00000000"}, " (expected '0x9c1f00aa', found '0x00000000')"),
    ({"expected": 0, "found": 5}, " (expected 0, found 5)"),
    ({"expected": b"RKCH", "found": b"\x00" * 40}, " (expected b'RKCH', found b'" + r"\x00" * 32 + "'… (40 long))"),
]  # fmt: skip


@pytest.mark.parametrize("kind", FORMAT_ERRORS)
@pytest.mark.parametrize(("place", "where"), PLACES, ids=[where or "nowhere" for _, where in PLACES])
@pytest.mark.parametrize(("difference", "differs"), DIFFERENCES, ids=["nothing", "text", "numbers", "bytes"])
def test_damage_says_where_what_expected_and_found(kind, place, where, difference, differs):
    """A format error's message is place, fault, expectation and finding, each left out where unknown."""
    error = kind("payload checksum differs", **place, **difference)
    assert str(error) == f"{where}payload checksum differs{differs}"
    assert error.what == "payload checksum differs"
    assert (error.path, error.chunk, error.offset) == (place.get("path"), place.get("chunk"), place.get("offset"))


def test_a_place_that_becomes_known_later_is_in_the_message():
    """Whoever knows the file may add it to an error on its way up."""
    error = TruncatedError("chunk is cut", offset=5)
    error.path, error.chunk = Path("a.jsonl.zst"), 2
    assert str(error) == "a.jsonl.zst: chunk 2 at offset 5: chunk is cut"


def test_a_write_error_says_which_file_why_and_what_to_do():
    """The path, the system's reason and a hint are in the message; the number is an attribute."""
    error = RecordingWriteError(Path("x.open"), OSError(28, "No space left on device"), hint="make room")
    assert str(error) == "x.open: writing failed: No space left on device; make room"
    assert (error.path, error.errno) == (Path("x.open"), 28)


def test_a_write_error_without_a_reason_shows_the_error_itself():
    """An ``OSError`` that was made without a number still says what it says."""
    assert (
        str(RecordingWriteError(Path("x"), OSError("short write"), hint="retry"))
        == "x: writing failed: short write; retry"
    )


@pytest.mark.parametrize(
    ("count", "listed"), [(2, "0, 1"), (4, "0, 1, 2, 3"), (5, "0, 1, 2, 3, …"), (900, "0, 1, 2, 3, …")]
)
def test_an_ambiguous_prefix_lists_the_first_few(count, listed):
    """The message shows up to four sids and whether there are more; the attribute holds them all."""
    sids = [str(number) for number in range(count)]
    error = AmbiguousPrefixError("30", sids)
    assert str(error) == f"several recordings begin with '30': {listed}; give more of the sid"
    assert (error.prefix, error.sids) == ("30", sids)


# ---------------------------------------------------------------- values in messages


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"), (b"\xff\n", r"b'\xff\n'"), ("\x1b[2J", r"'\x1b[2J'"), ("\ud800", r"'\ud800'"),
        ("x" * 32, f"'{'x' * 32}'"), ("x" * 33, f"'{'x' * 32}'… (33 long)"), (b"x" * 1000, f"b'{'x' * 32}'… (1000 long)"),
        (0, "0"), (2**64, "18446744073709551616"), (None, "None"), (1.5, "1.5"), ([1, "a"], "[1, 'a']"),
        (10**5000, "(too long to print)"), ([10**5000], "(too long to print)"),
        ([0] * 1000, str([0] * 1000)[:80] + "…"), (10**100, "1" + "0" * 79 + "…"),
    ],
    ids=range(16),
)  # fmt: skip
def test_values_are_shown_short_and_safe(value, text):
    """Text and bytes stand in messages as literals, cut at 32; what is long or can't be printed is cut, too."""
    assert shown(value) == text
