import pytest

from transcripts import event, failed, query, result, text

URI = "ch.example.com:9440"


def test_a_session_reads_as_in_clickhouse_client():
    """The smile, the frame with row numbers, counts and exceptions look as clickhouse-client prints them."""
    assert text(
        "clickhouse",
        query("SELECT id, name, note\nFROM products", 1),
        result(
            2,
            1.004,
            columns=[{"name": "id", "type": "UInt64"}, {"name": "name", "type": "String"}, {"name": "note"}],
            rows=[[1, "Phone", None], [20, "漢字 lamp", "x"]],
        ),
        query("INSERT INTO log VALUES (1)", 2),
        result(1, 2.002),
        query("SELECT * FROM nope", 3),
        failed("Code: 60. DB::Exception: Table default.nope does not exist. (UNKNOWN_TABLE)", 3.01),
        event("end", 60),
        db_uri=URI,
    ) == (
        """
ch.example.com :) SELECT id, name, note
:-] FROM products

   ┌─id─┬─name──────┬─note─┐
1. │  1 │ Phone     │ ᴺᵁᴸᴸ │
2. │ 20 │ 漢字 lamp │ x    │
   └────┴───────────┴──────┘

2 rows in set. Elapsed: 0.004 sec.

ch.example.com :) INSERT INTO log VALUES (1)

Ok.

1 row in set. Elapsed: 0.002 sec.

ch.example.com :) SELECT * FROM nope

Received exception from server:
Code: 60. DB::Exception: Table default.nope does not exist. (UNKNOWN_TABLE)

Session ended at Mon Jul 20 20:01 UTC
"""
    )


@pytest.mark.parametrize(
    ("uri", "prompt"),
    [
        (URI, "ch.example.com :) "),
        ("https://ch.example.com:8443", "ch.example.com :) "),
        ("[::1]:9000", "[::1] :) "),
        ("", ":) "),
        (None, ":) "),
    ],
)
def test_the_prompt_names_the_host(uri, prompt):
    """The address without its port stands in the prompt, native or over HTTP."""
    assert text("clickhouse-http", query("SELECT 1"), db_uri=uri) == f"\n{prompt}SELECT 1\n"


def test_an_empty_result_and_other_errors():
    """No rows are no table, and an error that is not the server's says so."""
    assert text("clickhouse", query("x"), result(columns=["a"], rows=[])).endswith("\n\nOk.\n\n0 rows in set.\n")
    assert text("clickhouse", query("x"), failed("access denied")).endswith("\n\nError: access denied\n")
