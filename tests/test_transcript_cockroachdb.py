from transcripts import asides, event, query, result, text


def test_a_session_reads_as_postgres_with_its_own_prompt():
    """Statements and results look as PostgreSQL's, behind the prompt of cockroach sql."""
    assert text(
        "cockroachdb",
        query("SELECT 1,\n  2"),
        result(1, columns=[["a", "INT8"], ["b", "INT8"]], rows=[["1", "2"]]),
        event("end", 60),
        db_user="root",
        db_uri="db.example.com:26257",
        db_name="shop",
    ) == (
        """
root@db.example.com:26257/shop> SELECT 1,
                                2
 a | b\x20
---+---
 1 | 2
SUCCESS
(1 row affected)

Session ended at Mon Jul 20 20:01 UTC
"""
    )


def test_the_prompt_leaves_out_what_is_not_known():
    """Neither user nor address is made up."""
    assert text("cockroachdb", query("x"), db_name="shop") == "\n/shop> x\n"
    assert text("cockroachdb", query("x"), db_user="root") == "\nroot/> x\n"


def test_prepared_statements_and_asides_are_those_of_postgres():
    """The extended protocol has the same steps and the same asides."""
    events = [
        event("postgres.statements.parse", statement_name="s", query="SELECT $1"),
        event("postgres.statements.bind", statement_name="s", portal_name="", parameters=["a"]),
        event("postgres.statements.execute", portal_name=""),
    ]
    assert text("cockroachdb", *events, db_name="shop") == '\n/shop> SELECT $1 ($1 = "a")\n'
    assert asides("cockroachdb", *events) == '-- parse "s": SELECT $1 --\n-- bind "" to "s" ($1 = "a") --\n'
