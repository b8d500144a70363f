import pytest

from transcripts import event, failed, query, refused, result, text

URI = "rediss://cache.example.com:6379"


def test_a_session_reads_as_in_redis_cli():
    """Prompts with the database and replies of all types look as redis-cli prints them."""
    assert text(
        "redis",
        query("SET session:42 active EX 3600"),
        result(),
        query("LPUSH queue job-2"),
        result(2),
        query("SELECT 3"),
        result(),
        query("LRANGE queue 0 -1"),
        result(rows=[["job-1"], ['job "2"\n']]),
        query("GET nothing"),
        result(rows=[[None]]),
        query("KEYS x*"),
        result(rows=[]),
        query("GET lamp"),
        result(rows=[["漢字\x1b"]]),
        query("XRANGE s - +"),
        result(rows=[["1-1", ["a", 1]], ["1-2", [None]]]),
        refused("FLUSHALL", "NOPERM this user has no permissions to run the 'flushall' command"),
        event("end", 60),
        db_uri=URI,
    ) == (
        """
cache.example.com:6379> SET session:42 active EX 3600
OK

cache.example.com:6379> LPUSH queue job-2
(integer) 2

cache.example.com:6379> SELECT 3
OK

cache.example.com:6379[3]> LRANGE queue 0 -1
1) "job-1"
2) "job \\"2\\"\\n"

cache.example.com:6379[3]> GET nothing
(nil)

cache.example.com:6379[3]> KEYS x*
(empty array)

cache.example.com:6379[3]> GET lamp
"漢字\\x1b"

cache.example.com:6379[3]> XRANGE s - +
1) 1) "1-1"
   2) 1) "a"
      2) (integer) 1
2) 1) "1-2"
   2) 1) (nil)

cache.example.com:6379[3]> FLUSHALL
(error) NOPERM this user has no permissions to run the 'flushall' command

Session ended at Mon Jul 20 20:01 UTC
"""
    )


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ({"db_uri": URI}, "cache.example.com:6379> "),
        ({"db_uri": "redis://user@h:1/2?mode=cluster"}, "h:1> "),
        ({"db_uri": "h:1", "db_name": "2"}, "h:1[2]> "),
        ({"db_uri": "h:1", "db_name": "main"}, "h:1> "),
        ({}, "redis> "),
    ],
)
def test_the_prompt_says_where_one_is(fields, prompt):
    """Address and database come from the session's fields."""
    assert text("redis", query("PING"), **fields) == f"\n{prompt}PING\n"


@pytest.mark.parametrize(
    ("events", "prompt"),
    [
        ([query("select 007")], "h[7]> "), ([query('SELECT "2"')], "h[2]> "), ([query("SELECT 2"), failed("ERR")], "h> "),
        ([query("SELECT 2"), result(), query("SELECT 0")], "h> "), ([refused("SELECT 2", "no")], "h> "),
        ([query("SELECT 2"), query("SELECT 9"), failed("ERR")], "h[2]> "), ([query("SELECT x")], "h> "),
    ],
)  # fmt: skip
def test_select_changes_the_database_unless_it_fails(events, prompt):
    """The number in the prompt is that of the last SELECT that was not answered by an error."""
    assert text("redis", *events, query("PING"), db_uri="h").endswith(f"\n{prompt}PING\n")


def test_numbers_of_a_long_list_stand_to_the_right():
    """The tenth value moves the first nine, as in redis-cli."""
    lines = text("redis", query("x"), result(rows=[[n] for n in range(10)])).splitlines()
    assert (lines[2], lines[-1]) == (" 1) (integer) 0", "10) (integer) 9")


def test_replies_are_bounded():
    """Long values are cut, long and deep lists end in a mark, and what was not recorded is counted."""
    deep = ["a"]
    for _ in range(100):
        deep = [deep, 1]
    assert "…" in text("redis", query("x"), result(rows=[["v" * 5000]]))
    assert text("redis", query("x"), result(rows=[[n] for n in range(5000)])).endswith("\n…\n")
    assert "(2 values)" in text("redis", query("x"), result(rows=[deep]))
    assert text("redis", query("x"), result(rows=[["a"]], rows_truncated=True)).endswith(
        '"a"\n(1 value shown, more were not recorded)\n'
    )


def test_parameters_beside_a_command_are_its_arguments():
    """What stands in db_query_parameters is quoted behind the command."""
    assert text("redis", query("SET", db_query_parameters=["k", "a b"])) == '\nredis> SET "k" "a b"\n'
