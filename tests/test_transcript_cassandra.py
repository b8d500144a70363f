import hashlib

import pytest

from transcripts import asides, base64_of, event, failed, query, refused, result, text

FIND = "SELECT * FROM users\nWHERE id = ?"


def md5(sql):
    return hashlib.md5(sql.encode()).hexdigest()


def prepare(sql, keyspace=""):
    return event("cassandra.prepare", query=sql, keyspace=keyspace)


def execute(query_id):
    return event("cassandra.execute", query_id=query_id)


def test_a_session_reads_as_in_cqlsh():
    """Prompts, tables, batches and errors look as cqlsh prints them."""
    assert text(
        "cassandra",
        query("SELECT id, name, note\n  FROM products"),
        result(
            2,
            columns=[["id", "int"], ["name", "text"], ["note", "text"]],
            rows=[[1, "Phone", None], [20, "漢字 lamp", "x"]],
        ),
        query("INSERT INTO products (id) VALUES (3)"),
        result(),
        prepare(FIND),
        execute(md5("shop" + FIND)),
        result(0, columns=[["id", "int"]], rows=[]),
        event(
            "cassandra.batch",
            batch_type="LOGGED",
            consistency="QUORUM",
            keyspace="shop",
            children=[
                {
                    "query": "INSERT INTO orders (id, item, note) VALUES (?, ?, ?)",
                    "values": [
                        {"type": 9, "contents": base64_of(b"\0\0\0\x07")},
                        {"contents": base64_of("lamp")},
                        {"type": 2**32 - 1},
                    ],
                },
                {"id": md5(FIND), "values": []},
            ],
        ),
        event("cassandra.register", event_types=["TOPOLOGY_CHANGE", "STATUS_CHANGE"]),
        query("USE other"),
        query("SELECT * FROM nope"),
        failed('InvalidRequest: Error from server: code=2200 [Invalid query] message="table nope does not exist"'),
        event("end", 60),
        db_user="alice",
        db_name="shop",
    ) == (
        """
alice@cqlsh:shop> SELECT id, name, note
              ...   FROM products

 id | name      | note
----+-----------+------
  1 |     Phone | null
 20 | 漢字 lamp |    x

(2 rows)

alice@cqlsh:shop> INSERT INTO products (id) VALUES (3)

alice@cqlsh:shop> -- prepare
              ... SELECT * FROM users
              ... WHERE id = ?

alice@cqlsh:shop> SELECT * FROM users
              ... WHERE id = ?

 id
----

(0 rows)

alice@cqlsh:shop> BEGIN BATCH
              ...   INSERT INTO orders (id, item, note) VALUES (?, ?, ?)
              ...   -- 7, 0x6c616d70 ('lamp'), NULL
              ...   SELECT * FROM users
              ...   WHERE id = ?
              ... APPLY BATCH -- consistency QUORUM

alice@cqlsh:shop> -- register for events: TOPOLOGY_CHANGE, STATUS_CHANGE

alice@cqlsh:shop> USE other

alice@cqlsh:other> SELECT * FROM nope
InvalidRequest: Error from server: code=2200 [Invalid query] message="table nope does not exist"

Session ended at Mon Jul 20 20:01 UTC
"""
    )


@pytest.mark.parametrize(
    "query_id", [md5(FIND), md5("shop" + FIND), md5("own" + FIND), md5(FIND).upper(), f"0x{md5(FIND)}"]
)
def test_an_id_stands_for_its_statement(query_id):
    """The id is found whether the server counted a keyspace in or not, in either form of its digits."""
    shown = text("cassandra", prepare(FIND, "own"), execute(query_id), db_name="shop")
    assert shown.endswith("\ncqlsh:shop> SELECT * FROM users\n        ... WHERE id = ?\n")


def test_an_unknown_id_is_shown():
    """An id of a statement that was not prepared here is shown as it is, in a batch too."""
    assert text("cassandra", execute("abc")) == "\ncqlsh> EXECUTE abc\n"
    assert text("cassandra", event("cassandra.batch", batch_type="counter", children=[{"id": "abc"}])) == (
        "\ncqlsh> BEGIN COUNTER BATCH\n   ...   EXECUTE abc\n   ... APPLY BATCH\n"
    )


def test_the_prompt_follows_use():
    """Keyspaces are folded unless they are quoted, and a refused USE changes nothing."""
    for statement, prompt in (("use Shop;", "cqlsh:shop> "), ('USE "My ""K"""', 'cqlsh:My "K"> '), ("USE", "cqlsh> ")):
        assert text("cassandra", query(statement), query("x")).endswith(f"\n{prompt}x\n")
    assert text("cassandra", refused("USE a", "no"), query("x")).endswith("\ncqlsh> x\n")


def test_what_cqlsh_is_silent_about_is_an_aside():
    """A statement that gives no rows prints nothing, which only plain text leaves at that."""
    assert text("cassandra", query("x"), result()) == "\ncqlsh> x\n"
    assert asides("cassandra", query("x"), result()) == "OK\n"
