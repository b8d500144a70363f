import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recordkit.sql.highlighting import highlight_sql

SQL = st.text() | st.lists(
    st.sampled_from([
        "select ", "FROM", "'", "''", "\\", '"', "`", "--", "\n", "/*", "*/", "$$", "$a$", "$1", ":p", "@v", "%s", "1", ".",
        "1e5", "0x1F", "N'", "E'", "(", ")", "::", "<=", " ", "x", "é", "\x00", "\ud800", "\u2028", "e", "-", "+", "#", "?",
    ])
).map("".join)  # fmt: skip


def classes(text):
    return [(kind, piece) for kind, piece in highlight_sql(text) if piece.strip()]


@given(SQL)
@example("")
@example("'")
@example("/*")
@example("$a$ $b$")
def test_the_pieces_are_the_text(text):
    """Whatever the text is, its pieces joined are the text, and none is empty."""
    pieces = highlight_sql(text)
    assert "".join(piece for _, piece in pieces) == text
    assert all(piece for _, piece in pieces)
    assert {kind for kind, _ in pieces} <= {"keyword", "name", "string", "number", "comment", "operator", "text"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Select", "keyword"), ("products", "name"), ('"select"', "name"), ("`a``b`", "name"), ("a$b", "name"), ("été", "name"),
        ("'it''s'", "string"), ("'it\\'s'", "string"), ("E'\\n'", "string"), ("x'ff'", "string"), ("$$a'b$$", "string"),
        ("$f$ $$ $f$", "string"), ("'open", "string"), ("$$open", "string"), ("'a\\", "string"),
        ("1", "number"), ("1.5e-3", "number"), (".5", "number"), ("0x1F", "number"), ("1.", "number"),
        ("-- a 'b", "comment"), ("/* a\n* / */", "comment"), ("/* open", "comment"),
        ("<=", "operator"), ("::", "operator"), ("(", "operator"), ("-", "operator"), ("/", "operator"), ("?", "operator"),
        ("$1", "name"), ("@v", "name"), ("@@global", "name"), (":p", "name"), ("%s", "name"), ("1a", "number"),
    ],
)  # fmt: skip
def test_a_piece_has_its_class(text, expected):
    """Each kind of word is told from the others; what is not closed keeps its class to the end."""
    assert classes(text)[0][0] == expected
    if text != "1a":
        assert classes(text) == [(expected, text)]


def test_a_statement_in_pieces():
    """A statement is cut where a reader would cut it."""
    assert classes("SELECT a.b FROM \"T\" WHERE x>='a--b' AND y=$1;-- end") == [
        ("keyword", "SELECT"), ("name", "a"), ("operator", "."), ("name", "b"), ("keyword", "FROM"), ("name", '"T"'),
        ("keyword", "WHERE"), ("name", "x"), ("operator", ">="), ("string", "'a--b'"), ("keyword", "AND"), ("name", "y"),
        ("operator", "="), ("name", "$1"), ("operator", ";"), ("comment", "-- end"),
    ]  # fmt: skip


@pytest.mark.parametrize("start", ["", "'", "/*", "$a$"])
@pytest.mark.parametrize(
    "repeated", ["/* ", "'a ", "$a$ ", "$a", "(", "1.", "''", "\\'", '"', "<>", "a ", "-- \n", "*", "$", "e1"]
)
def test_hostile_text_is_cut_too(start, repeated):
    """A megabyte of what makes careless expressions take for ever is cut like any text."""
    text = start + repeated * (1_000_000 // len(repeated))
    assert "".join(piece for _, piece in highlight_sql(text)) == text


def test_highlighting_loads_no_library():
    """Colouring costs a regular expression and nothing else."""
    program = (
        "import sys; from recordkit.sql.highlighting import highlight_sql; highlight_sql('SELECT 1')\n"
        "print('sqlparse' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
