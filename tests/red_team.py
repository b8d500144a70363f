"""
Text that takes over terminals, pages and documents where it is let through: for every test of output.

`PAYLOADS` are the attacks by name; `hostile_session` is a session with one of them in every field that
the audit log knows, and in the names of kinds and fields that it doesn't.
"""

from typing import Any

from recordkit.events import KINDS, FieldType, format_time

NOON = 1_784_548_800_000_000_000  # 2026-07-20T12:00:00Z
SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"
MARK = "tamper"
"""Stands in every payload, so that a test can tell that it was shown at all."""

TERMINAL: dict[str, str] = {
    # sequences that a terminal obeys
    "clear screen": "\x1b[2J\x1b[3J\x1b[H tamper",
    "set the clipboard (OSC 52)": "\x1b]52;c;dGFtcGVy\x07 tamper",
    "ask for the clipboard (OSC 52)": "\x1b]52;c;?\x1b\\ tamper",
    "set the title (OSC 0)": "\x1b]0;tamper\x07",
    "set the title (OSC 2, ST)": "\x1b]2;tamper\x1b\\",
    "report the title": "\x1b[21t tamper",
    "push and pop the title": "\x1b[22;0t\x1b[23;0t tamper",
    "link (OSC 8)": "\x1b]8;;https://example.com/\x07tamper\x1b]8;;\x07",
    "change a colour (OSC 4)": "\x1b]4;1;#000000\x07 tamper",
    "send a notice (OSC 9, 777)": "\x1b]9;tamper\x07\x1b]777;notify;tamper;tamper\x07",
    "working directory (OSC 7)": "\x1b]7;file://tamper/\x07",
    "image (OSC 1337)": "\x1b]1337;File=inline=1:AAAA\x07 tamper",
    "request a setting (DECRQSS)": "\x1bP$qm\x1b\\ tamper",
    "request terminfo (XTGETTCAP)": "\x1bP+q544e\x1b\\ tamper",
    "sixel (DCS q)": "\x1bPq#0;2;0;0;0#0~~\x1b\\ tamper",
    "device attributes (DA)": "\x1b[c\x1b[>c\x1b[=c tamper",
    "where is the cursor (DSR)": "\x1b[6n\x1b[5n tamper",
    "answerback (ENQ)": "\x05 tamper",
    "private message, application command": "\x1b^tamper\x1b\\\x1b_tamper\x1b\\\x1bXtamper\x1b\\",
    "reset": "\x1bc\x1b[!p tamper",
    "alternate screen": "\x1b[?1049h tamper \x1b[?1049l",
    "mouse and paste modes": "\x1b[?1000h\x1b[?2004h tamper",
    "keyboard locked": "\x1b[2h tamper",
    "line drawing": "\x0e\x1b(0 tamper \x0f",
    "scroll region": "\x1b[5;10r\x1b[10S tamper",
    "cursor up and over": "one\x1b[1A\x1b[2K\rtamper",
    "saved cursor": "\x1b7\x1b[1;1Htamper\x1b8",
    "invisible": "\x1b[8mtamper\x1b[0m",
    "printer": "\x1b[5i tamper \x1b[4i",
    "key strings (DECUDK)": "\x1bP0;1|17/74616d706572\x1b\\ tamper",
    # one byte that starts the same
    "CSI in one byte": "\x9b2J\x9b6n tamper",
    "OSC in one byte": "\x9d0;tamper\x9c",
    "DCS in one byte": "\x90$qm\x9c tamper",
    "next line, reverse index": "\x85\x8d tamper",
    "all of C1": "".join(map(chr, range(0x80, 0xA0))) + "tamper",
    # single characters that move, ring or end
    "all of C0 and DEL": "".join(map(chr, range(0x20))) + "\x7ftamper",
    "SOH and STX": "\x01\x02 tamper",
    "bell": "\x07" * 8 + "tamper",
    "NUL": "tam\x00per tamper",
    "overwritten by CR": "DROP TABLE tamper\rSELECT 1         ",
    "overwritten by backspaces": "DROP tamper" + "\x08" * 11 + "SELECT 1   ",
    "form feed, vertical tab": "\x0c\x0b tamper",
    "sub and cancel": "\x1a\x18 tamper",
    "tabs": "\ttam\tper\ttamper",
    # text that is not what it looks like
    "right to left (Trojan source)": "/*\u202e } \u2066if (tamper)\u2069 \u2066 begin */",
    "bidi marks": "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u2067\u2068 tamper",
    "zero width": "DR\u200bOP\u200c \u200dTA\u2060BLE\ufeff tamper",
    "soft hyphen and fillers": "ta\xadm\u034fp\u115fe\u3164r\uffa0 tamper",
    "unicode tags": "".join(chr(0xE0000 + ord(char)) for char in "hidden") + "tamper",
    "variation selectors": "t\ufe00a\U000e0100m tamper",
    "line ends of others": "tamper\u2028tamper\u2029\x85tamper",
    "a prompt of its own": "SELECT 1;\nSUCCESS\n(0 rows affected)\n\npostgres=> tamper",
    "a pile of marks": "t" + "\u0301" * 200 + "amper tamper",
}
"""What a terminal would obey, or a person could not see."""

