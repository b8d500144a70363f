import pytest

from transcripts import event, failed, query, result, segments, text


def test_a_session_reads_as_in_sqlplus():
    """Prompt, numbered lines, tables and answers look as SQL*Plus prints them."""
    assert text(
        "oracle",
        query("SELECT empno, ename\n  FROM emp\n WHERE deptno = 10"),
        result(2, columns=[["EMPNO", "NUMBER"], ["ENAME", "VARCHAR2"]], rows=[[7, "CLARK"], [7839, None]]),
        query("UPDATE emp SET sal = sal * 2"),
        result(14),
        query("COMMIT"),
        result(),
        query("SELECT * FROM nope"),
        failed("ORA-00942: table or view does not exist"),
        event("end", 60),
    ) == (
        """
SQL> SELECT empno, ename
  2    FROM emp
  3   WHERE deptno = 10

EMPNO ENAME
----- -----
    7 CLARK
 7839

2 rows selected.

SQL> UPDATE emp SET sal = sal * 2

14 rows updated.

SQL> COMMIT

Commit complete.

SQL> SELECT * FROM nope
ERROR:
ORA-00942: table or view does not exist

Session ended at Mon Jul 20 20:01 UTC
"""
    )


@pytest.mark.parametrize(
    ("sql", "answer", "shown"),
    [
        ("INSERT INTO t VALUES (1)", result(1), "1 row created."),
        ("DELETE FROM t", result(0), "0 rows deleted."),
        ("MERGE INTO t", result(3), "3 rows merged."),
        ("SELECT 1 FROM dual", result(1), "1 row selected."),
        ("SELECT 1 FROM dual", result(0), "no rows selected"),
        ("SELECT 1 FROM dual", result(columns=["A"], rows=[]), "no rows selected"),
        ("WITH a AS (SELECT 1)", result(2), "2 rows selected."),
        ("begin null; end;", result(), "PL/SQL procedure successfully completed."),
        ("begin null; end;", result(1), "PL/SQL procedure successfully completed."),
        ("CREATE TABLE t (i NUMBER)", result(), "Table created."),
        ("create or replace view v as select 1", result(), "View created."),
        ("CREATE UNIQUE INDEX i ON t (i)", result(), "Index created."),
        ("ALTER SESSION SET x = 1", result(), "Session altered."),
        ("DROP TABLE t", result(), "Table dropped."),
        ("TRUNCATE TABLE t", result(), "Table truncated."),
        ("CREATE SOMETHING", result(), "Object created."),
        ("GRANT SELECT ON t TO u", result(), "Grant succeeded."),
        ("ROLLBACK", result(), "Rollback complete."),
        ("whatever", result(), "Done."),
        ("", result(), "Done."),
    ],
)
def test_each_answer_is_worded_by_its_statement(sql, answer, shown):
    """What was done to which kind of object is said in the client's words."""
    assert segments("oracle", query(sql), answer)[1].text == f"\n{shown}\n"
