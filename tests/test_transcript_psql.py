"""
The table of a PostgreSQL result beside the one that a real psql prints of the same rows.
"""

import subprocess

import psycopg
import pytest

from postgres_server import Server
from recordkit.transcript import for_protocol


@pytest.fixture(scope="module")
def server():
    running_server = Server()
    yield running_server
    running_server.stop()


def printed(server, sql):
    """What psql prints, without the line that counts."""
    command = [server.programs / "psql", "-X", "-P", "pager=off", "-h", server.socket_directory, "-p", str(server.port)]
    environment = {"LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8", "PSQL_HISTORY": "/dev/null"}
    done = subprocess.run(
        [*command, "-U", "postgres", "-c", sql, "postgres"],
        check=True,
        capture_output=True,
        timeout=60,
        env=environment,
    )
    lines = done.stdout.decode().rstrip("\n").split("\n")
    assert lines[-1].endswith(("row)", "rows)"))
    return "".join(f"{line}\n" for line in lines[:-1])


def recorded(server, sql):
    """The result as a proxy would record it: types by name, values as the text that went over the wire."""
    with psycopg.connect(
        host=server.socket_directory, port=server.port, user="postgres", dbname="postgres", client_encoding="utf8"
    ) as connection:
        result = connection.execute(sql).pgresult
        types = psycopg.adapters.types
        columns = [
            {"name": result.fname(at).decode(), "type": types[result.ftype(at)].name} for at in range(result.nfields)
        ]
        rows = [[result.get_value(row, at) for at in range(result.nfields)] for row in range(result.ntuples)]
    texts = [[None if value is None else value.decode() for value in row] for row in rows]
    return {"columns": columns, "rows": texts}


def shown(fields):
    translator = for_protocol("postgres")
    translator.feed({"event": "db.session.query", "db_query": "x"})
    (segment,) = translator.feed({"event": "db.session.result", "success": True} | fields)
    return segment.text.removesuffix("SUCCESS\n(0 rows affected)\n")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS id, 'Phone' AS name, 150.00 AS price",
        "SELECT 1 AS id, 'Phone' AS name, NULL::text AS note UNION ALL SELECT 20, '漢字 lamp', 'é🎉' ORDER BY 1",
        "SELECT 'x' AS a, 10 AS number UNION ALL SELECT 'longer', 2 ORDER BY 1",
        "SELECT 1 AS one WHERE false",
        "SELECT true AS t, 1.50::float8 AS f, now() - now() AS i, '{1,2}'::int[] AS list, 7::oid AS o, '9'::money AS m",
        "SELECT E'a\\nb' AS last",
        "SELECT E'a\\nb\\nccc' AS first, E'x\\ny' AS second, 3 AS n",
        "SELECT E'one\\n' AS trailing, 'b' AS b",
        "SELECT '' AS empty, ' ' AS space",
        "SELECT 'x' AS \"a name that is longer than its values\", 'y' AS \"漢字\"",
    ],
)
def test_a_table_is_the_one_that_psql_prints(server, sql):
    """Names, rules, alignment, NULL, wide characters and values of several lines are those of psql."""
    assert shown(recorded(server, sql)) == printed(server, sql)


def test_controls_are_shown_in_the_forms_of_this_library(server):
    """Where psql sets a tab over columns and writes an escape in capitals, the cell holds what any other text would."""
    sql = "SELECT E'tab\\tesc\\x1b' AS controls, 1 AS n"
    assert "\\x1B" in printed(server, sql)
    assert shown(recorded(server, sql)).splitlines()[2] == r" tab\tesc\x1b | 1"
