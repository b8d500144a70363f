import pytest

from transcripts import event, failed, query, refused, result, text


def test_a_session_reads_as_in_snowsql():
    """The prompt follows what is used, and tables and counts look as SnowSQL prints them."""
    assert text(
        "snowflake",
        query("USE WAREHOUSE load_wh;", 1),
        result(None, 1.25),
        query("USE SCHEMA sales.public", 2),
        query("SELECT id, name\nFROM orders", 3),
        result(2, 3.086, columns=[["ID", "NUMBER"], ["NAME", "TEXT"]], rows=[["1", "lamp"], ["20", None]]),
        query("DELETE FROM orders", 4),
        result(2, 4.5),
        query("SELECT * FROM nope", 5),
        failed("002003 (42S02): SQL compilation error:\nObject 'NOPE' does not exist or not authorized.", 5.1),
        event("end", 60),
        db_user="ALICE",
        db_name="SALES",
    ) == (
        """
ALICE#(no warehouse)@SALES.(no schema)>USE WAREHOUSE load_wh;
Statement executed successfully. Time Elapsed: 0.250s

ALICE#LOAD_WH@SALES.(no schema)>USE SCHEMA sales.public

ALICE#LOAD_WH@SALES.PUBLIC>SELECT id, name
                           FROM orders
+----+------+
| ID | NAME |
|----+------|
|  1 | lamp |
| 20 | NULL |
+----+------+
2 Row(s) produced. Time Elapsed: 0.086s

ALICE#LOAD_WH@SALES.PUBLIC>DELETE FROM orders
2 Row(s) affected. Time Elapsed: 0.500s

ALICE#LOAD_WH@SALES.PUBLIC>SELECT * FROM nope
002003 (42S02): SQL compilation error:
Object 'NOPE' does not exist or not authorized.

Session ended at Mon Jul 20 20:01 UTC
"""
    )


@pytest.mark.parametrize(
    ("statement", "prompt"),
    [
        ("use database Sales", "#(no warehouse)@SALES.PUBLIC>"),
        ("USE sales.web", "#(no warehouse)@SALES.WEB>"),
        ("USE SCHEMA web", "#(no warehouse)@(no database).WEB>"),
        ('USE "My ""DB"""."s" ;', '#(no warehouse)@My "DB".s>'),
        ("USE ROLE admin", "#(no warehouse)@(no database).(no schema)>"),
        ("SELECT 1", "#(no warehouse)@(no database).(no schema)>"),
        ("USE " + "x" * 5000, "#(no warehouse)@(no database).(no schema)>"),
    ],
)
def test_the_prompt_follows_use(statement, prompt):
    """Each form of USE changes what it names, in the letters that Snowflake stores."""
    assert text("snowflake", query(statement), query("x")).endswith(f"\n{prompt}x\n")


def test_a_refused_use_changes_nothing():
    """The prompt says where one is, not where one wanted to be."""
    assert text("snowflake", refused("USE a.b", "no"), query("x")).endswith(
        "no\n\n#(no warehouse)@(no database).(no schema)>x\n"
    )
