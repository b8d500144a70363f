"""
Findings as sentences and as JSON, and what of them makes a recording unsound.
"""

import json
from pathlib import Path

import pytest

from recordkit.container import DamageKind, State
from recordkit.errors import ChecksumError
from recordkit.verification import Finding, FindingKind, Report, Severity
from recordkit.verification.findings import error_finding

PATH = Path("s.jsonl.zst")
WARNING = Finding(kind=FindingKind.EI, severity=Severity.WARNING, what="x", first_ei=1, last_ei=2)
ERROR = Finding(kind=FindingKind.CORRUPT, what="x", offset=5, chunk=1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "s.jsonl.zst: bad"),
        ({"offset": 7}, "s.jsonl.zst: at offset 7: bad"),
        ({"offset": 7, "chunk": 2}, "s.jsonl.zst: chunk 2 at offset 7: bad"),
        ({"severity": Severity.WARNING, "chunk": 2}, "s.jsonl.zst: warning: chunk 2: bad"),
        ({"expected": "1", "found": "2"}, "s.jsonl.zst: bad (expected 1, found 2)"),
        ({"places": 3}, "s.jsonl.zst: bad; 3 times"),
        ({"lost": 1, "first_ei": 4, "last_ei": 4}, "s.jsonl.zst: bad; 1 event lost (ei 4)"),
        ({"lost": 3, "first_ei": 4, "last_ei": 6}, "s.jsonl.zst: bad; 3 events lost (ei 4 to 6)"),
        ({"lost": 3}, "s.jsonl.zst: bad; 3 events lost"),
        ({"lost": None, "first_ei": 4}, "s.jsonl.zst: bad; events may be lost (ei 4 on)"),
        ({"lost": None}, "s.jsonl.zst: bad; events may be lost"),
    ],
)
def test_a_finding_is_one_sentence(fields, sentence):
    """
    File, severity, place, fault, what differs, how often and what it costs stand in one line.
    """
    assert Finding(kind=FindingKind.CORRUPT, what="bad", **fields).sentence(PATH) == sentence


def test_only_errors_make_a_recording_unsound():
    """
    A report with warnings alone is sound; one error suffices.
    """
    assert Report(path=PATH, findings=(WARNING,)).sound
    report = Report(path=PATH, findings=(WARNING, ERROR))
    assert not report.sound
    assert report.errors == (ERROR,)


def test_every_sort_of_damage_is_a_sort_of_finding():
    """
    The kinds of `DamageKind` are kinds of findings, under the same names.
    """
    assert {kind.value for kind in DamageKind} <= {kind.value for kind in FindingKind}


def test_an_error_becomes_a_finding():
    """
    Errors of the format keep what they say; those of the system say what they are.
    """
    finding = error_finding(FindingKind.UNREADABLE, ChecksumError("bad", offset=4, chunk=1, expected=2, found=3))
    assert (finding.what, finding.offset, finding.chunk, finding.expected, finding.found) == ("bad", 4, 1, "2", "3")
    assert (
        error_finding(FindingKind.UNREADABLE, PermissionError(13, "Permission denied")).what
        == "can't be read: Permission denied"
    )


def test_a_report_becomes_json():
    """
    Paths, states and kinds become text, and nothing is left out.
    """
    report = Report(path=PATH, sid="x", state=State.TORN, events=3, findings=(ERROR,))
    values = json.loads(json.dumps(report.to_json()))
    assert values == {
        "file": "s.jsonl.zst", "sid": "x", "state": "torn", "events": 3, "lost": 0, "chunks": 0, "head": "", "signed_by": [], "sound": False,
        "findings": [{
            "kind": "corrupt", "severity": "error", "what": "x", "expected": "", "found": "", "offset": 5, "length": None,
            "chunk": 1, "first_ei": None, "last_ei": None, "lost": 0, "places": 1,
        }],
    }  # fmt: skip
