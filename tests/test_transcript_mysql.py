import pytest

from recordkit.transcript.mysql import nice_time
from transcripts import event, failed, gap, query, refused, result, segments, text

COLUMNS = [{"name": "id", "type": "INT"}, {"name": "name", "type": "VARCHAR(40)"}, {"name": "note"}]
ROWS = [["1", "Phone", None], ["20", "漢字 lamp", "a\nb"]]


def prepare(sql, **fields):
    return event("mysql.statements.prepare", query=sql, **fields)


def execute(number, *values, at_s=None):
    return event("mysql.statements.execute", at_s, statement_id=number, parameters=list(values))


def test_a_session_reads_as_in_the_client():
    """Prompts, results, tables, errors and prepared statements look as the mysql client prints them."""
    assert text(
        "mysql",
        event("mysql.init_db", 1, schema_name="crm"),
        result(0, 1.001),
        query("SELECT id, name, note\n  FROM products", 5),
        result(2, 5.004, columns=COLUMNS, rows=ROWS),
        query("INSERT INTO log VALUES (1)", 6),
        result(1, 6.02),
        prepare("UPDATE customers SET email = ? WHERE id = ?"),
        execute(1, "jo@example.com", "42", at_s=7),
        result(1, 7.5),
        query("SELECT * FROM nope", 8),
        failed("ERROR 1146 (42S02): Table 'crm.nope' doesn't exist", 8.001),
        refused("DROP TABLE customers", "access to database denied", 9, message="carol may not drop tables"),
        event("mysql.statements.close", statement_id=1),
        event("end", 60),
    ) == (
        """
mysql> USE crm
Database changed

mysql> SELECT id, name, note
    ->   FROM products
+----+-----------+------+
| id | name      | note |
+----+-----------+------+
|  1 | Phone     | NULL |
| 20 | 漢字 lamp | a    |
|    |           | b    |
+----+-----------+------+
2 rows in set (0.00 sec)

mysql> INSERT INTO log VALUES (1)
Query OK, 1 row affected (0.02 sec)

mysql> PREPARE stmt1 FROM 'UPDATE customers SET email = ? WHERE id = ?'

mysql> UPDATE customers SET email = ? WHERE id = ?
    -> -- EXECUTE stmt1 USING 'jo@example.com', '42'
Query OK, 1 row affected (0.50 sec)

mysql> SELECT * FROM nope
ERROR 1146 (42S02): Table 'crm.nope' doesn't exist

mysql> DROP TABLE customers
ERROR: access to database denied
  carol may not drop tables

mysql> DEALLOCATE PREPARE stmt1

Session ended at Mon Jul 20 20:01 UTC
"""
    )


COMMANDS = [
    ("init_db", {"schema_name": "a-b`c"}, "USE `a-b``c`"),
    ("init_db", {}, "USE ``"),
    ("create_db", {"schema_name": "shop"}, "CREATE DATABASE shop"),
    ("drop_db", {"schema_name": "shop"}, "DROP DATABASE shop"),
    ("shut_down", {}, "SHUTDOWN"),
    ("process_kill", {"process_id": 7}, "KILL 7"),
    ("debug", {}, "-- COM_DEBUG: the server writes its state to its log"),
    ("refresh", {"subcommand": "REFRESH_GRANT"}, "FLUSH PRIVILEGES"),
    ("refresh", {"subcommand": "log"}, "FLUSH LOGS"),
    ("refresh", {"subcommand": "REFRESH_MASTER"}, "RESET MASTER"),
    ("refresh", {"subcommand": "0x80"}, "FLUSH 0x80"),
    ("refresh", {}, "FLUSH"),
    ("statements.send_long_data", {"statement_id": 3, "parameter_id": 1, "data_size": 4096}, "-- stmt3: 4096 bytes sent for parameter 1"),
    ("statements.reset", {"statement_id": 3}, "-- stmt3: reset"),
    ("statements.fetch", {"statement_id": 3, "rows_count": 1}, "-- stmt3: fetch 1 row"),
    ("statements.fetch", {"statement_id": 3, "rows_count": 10}, "-- stmt3: fetch 10 rows"),
    ("statements.close", {"statement_id": 3}, "DEALLOCATE PREPARE stmt3"),
    ("statements.execute", {"statement_id": 3, "parameters": ["O'Brien", None, 7]}, "EXECUTE stmt3 USING 'O''Brien', NULL, 7"),
    ("statements.execute", {"statement_id": 3, "parameters": None}, "EXECUTE stmt3"),
    ("statements.bulk_execute", {"statement_id": 3, "parameters": [["a", "1"], ["b", None]]}, "EXECUTE stmt3 BULK USING ('a', '1'), ('b', NULL)"),
    ("statements.bulk_execute", {"statement_id": 3, "parameters": []}, "EXECUTE stmt3 BULK"),
    ("statements.prepare", {"query": "SELECT 'a'"}, "PREPARE stmt1 FROM 'SELECT ''a'''"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "shown"), COMMANDS)
