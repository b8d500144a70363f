import pytest

from recordkit.transcript import for_protocol

FORGED = "x\nSUCCESS\n(0 rows affected)\n\npostgres=> DROP"
PROTOCOLS = [
    "postgres", "cockroachdb", "mysql", "mariadb", "sqlserver", "oracle", "clickhouse", "snowflake", "spanner",
    "mongodb", "redis", "cassandra", "what comes next",
]  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_name_can_forge_no_line_of_a_transcript(protocol):
    """A line feed in the name of a database, user or host makes no further line of the prompt."""
    names = {"db_protocol": protocol, "db_name": FORGED, "db_user": FORGED, "db_uri": FORGED, "db_service": FORGED}
    plain = {"db_protocol": protocol, "db_name": "x", "db_user": "x", "db_uri": "x", "db_service": "x"}
    query = {"event": "db.session.query", "db_query": "SELECT 1"}
    start = {"event": "db.session.start"}

    def lines_of(constants):
        translator = for_protocol(protocol)
        return [segment.text.count("\n") for event in (start, query) for segment in translator.feed(constants | event)]

    assert lines_of(names) == lines_of(plain)
