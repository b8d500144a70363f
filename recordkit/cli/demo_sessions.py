"""
The sessions that `recordkit demo` records: one evening of a small company, and the night after.
"""

from typing import Final

from recordkit.cli.demo_night import NIGHT
from recordkit.cli.demo_steps import DemoSession, emit, query, result

_POSTGRES: Final = DemoSession(
    sid="307b49d6-56c7-4d20-8cf0-5bc5348a7101",
    start="2026-07-20T20:00:00Z",
    user="alice",
    db_service="postgres-database",
    db_protocol="postgres",
    db_name="postgres",
    db_user="alice",
    steps=(
        (12.5, query("SELECT * FROM products;")),
        (12.512, result(10)),
        (95.0, query("INSERT INTO products (name, price) VALUES ('Phone', 150.00);")),
        (95.003, result(success=False, error="ERROR: permission denied for table products (SQLSTATE 42501)")),
    ),
    end_s=1800.0,
)

_PREPARED: Final = DemoSession(
    sid="8f0c2b17-5d0e-4b57-9a3c-6f1e2d4a9b02",
    start="2026-07-20T20:05:00Z",
    user="bob",
    db_service="shop",
    db_protocol="postgres",
    db_name="shop",
    db_user="app",
    steps=(
        (
            0.2,
            emit(
                "postgres.statements.parse",
                statement_name="find_order",
                query="SELECT o.id, o.total\nFROM orders o\nWHERE o.customer = $1 AND o.placed > $2",
            ),
        ),
        (
            0.21,
            emit(
                "postgres.statements.bind",
                statement_name="find_order",
                portal_name="",
                parameters=["4711", "2026-07-01"],
            ),
        ),
        (0.22, emit("postgres.statements.execute", portal_name="")),
        (0.24, result(3)),
        (
            4.0,
            emit(
                "postgres.statements.bind",
                statement_name="find_order",
                portal_name="",
                parameters=["O'Brien", "2026-07-01"],
            ),
        ),
        (4.01, emit("postgres.statements.execute", portal_name="")),
        (
            4.02,
            result(success=False, error='ERROR: invalid input syntax for type integer: "O\'Brien" (SQLSTATE 22P02)'),
        ),
        (9.0, query("UPDATE orders SET shipped = now() WHERE id = 90125;")),
        (9.1, result(1)),
        (9.5, emit("postgres.statements.close", statement_name="find_order", portal_name="")),
    ),
    end_s=10.0,
)

_MYSQL: Final = DemoSession(
    sid="c41d7a90-2e6b-4f3a-8b1d-0a9c5e7f3303",
    start="2026-07-20T20:10:00Z",
    user="carol",
    db_service="legacy-crm",
    db_protocol="mysql",
    db_name="crm",
    db_user="carol",
    steps=(
        (1.0, emit("mysql.init_db", schema_name="crm")),
        (5.5, query("SELECT id, email FROM customers\n WHERE country = 'DE'\n LIMIT 20")),
        (31.0, emit("mysql.statements.prepare", query="UPDATE customers SET email = ? WHERE id = ?")),
        (31.2, emit("mysql.statements.execute", statement_id=1, parameters=["jo@example.com", "42"])),
        (
            60.0,
            query(
                "DROP TABLE customers",
                success=False,
                error="access to database denied",
                message="carol may not drop tables",
            ),
        ),
        (61.0, emit("mysql.statements.close", statement_id=1)),
    ),
    end_s=62.0,
)

_MONGODB: Final = DemoSession(
    sid="5be9e0d3-91f4-4c60-a7d2-3c8b6f4e1d04",
    start="2026-07-20T20:20:00Z",
    user="alice",
    db_service="catalogue",
    db_protocol="mongodb",
    db_name="shop",
    db_user="alice",
    steps=(
        (
            0.5,
            query('{"find": "products","filter": {"price": {"$gt": {"$numberInt":"100"}}},"limit": 5,"$db": "shop"}'),
        ),
        (
            20.0,
            query(
                '{"update": "products","updates": [{"q": {"sku": "A-1"},"u": {"$set": {"stock": 0}}}],"$db": "shop"}'
            ),
        ),
    ),
    end_s=45.0,
)

_REDIS: Final = DemoSession(
    sid="e2a6c5f8-7b3d-4e19-9c04-d1f0a8b79605",
    start="2026-07-20T20:25:00Z",
    user="ops-bot",
    db_service="cache",
    db_protocol="redis",
    db_user="default",
    steps=(
        (0.1, query("SET session:42 active EX 3600")),
        (0.2, query("KEYS session:*")),
        (
            0.9,
            query("FLUSHALL", success=False, error="NOPERM this user has no permissions to run the 'flushall' command"),
        ),
    ),
    end_s=1.0,
)

_SQLSERVER: Final = DemoSession(
    sid="19d4f7b2-a05c-4d88-b6e3-72c1e90f5a06",
    start="2026-07-20T20:30:00Z",
    user="dave",
    db_service="finance",
    db_protocol="sqlserver",
    db_type="azure",
    db_name="ledger",
    db_user="dave@example.com",
    steps=(
        (2.0, query("SELECT TOP 10 * FROM dbo.Invoices WHERE Paid = 0")),
        (
            8.0,
            emit(
                "sqlserver.rpc_request",
                proc_name="sp_executesql",
                parameters=["UPDATE dbo.Invoices SET Paid = 1 WHERE Id = @id", "@id int", "1009"],
            ),
        ),
    ),
    end_s=40.0,
)

_INTERRUPTED: Final = DemoSession(
    sid="73f8a1c4-0d92-4b6e-8e57-c5b2d3964f07",
    start="2026-07-20T21:00:00Z",
    user="bob",
    db_service="shop",
    db_protocol="postgres",
    db_name="shop",
    db_user="bob",
    steps=(
        (3.0, query("BEGIN;")),
        (3.01, result(0)),
        (15.0, query("DELETE FROM orders WHERE placed < '2020-01-01';")),
        (17.5, result(48211)),
    ),
    end_s=None,
)

_HOSTILE: Final = DemoSession(
    sid="bd05e6a9-4c7f-4a12-93d8-e86b0f1c2a08",
    start="2026-07-20T21:30:00Z",
    user="mallory",
    db_service="shop",
    db_protocol="postgres",
    db_name="shop",
    db_user="mallory",
    steps=(
        # clear the screen, set the window's title, write the clipboard: all shown when it is played, never sent
        (1.0, query("SELECT 'nothing to see'; -- \x1b[2J\x1b[H\x1b]0;all is well\x07\x1b]52;c;cm0gLXJmIH4=\x07")),
        (1.1, result(1)),
        # what is read here is not what runs: text that is displayed from right to left
        (5.0, query("DELETE FROM users WHERE name = 'x\u202e\u2066' -- only one row \u2069\u2066' OR true --\u2069")),
        (5.2, result(success=False, error="ERROR: permission denied for table users (SQLSTATE 42501)")),
    ),
    end_s=6.0,
)

EVENING: Final = (_POSTGRES, _PREPARED, _MYSQL, _MONGODB, _REDIS, _SQLSERVER, _INTERRUPTED, _HOSTILE)

SESSIONS: Final = EVENING + NIGHT
