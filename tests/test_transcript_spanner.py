from transcripts import event, query, result, text


def rpc(procedure, at_s=None, *, success=True, error=None, **args):
    status = {"success": success} | ({} if error is None else {"error": error})
    return event("spanner.rpc", at_s, procedure=procedure, args=args, **status)


def test_a_session_reads_as_in_spanner_cli():
    """Calls with SQL show it, with call and parameters under it; others show what they were given."""
    assert text(
        "spanner",
        rpc(
            "/google.spanner.v1.Spanner/BeginTransaction", 1, session="projects/p/sessions/s", options={"readWrite": {}}
        ),
        rpc(
            "/google.spanner.v1.Spanner/ExecuteStreamingSql",
            2,
            session="projects/p/sessions/s",
            sql="SELECT Name\nFROM Singers WHERE Id = @id",
            params={"id": "7"},
            paramTypes={"id": {"code": "INT64"}},
        ),
        result(1, 2.03, columns=["Name"], rows=[["Marc"]]),
        rpc(
            "ExecuteBatchDml",
            3,
            statements=[{"sql": "UPDATE A SET b = 1"}, {"sql": "DELETE FROM C WHERE d = @d", "params": {"d": 1}}],
        ),
        result(2, 3.5),
        rpc("Commit", 4, session="projects/p/sessions/s", success=False, error='code = "Aborted"'),
        event("end", 60),
    ) == (
        """
spanner> -- BeginTransaction {
      -> --   "options": {
      -> --     "readWrite": {}
      -> --   }
      -> -- }

spanner> SELECT Name
      -> FROM Singers WHERE Id = @id
      -> -- ExecuteStreamingSql, @id = "7"
+------+
| Name |
+------+
| Marc |
+------+
1 row in set (0.03 sec)

spanner> UPDATE A SET b = 1;
      -> DELETE FROM C WHERE d = @d;
      -> -- ExecuteBatchDml, @d = 1
Query OK, 2 rows affected (0.50 sec)

spanner> -- Commit
ERROR: code = "Aborted"

Session ended at Mon Jul 20 20:01 UTC
"""
    )


def test_a_call_that_says_little_is_shown():
    """Neither a missing name nor arguments of another type hide that a call was made."""
    assert text("spanner", event("spanner.rpc")) == "\nspanner> -- call\n"
    assert text("spanner", event("spanner.rpc", procedure="X", args=[1])) == "\nspanner> -- X [1]\n"
    assert text("spanner", rpc("X", sql="SELECT 1", params=[2])) == "\nspanner> SELECT 1\n      -> -- X, [2]\n"
    assert text("spanner", query("SELECT 1")) == "\nspanner> SELECT 1\n"
