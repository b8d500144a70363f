"""
The night after the evening of `recordkit.cli.demo_sessions`: one session for each way a transcript can look.
"""

import base64
import hashlib
import json
from typing import Final

from recordkit.cli.demo_steps import DemoSession, Step, emit, query, result, rows

_FIND_CARD: Final = "SELECT token FROM cards WHERE customer = ?"
_ADD_PAYMENT: Final = "INSERT INTO payments (id, customer, cents) VALUES (?, ?, ?)"


def _command(**fields: object) -> Step:
    return query(json.dumps({name.replace("__", "$"): value for name, value in fields.items()}))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _body(content: object) -> str:
    return _base64(json.dumps(content).encode())


_POSTGRES: Final = DemoSession(
    sid="0b6d3c1e-9f52-4a7d-8e21-4c7a9d5b3e11",
    start="2026-07-20T22:00:00Z",
    user="alice",
    db_service="shop",
    db_protocol="postgres",
    db_name="shop",
    db_user="alice",
    steps=(
        (0.1, emit("user.create", username="alice", roles=["reader", "support"], success=True)),
        (
            0.2,
            emit(
                "permissions.update",
                permission_summary=[{"permission": "SELECT", "counts": {"table": 12, "view": 3}}],
                affected_object_counts={"table": 12, "view": 3},
            ),
        ),
        (8.0, query("SELECT id, name, price, note\nFROM products\nORDER BY price DESC LIMIT 4;")),
        (
            8.031,
            rows(
                {"id": "int4", "name": "text", "price": "numeric", "note": "text"},
                ["17", "Stehlampe", "249.00", None],
                ["3", "紙燈籠", "89.50", "fragile"],
                ["21", "Café table", "75.00", "two parts:\nplate, foot"],
                ["5", "Bulb", "4.20", None],
                rows_truncated=True,
                affected_records=48,
            ),
        ),
        (30.0, emit("postgres.function", function_oid=1598, function_args=[])),
        (30.1, result(1)),
        (42.0, query("SELECT pg_sleep(12), count(*) FROM orders;")),
        (54.2, rows({"pg_sleep": "void", "count": "int8"}, ["", "90125"])),
        (80.0, emit("malformed_packet", payload=_base64(b"Q\x00\x00\x00\x04GET / HTTP/1.1\r\n"))),
        (81.0, emit("user.deactivate", username="alice", delete=False, success=True)),
    ),
    end_s=82.0,
)

_COCKROACHDB: Final = DemoSession(
    sid="1c5e7a20-6b48-4d39-9f10-5d8b2e4c7f12",
    start="2026-07-20T22:05:00Z",
    user="bob",
    db_service="ledger-eu",
    db_protocol="cockroachdb",
    db_name="bank",
    db_user="root",
    steps=(
        (2.0, query("UPDATE accounts SET balance = balance - 100 WHERE id = 1")),
        (2.04, result(1)),
        (
            9.0,
            query("UPDATE accounts SET balance = balance + 100 WHERE id = 2"),
        ),
        (9.5, result(success=False, error="ERROR: restart transaction: RETRY_WRITE_TOO_OLD (SQLSTATE 40001)")),
    ),
    end_s=12.0,
)

_MYSQL: Final = DemoSession(
    sid="2d4f8b31-7c59-4e4a-8a21-6e9c3f5d8a13",
    start="2026-07-20T22:10:00Z",
    user="carol",
    db_service="legacy-crm",
    db_protocol="mysql",
    db_name="crm",
    db_user="carol",
    steps=(
        (0.5, emit("mysql.init_db", schema_name="crm")),
        (0.502, result(0)),
        (6.0, query("SELECT id, email, country\n  FROM customers\n WHERE country = 'DE'\n LIMIT 3")),
        (
            6.021,
            rows(
                {"id": "INT", "email": "VARCHAR(255)", "country": "CHAR(2)"},
                ["42", "jo@example.com", "DE"],
                ["77", "mü@example.com", "DE"],
                ["108", None, "DE"],
            ),
        ),
        (25.0, emit("mysql.statements.prepare", query="UPDATE customers SET email = ? WHERE id = ?")),
        (25.2, emit("mysql.statements.execute", statement_id=1, parameters=["jo@example.org", "42"])),
        (25.22, result(1)),
        (31.0, emit("mysql.statements.execute", statement_id=1, parameters=[None, "O'Brien"])),
        (31.01, result(success=False, error="ERROR 1292 (22007): Truncated incorrect DOUBLE value: 'O'Brien'")),
        (32.0, emit("mysql.statements.close", statement_id=1)),
        (50.0, emit("mysql.process_kill", process_id=4711)),
        (50.01, result(0)),
    ),
    end_s=55.0,
)

