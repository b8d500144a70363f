"""
The ten questions that an analyst asks first, each as a short query in DuckDB with its answer.

    recordkit demo && python examples/ten_questions.py                  # over ./recordings
    python examples/ten_questions.py --parquet audit/queries            # over what `recordkit export parquet` wrote

The tables are `queries` (one row a statement, its result joined on) and `events` (one row an event); TABLES.md in
recordkit/analytics explains every column.
"""

import argparse
import sys
import tempfile
from typing import Any

from recordkit import analytics
from recordkit.render.control_chars import safe_text

try:
    import duckdb
except ImportError as error:
    sys.exit(f"this example needs {error.name}: pip install duckdb")

# question -> SQL
QUESTIONS: dict[str, str] = {
    "Who ran how many statements where?": """
        SELECT "user", db_service, db_protocol, count(*) AS statements
        FROM queries GROUP BY ALL ORDER BY statements DESC, "user", db_service
    """,
    "What failed, and why?": """
        SELECT "user", db_service, statement, sqlstate, error
        FROM queries WHERE NOT success ORDER BY time
    """,
    "Which statements are the slowest, all runs of one shape together?": """
        SELECT fingerprint, count(*) AS runs, max(duration_ns) / 1e6 AS longest_ms, sum(duration_ns) / 1e6 AS total_ms
        FROM queries WHERE duration_ns IS NOT NULL GROUP BY fingerprint ORDER BY total_ms DESC LIMIT 10
    """,
    "Which tables did who change?": """
        SELECT changed, "user", statement_class, count(*) AS statements
        FROM (SELECT *, unnest(tables_written) AS changed FROM queries WHERE success IS NOT FALSE)
        GROUP BY ALL ORDER BY ALL
    """,
    "Who changed definitions or rights outside of the change window (Tuesday, 8 to 10 UTC)?": """
        SELECT time, "user", db_service, statement, success
        FROM queries
        WHERE statement_class IN ('ddl', 'dcl')
          AND NOT (dayofweek(time) = 2 AND hour(time) BETWEEN 8 AND 9)
        ORDER BY time
    """,
    "What has a user never run before?": """
        SELECT "user", fingerprint, min(time) AS first_seen, count(*) AS runs
        FROM queries GROUP BY "user", fingerprint, fingerprint_hash ORDER BY first_seen DESC, fingerprint
    """,
    "How many rows were changed each day?": """
        SELECT CAST(time AS DATE) AS day, statement_class, sum(affected_records) AS "rows"
        FROM queries WHERE statement_class IN ('read', 'write') AND affected_records IS NOT NULL
        GROUP BY ALL ORDER BY ALL
    """,
    "Where do errors pile up?": """
        SELECT db_service, count(*) AS statements, round(100 * avg(CAST(NOT success AS INT)), 1) AS failed_percent
        FROM queries WHERE success IS NOT NULL GROUP BY db_service ORDER BY failed_percent DESC, db_service
    """,
    "Which hours are the busiest?": """
        SELECT date_trunc('hour', time) AS hour, count(*) AS statements, count(DISTINCT sid) AS sessions
        FROM queries GROUP BY hour ORDER BY statements DESC, hour LIMIT 5
    """,
    "Which sessions were interrupted, or miss events?": """
        SELECT sid, any_value("user") AS "user", max(time) AS last_seen, coalesce(sum(gap_count), 0) AS lost
        FROM events GROUP BY sid HAVING NOT bool_or(event = 'db.session.end') OR lost > 0 ORDER BY last_seen
    """,
}


def connect(store: str, parquet: str | None) -> duckdb.DuckDBPyConnection:
    """
    Return DuckDB with the tables `queries` and `events`.
    """
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.register("events_as_written", analytics.events(store))
    if parquet is None:
        database.register("queries_as_written", analytics.queries(store))
    else:
        database.read_parquet(f"{parquet}/**/*.parquet").create_view("queries_as_written")
    # times without a zone are shorter to write about; they are all UTC
    plain = "SELECT * REPLACE (time::TIMESTAMPTZ::TIMESTAMP AS time)"
    database.execute(f"CREATE VIEW events AS {plain} FROM events_as_written")
    database.execute(f"CREATE VIEW queries AS {plain} FROM queries_as_written")
    return database


def answer(database: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """
    Print each question with its answer; return the answers.
    """
    answers = {}
    for number, (question, sql) in enumerate(QUESTIONS.items(), 1):
        print(f"{number}. {question}")
        found = database.sql(sql)
        answers[question] = found.fetchall()
        show(found.columns, answers[question])
    return answers


def show(columns: list[str], rows: list[tuple[Any, ...]], *, most: int = 12, widest: int = 60) -> None:
    """
    Print *rows* in columns. What strangers wrote is made safe for the terminal.
    """
    lines = [columns, *([" ".join(safe_text(str(value)).split()) for value in row] for row in rows[:most])]
    widths = [min(max(map(len, column)), widest) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [text[:width].ljust(width) for text, width in zip(line, widths, strict=True)]
        print("  ", " | ".join(cells).rstrip())
    print("   …\n" if len(rows) > most else "")


def main() -> None:
    """
    Ask the store that was named.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="recordings")
    parser.add_argument("--parquet", help="take `queries` from this export")
    parser.add_argument("--self-test", action="store_true", help="use the demo's sessions and check the outcome")
    arguments = parser.parse_args()
    if not arguments.self_test:
        answer(connect(arguments.store, arguments.parquet))
        return
    from recordkit.cli.main import main as recordkit_command

    with tempfile.TemporaryDirectory() as folder:
        recordkit_command(["--store", folder, "demo"])
        answers = list(answer(connect(folder, None)).values())
    denied = "ERROR: permission denied for table products (SQLSTATE 42501)"
    insert = "INSERT INTO products (name, price) VALUES ('Phone', 150.00);"
    expected = [
        ("bob", "shop", "postgres"),
        ("alice", "postgres-database", insert, "42501", denied),
        ("delete from orders where placed < ?", 1, 2500.0, 2500.0),
        ("orders", "bob", "write", 2),
        ("carol", "legacy-crm", "DROP TABLE customers", False),
        ("mallory", "delete from users where name = ?"),
        ("write",),
        ("postgres-database", 2, 50.0),
        (),
        ("73f8a1c4-0d92-4b6e-8e57-c5b2d3964f07", "bob"),
    ]
    for number, (rows, wanted) in enumerate(zip(answers, expected, strict=True), 1):
        if not any(set(wanted) <= set(row) for row in rows):
            raise SystemExit(f"question {number}: expected a row with {wanted}, found {rows}")


if __name__ == "__main__":
    main()