def test_each_command_is_shown_as_what_a_person_would_type(kind, fields, shown):
    """Row by row: commands of the protocol as the SQL that does the same, or as a comment."""
    assert text("mysql", event(f"mysql.{kind}", **fields)) == f"\nmysql> {shown}\n"


ANSWERS = [
    ("INSERT INTO t", result(1, 1.004), "Query OK, 1 row affected (0.00 sec)"),
    ("DELETE FROM t", result(0, 1.125), "Query OK, 0 rows affected (0.12 sec)"),
    ("CREATE TABLE t (i INT)", result(None, 1.5), "Query OK (0.50 sec)"),
    ("CREATE TABLE t (i INT)", result(None), "Query OK"),
    ("CREATE TABLE t (i INT)", result(None, 0.5), "Query OK"),
    ("  -- all\n /* of */ (SELECT 1)", result(3, 1.5), "3 rows in set (0.50 sec)"),
    ("show tables", result(1, 1.5), "1 row in set (0.50 sec)"),
    ("SELECT 1", result(0, 1.5), "Empty set (0.50 sec)"),
    ("SELECT 1", result(None, 66.5, columns=["a"], rows=[]), "Empty set (1 min 5.50 sec)"),
    ("USE shop", result(0, 1.5), "Database changed"),
    (
        "SELECT 1",
        failed("Error 1064 (42000): You have an error\nin it"),
        "ERROR 1064 (42000): You have an error\nin it",
    ),
    ("SELECT 1", failed("error 2013: Lost connection"), "ERROR 2013: Lost connection"),
    ("SELECT 1", failed("out of memory"), "ERROR: out of memory"),
    ("SELECT 1", failed(""), "ERROR:"),
]


@pytest.mark.parametrize(("sql", "answer", "shown"), ANSWERS)
def test_each_result_is_worded_by_its_statement(sql, answer, shown):
    """Counts of rows in a result and of rows that were changed, times and errors have the client's words."""
    assert segments("mysql", query(sql, 1), answer)[1].text.rstrip() == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.00 sec"), (59.994, "59.99 sec"), (60, "1 min 0.00 sec"), (3600, "1 hour 0.00 sec"),
        (7325.5, "2 hours 2 min 5.50 sec"), (86400, "1 day 0.00 sec"), (180000, "2 days 2 hours 0.00 sec"),
    ],
)  # fmt: skip
def test_long_times_are_set_in_minutes_hours_and_days(seconds, shown):
    """A duration reads as the client's."""
    assert nice_time(seconds) == shown


def test_parameters_beside_a_query_are_a_comment():
    """What stands in db_query_parameters is shown under the statement."""
    shown = text("mysql", query("SELECT ?, ?", db_query_parameters=["a'b", None]))
    assert shown == "\nmysql> SELECT ?, ?\n    -> -- parameters: 'a''b', NULL\n"


def test_a_prepared_statement_of_several_lines_keeps_them():
    """The text of a prepared statement is shown whole, with what was bound to it on a line of its own."""
    assert text("mysql", prepare("SELECT 1\nFROM t;\n"), execute(1)) == (
        "\nmysql> PREPARE stmt1 FROM 'SELECT 1\n    -> FROM t;\n    -> '\n"
        "\nmysql> SELECT 1\n    -> FROM t;\n    -> -- EXECUTE stmt1\n"
    )


def test_preparing_is_no_statement_of_its_own():
    """Steps that ask for no result are notices, so that stepping by statement passes over them."""
    shown = segments(
        "mysql", prepare("SELECT 1"), execute(1), event("mysql.statements.close", statement_id=1), query("x")
    )
    assert [segment.kind.value for segment in shown] == ["notice", "statement", "notice", "statement"]


def test_mariadb_has_its_own_prompt():
    """MariaDB's client names the database and measures in milliseconds."""
    shown = text("mariadb", query("SELECT 1\nFROM t", 1), result(3, 1.5), query("x"), db_name="shop")
    assert shown == (
        "\nMariaDB [shop]> SELECT 1\n             -> FROM t\n3 rows in set (0.500 sec)\n\nMariaDB [shop]> x\n"
    )
    assert text("mariadb", query("x")) == "\nMariaDB [(none)]> x\n"


def test_a_gap_shows_and_loses_the_count():
    """After missing events a number that was not seen before stays a number."""
    assert text("mysql", prepare("SELECT 1"), gap(), prepare("SELECT 2"), query("x"), execute(2)) == (
        "\nmysql> PREPARE stmt1 FROM 'SELECT 1'\n"
        "\n-- 120 events missing here (ei 40 to 159): overflow --\n"
        "\nmysql> PREPARE stmt FROM 'SELECT 2'\n"
        "\nmysql> x\n"
        "\nmysql> EXECUTE stmt2\n"
    )