_SQLSERVER: Final = DemoSession(
    sid="3e5a9c42-8d6a-4f5b-9b32-7fad406e9b14",
    start="2026-07-20T22:15:00Z",
    user="dave",
    db_service="finance",
    db_protocol="sqlserver",
    db_type="azure",
    db_name="ledger",
    db_user="dave@example.com",
    steps=(
        (2.0, query("SELECT TOP 2 Id, Customer, Total\n  FROM dbo.Invoices\n WHERE Paid = 0")),
        (
            2.2,
            rows(
                {"Id": "int", "Customer": "nvarchar", "Total": "money"},
                ["1009", "Müller GmbH", "1204.5000"],
                ["1011", None, "88.0000"],
            ),
        ),
        (
            8.0,
            emit("sqlserver.rpc_request", proc_name="dbo.MarkPaid", parameters=["1009", "2026-07-20", "O'Brien"]),
        ),
        (8.1, result(1)),
        (15.0, query("SELECT * FROM dbo.Invoces")),
        (15.1, result(success=False, error="mssql: Invalid object name 'dbo.Invoces'.")),
    ),
    end_s=20.0,
)

_MONGODB: Final = DemoSession(
    sid="4f6bad53-9e7b-4a6c-8c43-80be517fac15",
    start="2026-07-20T22:20:00Z",
    user="alice",
    db_service="catalogue",
    db_protocol="mongodb",
    db_name="shop",
    db_user="alice",
    steps=(
        (0.5, _command(find="products", filter={"price": {"$gt": {"$numberInt": "100"}}}, limit=2, __db="shop")),
        (
            0.52,
            rows(
                {"document": "document"},
                [{"_id": {"$oid": "5f8f8c44b54764421b7156c5"}, "name": "Stehlampe", "price": 249}],
                [{"_id": {"$oid": "5f8f8c44b54764421b7156d0"}, "name": "紙燈籠", "tags": ["paper", "new"]}],
            ),
        ),
        (
            12.0,
            _command(
                aggregate="orders",
                pipeline=[
                    {"$match": {"status": "open", "placed": {"$gte": {"$date": "2026-07-01T00:00:00Z"}}}},
                    {"$group": {"_id": "$customer", "total": {"$sum": "$total"}}},
                    {"$sort": {"total": -1}},
                ],
                cursor={},
                __db="shop",
            ),
        ),
        (13.9, result(12)),
        (20.0, _command(delete="sessions", deletes=[{"q": {}, "limit": 0}], __db="shop")),
        (20.1, result(success=False, error='not authorized on shop to execute command { delete: "sessions" }')),
    ),
    end_s=30.0,
)

_REDIS: Final = DemoSession(
    sid="507cbe64-af8c-4b7d-9d54-91cf6280bd16",
    start="2026-07-20T22:25:00Z",
    user="ops-bot",
    db_service="cache",
    db_protocol="redis",
    db_user="default",
    steps=(
        (0.1, query("INCR visits")),
        (0.101, result(90125)),
        (1.0, query("SELECT 3")),
        (1.001, result()),
        (1.5, query("LRANGE queue 0 -1")),
        (1.502, rows({"value": "bulk"}, ["job-1"], ["job-2"])),
        (2.0, query("GET lock")),
        (2.001, rows({"value": "bulk"}, [None])),
        (3.0, query("LPUSH visits x")),
        (3.001, result(success=False, error="WRONGTYPE Operation against a key holding the wrong kind of value")),
    ),
    end_s=4.0,
)

