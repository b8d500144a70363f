"""
The columns of the table `queries`: one row a statement as the person meant it, with its result joined on.
"""

from typing import Final

from recordkit.analytics.schema import Column, ColumnType

_T = ColumnType

SESSION_FIELDS: Final = (
    "sid", "cluster_name", "user", "db_service", "db_protocol", "db_type", "db_name", "db_user",
)  # fmt: skip
"""Fields that say whose statement it is and where it went, as the statement's own event has them."""

_SESSION_MEANINGS: Final = {
    "sid": "UUID of the session",
    "cluster_name": "Teleport cluster",
    "user": "Who ran it: name of the person or bot",
    "db_service": "Name of the database service",
    "db_protocol": "postgres, mysql, mongodb, …",
    "db_type": "How the database is hosted, as rds or self-hosted",
    "db_name": "Database within the service, as of this statement",
    "db_user": "User within the database",
}

QUERIES: Final[tuple[Column, ...]] = (
    Column(name="time", type=_T.TIME, source="time", meaning="When the statement was sent: the start of `duration_ns`"),
    Column(name="sid", type=_T.CATEGORY, source="sid", meaning=_SESSION_MEANINGS["sid"]),
    Column(name="ei", type=_T.INTEGER, source="ei", meaning="Place of the statement's event within the session"),
    Column(name="result_ei", type=_T.INTEGER, source="ei", meaning="Place of its result's event; null without one"),
    Column(name="uid", type=_T.TEXT, source="uid", meaning="UUID of the statement's event"),
    Column(name="event", type=_T.CATEGORY, source="event", meaning="Kind of the statement's event"),
    *(
        Column(name=name, type=_T.CATEGORY, source=name, meaning=_SESSION_MEANINGS[name])
        for name in SESSION_FIELDS
        if name != "sid"
    ),
    Column(
        name="statement",
        type=_T.TEXT,
        meaning="What was run: SQL with prepared statements resolved, a command, a request; null if it is not known",
    ),
    Column(
        name="parameters",
        type=_T.TEXT_LIST,
        meaning="Its parameters; null in it is SQL's NULL, what is no text is JSON; null if it has none",
    ),
    Column(
        name="prepared_name",
        type=_T.TEXT,
        meaning="Name or id of the prepared statement that was executed, empty for PostgreSQL's unnamed one; else null",
    ),
    Column(
        name="resolved",
        type=_T.BOOLEAN,
        nullable=False,
        meaning="False if a prepared statement's text was not recorded, or a gap since leaves it in doubt; else true",
    ),
    Column(
        name="success",
        type=_T.BOOLEAN,
        source="success",
        meaning="Whether it went well, by its result or by itself; null if that was not recorded",
    ),
    Column(name="error", type=_T.TEXT, source="error", meaning="Why it failed"),
    Column(name="message", type=_T.TEXT, source="message", meaning="What the user was told"),
    Column(name="sqlstate", type=_T.CATEGORY, meaning="SQLSTATE out of the error, five characters"),
    Column(
        name="affected_records",
        type=_T.INTEGER,
        unit="rows",
        source="affected_records",
        meaning="Rows that it returned or changed, by its result",
    ),
    Column(
        name="duration_ns",
        type=_T.INTEGER,
        unit="ns",
        meaning="Time of its result less its own; below zero only where a clock was set back",
    ),
    Column(
        name="statement_class",
        type=_T.CATEGORY,
        nullable=False,
        meaning="The strongest of read, write, ddl, dcl, transaction, utility, unknown that the text has",
    ),
    Column(name="fingerprint", type=_T.CATEGORY, meaning="The statement without its literals, in its common form"),
    Column(name="fingerprint_hash", type=_T.INTEGER, meaning="64-bit hash of `fingerprint`, the same for ever"),
    Column(name="tables", type=_T.TEXT_LIST, meaning="Tables that the statement names, sorted; null if not known"),
    Column(
        name="tables_written",
        type=_T.TEXT_LIST,
        meaning="Those whose rows or definition it changes, sorted; null if not known",
    ),
)
"""The table `queries`: one row a statement."""
