import pytest

from recordkit.transcript.document_text import on_one_line
from recordkit.transcript.mongo_values import SHELL_STYLE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("it's\n\x1b", r"'it\'s\n\x1b'"), (1, "1"), (1.5, "1.5"), (True, "true"), (None, "null"), ([], "[]"), ({}, "{}"),
        ({"a": 1, "b-c": [1, {"d": 2}]}, "{ a: 1, 'b-c': [ 1, { d: 2 } ] }"), ({"$set": {"a.b": 1}}, "{ $set: { 'a.b': 1 } }"),
        ({"$oid": "5f"}, "ObjectId('5f')"), ({"$oid": 5}, "{ $oid: 5 }"), ({"$oid": "5f", "a": 1}, "{ $oid: '5f', a: 1 }"),
        ({"$numberInt": "5"}, "5"), ({"$numberInt": "5; drop()"}, "{ $numberInt: '5; drop()' }"), ({"$numberDouble": "-1.5E+3"}, "-1.5E+3"),
        ({"$numberDouble": "Infinity"}, "Infinity"), ({"$numberLong": "5"}, "Long('5')"), ({"$numberDecimal": "1.5"}, "Decimal128('1.5')"),
        ({"$date": "2026-01-01T00:00:00Z"}, "ISODate('2026-01-01T00:00:00Z')"), ({"$date": 0}, "ISODate('1970-01-01T00:00:00Z')"),
        ({"$date": {"$numberLong": "-1"}}, "ISODate('1969-12-31T23:59:59.999Z')"), ({"$date": 2**62}, f"new Date({2**62})"),
        ({"$date": {"$numberLong": "1" * 20}}, f"ISODate('{'1' * 20}')"), ({"$date": True}, "{ $date: true }"),
        ({"$binary": {"base64": "AAE=", "subType": "04"}}, "Binary.createFromBase64('AAE=', 4)"),
        ({"$binary": {"base64": "AAE=", "subType": "x'"}}, "Binary.createFromBase64('AAE=', 'x\\'')"),
        ({"$binary": "AAE="}, "{ $binary: 'AAE=' }"), ({"$uuid": "307b"}, "UUID('307b')"),
        ({"$regularExpression": {"pattern": "^a.*", "options": "i"}}, "/^a.*/i"), ({"$regularExpression": {"pattern": "a", "options": ""}}, "/a/"),
        ({"$regularExpression": {"pattern": "a/b", "options": ""}}, "{ $regularExpression: { pattern: 'a/b', options: '' } }"),
        ({"$regularExpression": {"pattern": "a", "options": "i;"}}, "{ $regularExpression: { pattern: 'a', options: 'i;' } }"),
        ({"$timestamp": {"t": 1, "i": 2}}, "Timestamp({ t: 1, i: 2 })"), ({"$timestamp": 1}, "{ $timestamp: 1 }"),
        ({"$minKey": 1}, "MinKey()"), ({"$maxKey": 1}, "MaxKey()"), ({"$minKey": 2}, "{ $minKey: 2 }"), ({"$undefined": True}, "undefined"),
        ({"$symbol": "a"}, "BSONSymbol('a')"), ({"$code": "f()"}, "Code('f()')"),
    ],
)  # fmt: skip
def test_extended_json_is_shown_as_the_shell_writes_it(value, shown):
    """Each type has the shell's form; what only looks like one, or holds more than its form can show, stays a document."""
    assert on_one_line(value, SHELL_STYLE, 200) == shown