_CASSANDRA: Final = DemoSession(
    sid="618dcf75-b09d-4c8e-8e65-a2d07391ce17",
    start="2026-07-20T22:30:00Z",
    user="erin",
    db_service="payments",
    db_protocol="cassandra",
    db_name="pay",
    db_user="erin",
    steps=(
        (0.1, emit("cassandra.register", event_types=["SCHEMA_CHANGE"])),
        (4.0, query("SELECT customer, cents, at FROM payments LIMIT 2")),
        (
            4.02,
            rows(
                {"customer": "text", "cents": "int", "at": "timestamp"},
                ["jo", "1999", "2026-07-19 09:12:00+0000"],
                ["mü", "250", None],
            ),
        ),
        (6.0, emit("cassandra.prepare", query=_FIND_CARD, keyspace="pay")),
        (
            6.1,
            emit(
                "cassandra.execute",
                query_id=hashlib.md5(f"pay{_FIND_CARD}".encode(), usedforsecurity=False).hexdigest(),
            ),
        ),
        (6.12, rows({"token": "blob"}, ["0x1f8b"])),
        (
            9.0,
            emit(
                "cassandra.batch",
                batch_type="LOGGED",
                consistency="QUORUM",
                keyspace="pay",
                children=[
                    {
                        "query": _ADD_PAYMENT,
                        "values": [
                            {"type": 12, "contents": _base64(bytes(range(16)))},
                            {"contents": _base64(b"jo")},
                            {"type": 9, "contents": _base64((1999).to_bytes(4, "big"))},
                        ],
                    },
                    {"query": "UPDATE totals SET cents = 1999 WHERE customer = 'jo'"},
                ],
            ),
        ),
        (9.05, result()),
        (11.0, query("SELECT * FROM cards")),
        (
            11.01,
            result(
                success=False,
                error='Unauthorized: Error from server: code=2100 [Unauthorized] message="User erin has no SELECT '
                'permission on <table pay.cards> or any of its parents"',
            ),
        ),
    ),
    end_s=15.0,
)

_ELASTICSEARCH: Final = DemoSession(
    sid="729ed086-c1ae-4d9f-9f76-b3e184a2df18",
    start="2026-07-20T22:35:00Z",
    user="frank",
    db_service="search",
    db_protocol="elasticsearch",
    db_user="elastic",
    steps=(
        (
            1.0,
            emit(
                "elasticsearch.request",
                method="POST",
                path="/orders/_search",
                raw_query="size=3",
                body=_body({"query": {"bool": {"filter": [{"term": {"status": "open"}}]}}}),
                category=2,
                target="orders",
                status_code=200,
            ),
        ),
        (
            9.0,
            emit(
                "elasticsearch.request",
                method="DELETE",
                path="/orders",
                raw_query="",
                body="",
                category=0,
                target="orders",
                status_code=403,
            ),
        ),
    ),
    end_s=10.0,
)

_DYNAMODB: Final = DemoSession(
    sid="83afe197-d2bf-4ea0-8087-c4f295b3e019",
    start="2026-07-20T22:40:00Z",
    user="grace",
    db_service="baskets",
    db_protocol="dynamodb",
    db_type="dynamodb",
    db_user="basket-reader",
    steps=(
        (
            0.3,
            emit(
                "dynamodb.request",
                method="POST",
                path="/",
                raw_query="",
                target="DynamoDB_20120810.GetItem",
                body={"TableName": "baskets", "Key": {"id": {"S": "b-77"}}},
                status_code=200,
            ),
        ),
        (
            5.0,
            emit(
                "dynamodb.request",
                method="POST",
                path="/",
                raw_query="",
                target="DynamoDB_20120810.DeleteTable",
                body={"TableName": "baskets"},
                status_code=400,
            ),
        ),
    ),
    end_s=6.0,
)