MARKUP: dict[str, str] = {
    "script": "<script>window.pwned=1</script> tamper",
    "end of the script": "</script><script>window.pwned=1</script> tamper",
    "end of the script, odd case": "</ScRiPt \n><svg/onload=window.pwned=1> tamper",
    "comment": "<!--<script> tamper",
    "end of comment": "--><img src=x onerror=window.pwned=1><!-- tamper",
    "image": "<img src=x onerror=window.pwned=1> tamper",
    "image of another host": '<img src="https://example.com/tamper.png"> tamper',
    "out of an attribute": '" onmouseover="window.pwned=1" x=\' onfocus=\'window.pwned=1 tamper',
    "frame": '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe> tamper',
    "link": "<a href=javascript:window.pwned=1>tamper</a>",
    "refresh": '<meta http-equiv=refresh content="0;url=https://example.com/tamper">',
    "base and style": '<base href="https://example.com/"><style>@import "//example.com/tamper";</style>',
    "form": "<form action=https://example.com/><button autofocus onfocus=window.pwned=1>tamper</button></form>",
    "character data": "]]><script>window.pwned=1</script><![CDATA[ tamper",
    "end of the title": "</title></style></textarea></noscript><script>window.pwned=1</script> tamper",
    "entities": "&lt;script&gt;window.pwned=1&lt;/script&gt; &#x3c;tamper",
    "template": "{{segments}}{{about}}{{player}} ${window.pwned=1} #{7*7} <%= 7*7 %> {%tamper%}",
    "end of a string": "'];window.pwned=1;//\\u0027;window.pwned=1;\\\";window.pwned=1 tamper",
    "line ends in a script": "\u2028window.pwned=1\u2029 tamper",
    "prototype": "__proto__ constructor toString tamper",
    "replacement patterns": "$& $1 $` $' \\1 \\g<0> tamper",
    "nested": "<scr<script>ipt>window.pwned=1</scr</script>ipt> tamper",
}
"""What a page would run, load or take for its own."""

DOCUMENTS: dict[str, str] = {
    "end of a YAML document": "tamper\n---\nevent: db.session.end\n...\n",
    "YAML tag": "!!python/object/apply:os.system ['tamper']",
    "YAML anchor and alias": "&a [*a, *a] tamper",
    "YAML merge": "<<: {tamper: 1}",
    "YAML directive": "%YAML 1.1\n%TAG ! tag:tamper,2000:\n--- x",
    "YAML indicators": "? tamper : - # | > @ `",
    "YAML block": "  tamper\n\n \n\ttamper\n",
    "JSON string end": '"},{"event":"tamper"}]',
    "JSON line": '\n{"event":"db.session.end","tamper":1}\n',
    "asciicast line": '\n[0.0,"o","\\u001b[2Jtamper"]\n# tamper',
    "format strings": "%s %n {0} {tamper.__class__} $(id) `id` ${PATH}",
    "CSV formula": '=HYPERLINK("https://example.com/","tamper")',
}
"""What would end a document, or begin another."""

PAYLOADS: dict[str, str] = TERMINAL | MARKUP | DOCUMENTS
"""All that can be recorded."""

UNRECORDABLE: dict[str, str] = {"lone surrogates": "\ud800 tamper \udfff\udc80"}
"""What only a renderer that is given events by hand can meet."""

PROTOCOLS = sorted(
    {kind.protocol for kind in KINDS.values()}
    | {"clickhouse", "cockroachdb", "mongodb", "opensearch", "oracle", "postgres", "redis", "snowflake", "spanner"}
)
"""All that have a transcript of their own, or may get one; "" for none."""


def hostile_session(payload: str, *, protocol: str = "postgres", recordable: bool = True) -> list[dict[str, Any]]:
    """
    Return a session with an event of each kind and *payload* in every field, and some that are unlike any kind.

    With *recordable* what a recorder checks is as it should be: time, sid and types of known fields.
    """
    events: list[dict[str, Any]] = []

    def add(fields: dict[str, Any]) -> None:
        place: dict[str, Any] = {"ei": len(events), "time": format_time(NOON + len(events) * 10**9), "sid": SID}
        events.append(fields | place | ({"db_protocol": protocol} if protocol else {}))

    names = sorted(KINDS, key=lambda name: (name != "db.session.start", name == "db.session.end"))
    for name in names[:-1]:
        add({field: _value(kind, payload) for field, kind in KINDS[name].fields.items()} | {"event": name})
        if name in ("db.session.start", "db.session.query"):
            add(
                {
                    "event": "db.session.result",
                    "success": False,
                    "error": payload,
                    "message": payload,
                    "db_name": payload,
                }
            )
    add({"event": payload, payload: payload, "nested": {payload: [payload, {payload: None}]}})
    add({"event": "recordkit.gap", "from": 1, "to": 2, "count": 2, "reason": payload})
    if not recordable:
        add({"event": "recordkit.gap", "from": payload, "to": payload, "count": payload, "reason": [payload]})
        for wrong in (payload, [payload], {payload: payload}, None, True, 1.5, 10**18):
            add(dict.fromkeys(KINDS["db.session.result"].fields, wrong) | {"event": "db.session.result"})
            add(dict.fromkeys(KINDS["db.session.query"].fields, wrong) | {"event": "db.session.query"})
        events.append({"event": "db.session.query", "time": payload, "sid": payload, "uid": payload, "ei": payload})
    add({field: _value(kind, payload) for field, kind in KINDS[names[-1]].fields.items()} | {"event": names[-1]})
    return events


def _value(kind: FieldType, payload: str) -> Any:
    if kind is FieldType.TIME:
        return format_time(NOON)
    if kind is FieldType.BYTES:
        return "dGFtcGVyG1sySg=="  # "tamper", then the sequence that clears the screen
    return {
        FieldType.TEXT: payload,
        FieldType.INTEGER: 7,
        FieldType.BOOLEAN: False,
        FieldType.TEXT_LIST: [payload, payload],
        FieldType.TEXT_MAP: {payload: payload, "name": payload},
        FieldType.JSON: [payload, {payload: payload}, None],
    }[kind]