_SPANNER: Final = DemoSession(
    sid="94b0f2a8-e3c0-4fb1-9198-d503a6c4f11a",
    start="2026-07-20T22:45:00Z",
    user="heidi",
    db_service="singers",
    db_protocol="spanner",
    db_type="spanner",
    db_name="music",
    db_user="singer-admin",
    steps=(
        (
            1.0,
            emit(
                "spanner.rpc",
                procedure="/google.spanner.v1.Spanner/ExecuteStreamingSql",
                args={
                    "session": "projects/p/instances/i/databases/music/sessions/s",
                    "sql": "SELECT SingerId, Name\nFROM Singers WHERE SingerId = @id",
                    "params": {"id": "7"},
                },
                success=True,
            ),
        ),
        (1.012, rows({"SingerId": "INT64", "Name": "STRING"}, ["7", "Marc"])),
        (
            6.0,
            emit(
                "spanner.rpc",
                procedure="/google.spanner.v1.Spanner/Commit",
                args={"session": "projects/p/instances/i/databases/music/sessions/s", "transactionId": "AAE="},
                success=False,
                error='rpc error: code = PermissionDenied desc = "access denied"',
            ),
        ),
    ),
    end_s=7.0,
)

_CLICKHOUSE: Final = DemoSession(
    sid="a5c103b9-f4d1-4ac2-82a9-e614b7d5021b",
    start="2026-07-20T22:50:00Z",
    user="ivan",
    db_service="analytics",
    db_protocol="clickhouse",
    db_name="default",
    db_user="ivan",
    steps=(
        (2.0, query("SELECT country, uniq(user) AS users\nFROM visits\nGROUP BY country ORDER BY users DESC LIMIT 3")),
        (
            3.204,
            rows(
                {"country": "LowCardinality(String)", "users": "UInt64"},
                ["DE", "18204"],
                ["日本", "9311"],
                [None, "87"],
            ),
        ),
        (9.0, query("ALTER TABLE visits DELETE WHERE 1")),
        (
            9.01,
            result(success=False, error="Code: 497. DB::Exception: ivan: Not enough privileges. (ACCESS_DENIED)"),
        ),
    ),
    end_s=12.0,
)

_ORACLE: Final = DemoSession(
    sid="b6d214ca-05e2-4bd3-93ba-f725c8e6131c",
    start="2026-07-20T22:55:00Z",
    user="judy",
    db_service="hr",
    db_protocol="oracle",
    db_name="ORCLPDB1",
    db_user="judy",
    steps=(
        (3.0, query("SELECT empno, ename, sal\n  FROM emp\n WHERE deptno = 10")),
        (
            3.02,
            rows(
                {"EMPNO": "NUMBER", "ENAME": "VARCHAR2", "SAL": "NUMBER"},
                ["7782", "CLARK", "2450"],
                ["7839", "KING", "5000"],
                ["7934", "MILLER", None],
            ),
        ),
        (12.0, query("UPDATE emp SET sal = sal * 1.1 WHERE deptno = 10")),
        (12.04, result(3)),
        (14.0, query("COMMIT")),
        (14.01, result()),
        (20.0, query("SELECT * FROM sys.user$")),
        (20.01, result(success=False, error="ORA-00942: table or view does not exist")),
    ),
    end_s=25.0,
)

_SNOWFLAKE: Final = DemoSession(
    sid="c7e325db-16f3-4ce4-84cb-0836d9f7241d",
    start="2026-07-20T23:00:00Z",
    user="alice",
    db_service="warehouse",
    db_protocol="snowflake",
    db_name="SALES",
    db_user="ALICE",
    steps=(
        (1.0, query("USE WAREHOUSE load_wh")),
        (1.2, result()),
        (2.0, query("USE SCHEMA sales.public")),
        (2.2, result()),
        (8.0, query("SELECT region, SUM(total) AS total\nFROM orders GROUP BY region")),
        (9.5, rows({"REGION": "TEXT", "TOTAL": "NUMBER"}, ["EU", "120450.10"], [None, "7.00"])),
        (20.0, query("DROP TABLE orders")),
        (
            20.3,
            result(
                success=False,
                error="003001 (42501): SQL access control error:\nInsufficient privileges on table 'ORDERS'.",
            ),
        ),
    ),
    end_s=21.0,
)

NIGHT: Final = (
    _POSTGRES, _COCKROACHDB, _MYSQL, _SQLSERVER, _MONGODB, _REDIS, _CASSANDRA, _ELASTICSEARCH, _DYNAMODB,
    _SPANNER, _CLICKHOUSE, _ORACLE, _SNOWFLAKE,
)  # fmt: skip
