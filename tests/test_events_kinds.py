import re
from dataclasses import FrozenInstanceError

import pytest

from recordkit.events import CONSTANT_FIELDS, KINDS, FieldType, Role, code_for

# ruff: noqa: SIM905 -- names in the order of the audit log read better as text

# The audit log's table, written out a second time: kind, code, code of a failure, fields of its own.
TABLE = """
db.session.start                            TDB00I   TDB00W
db.session.end                              TDB01I   TDB01I    session_start session_stop participants
db.session.query                            TDB02I   TDB02W    db_query db_query_parameters
db.session.query.failed                     TDB02W   TDB02W    db_query db_query_parameters
db.create                                   TDB03I   TDB03I    name expires updated_by ttl scope
db.update                                   TDB04I   TDB04I    name expires updated_by ttl scope
db.delete                                   TDB05I   TDB05I    name expires updated_by ttl scope
db.session.malformed_packet                 TDB06I   TDB06I    payload
db.session.permissions.update               TDB07I   TDB07I    permission_summary affected_object_counts
db.session.user.create                      TDB08I   TDB08W    username roles
db.session.user.deactivate                  TDB09I   TDB09W    username delete
db.session.result                           TDB10I   TDB10I    affected_records
db.session.postgres.statements.parse        TPG00I   TPG00I    statement_name query
db.session.postgres.statements.bind         TPG01I   TPG01I    statement_name portal_name parameters
db.session.postgres.statements.execute      TPG02I   TPG02I    portal_name
db.session.postgres.statements.close        TPG03I   TPG03I    statement_name portal_name
db.session.postgres.function                TPG04I   TPG04I    function_oid function_args
db.session.mysql.statements.prepare         TMY00I   TMY00I    query
db.session.mysql.statements.execute         TMY01I   TMY01I    statement_id parameters
db.session.mysql.statements.send_long_data  TMY02I   TMY02I    statement_id parameter_id data_size
db.session.mysql.statements.close           TMY03I   TMY03I    statement_id
db.session.mysql.statements.reset           TMY04I   TMY04I    statement_id
db.session.mysql.statements.fetch           TMY05I   TMY05I    statement_id rows_count
db.session.mysql.statements.bulk_execute    TMY06I   TMY06I    statement_id parameters
db.session.mysql.init_db                    TMY07I   TMY07I    schema_name
db.session.mysql.create_db                  TMY08I   TMY08I    schema_name
db.session.mysql.drop_db                    TMY09I   TMY09I    schema_name
db.session.mysql.shut_down                  TMY10I   TMY10I
db.session.mysql.process_kill               TMY11I   TMY11I    process_id
db.session.mysql.debug                      TMY12I   TMY12I
db.session.mysql.refresh                    TMY13I   TMY13I    subcommand
db.session.sqlserver.rpc_request            TMS00I   TMS00I    proc_name parameters
db.session.cassandra.batch                  TCA01I   TCA01I    consistency keyspace batch_type children
db.session.cassandra.prepare                TCA02I   TCA02I    query keyspace
db.session.cassandra.execute                TCA03I   TCA03I    query_id
db.session.cassandra.register               TCA04I   TCA04I    event_types
db.session.elasticsearch.request            TES00I   TES00E    path raw_query method body headers category target query status_code
db.session.opensearch.request               TOS00I   TOS00E    path raw_query method body headers category target query status_code
db.session.dynamodb.request                 TDY01I   TDY01E    status_code path raw_query method target body
db.session.spanner.rpc                      TSPN001I TSPN001W  procedure args
session.upload                              T2005I   T2005I    url
session.recording.access                    T2012I   T2012I    session_type format
print                                       -        -         ci data bytes ms offset
recordkit.gap                               RKG00W   RKG00W    from to count reason
"""  # fmt: skip
ROWS = [line.split() for line in TABLE.strip().splitlines()]
OWN = {name: own for name, _, _, *own in ROWS}

METADATA = "ei event uid code time cluster_name".split()
USER = (
    "user login impersonator aws_role_arn access_requests azure_identity gcp_service_account trusted_device "
    "required_private_key_policy user_kind bot_name bot_instance_id user_origin user_roles user_traits "
    "user_cluster_name scope_pin beam_id bot_scope_of_origin"
).split()
SESSION = "sid with_mfa private_key_policy".split()
SERVER = (
    "namespace server_id server_hostname server_addr server_labels forwarded_by server_sub_kind server_version"
).split()
CONNECTION = ["addr.local", "addr.remote", "proto"]
DATABASE = (
    "db_service db_protocol db_uri db_name db_user db_labels db_aws_region db_aws_redshift_cluster_id "
    "db_gcp_project_id db_gcp_instance_id db_roles db_type db_origin"
).split()
STATUS = ["success", "error", "message"]
MUSD = METADATA + USER + SESSION + DATABASE

# Kinds whose fields are not simply the four common groups and their own.
OTHER_FIELDS = {
    "db.session.start": METADATA + USER + SESSION + SERVER + CONNECTION + STATUS + DATABASE
    + ["postgres_pid", "user_agent", "ca_override"],
    "db.session.end": [*MUSD, "session_start", "session_stop", *CONNECTION, "participants"],
    "db.session.query": MUSD + OWN["db.session.query"] + STATUS,
    "db.session.query.failed": MUSD + OWN["db.session.query"] + STATUS,
    "db.create": METADATA + USER + OWN["db.create"] + DATABASE,
    "db.update": METADATA + USER + OWN["db.update"] + DATABASE,
    "db.delete": METADATA + USER + OWN["db.delete"],
    "db.session.user.create": MUSD + STATUS + OWN["db.session.user.create"],
    "db.session.user.deactivate": MUSD + STATUS + OWN["db.session.user.deactivate"],
    "db.session.result": [*MUSD, *STATUS, "affected_records", "columns", "rows", "rows_truncated"],
    "db.session.spanner.rpc": MUSD + STATUS + OWN["db.session.spanner.rpc"],
    "session.upload": [*METADATA, *SESSION, "url"],
    "session.recording.access": [*METADATA, "sid", *USER, "session_type", "format"],
    "print": METADATA + OWN["print"],
}  # fmt: skip

QUERIES = {
    "db.session.query", "db.session.query.failed",
    "db.session.postgres.statements.execute", "db.session.postgres.function",
    "db.session.mysql.statements.execute", "db.session.mysql.statements.bulk_execute", "db.session.mysql.init_db",
    "db.session.mysql.create_db", "db.session.mysql.drop_db", "db.session.mysql.shut_down",
    "db.session.mysql.process_kill", "db.session.mysql.debug", "db.session.mysql.refresh",
    "db.session.sqlserver.rpc_request", "db.session.cassandra.batch", "db.session.cassandra.execute",
    "db.session.elasticsearch.request", "db.session.opensearch.request", "db.session.dynamodb.request",
    "db.session.spanner.rpc",
}  # fmt: skip


def test_the_table_has_exactly_the_kinds_of_the_audit_log():
    """All kinds of the audit log are known, and no others but the gap."""
    assert set(KINDS) == {row[0] for row in ROWS}
    assert all(kind.name == name for name, kind in KINDS.items())


@pytest.mark.parametrize(("name", "code", "failed_code"), [row[:3] for row in ROWS])
def test_each_kind_has_its_two_codes(name, code, failed_code):
    """A kind has the audit log's code, and its code of a failure where there is one."""
    kind = KINDS[name]
    assert (kind.code or "-", kind.failed_code or "-") == (code, failed_code)
    assert code_for(name, success=True) == (None if code == "-" else code)
    assert code_for(name, success=False) == (None if code == "-" else failed_code)


@pytest.mark.parametrize("name", list(OWN))
def test_each_kind_has_the_fields_of_the_audit_log_in_its_order(name):
    """A kind's known fields are those that the audit log writes, in the order in which it writes them."""
    assert list(KINDS[name].fields) == OTHER_FIELDS.get(name, MUSD + OWN[name])


def test_a_kind_that_nobody_knows_has_no_code():
    """An unknown kind is no error: it has no code."""
    assert code_for("db.session.invented", success=True) is None
    assert code_for("", success=False) is None


def test_one_code_names_one_kind_but_for_the_failed_query():
    """A code that means success belongs to one kind, and a failure's code to no other kind than the failed query."""
    seen: dict[str, str] = {}
    for kind in KINDS.values():
        for code in {kind.code, kind.failed_code} - {""}:
            if code != "TDB02W":
                assert seen.setdefault(code, kind.name) == kind.name
            assert re.fullmatch(r"T[A-Z]{0,3}\d{2,4}[IWE]|RKG00W", code)


def test_protocols_are_those_of_the_kinds_names():
    """A kind belongs to the protocol that its name holds, and to all where it holds none."""
    for name, kind in KINDS.items():
        found = re.match(
            r"db\.session\.(postgres|mysql|sqlserver|cassandra|elasticsearch|opensearch|dynamodb|spanner)\.", name
        )
        assert kind.protocol == (found[1] if found else ""), name


def test_roles_say_what_counts_as_a_statement():
    """A summary counts as statements what a person or program had the database do, not its preparation."""
    assert {name for name, kind in KINDS.items() if kind.role is Role.QUERY} == QUERIES
    assert {name: kind.role for name, kind in KINDS.items() if kind.role not in {Role.QUERY, Role.OTHER}} == {
        "db.session.start": Role.START,
        "db.session.end": Role.END,
        "db.session.result": Role.RESULT,
        "recordkit.gap": Role.GAP,
    }


def test_a_field_has_one_type_wherever_it_stands():
    """The same field name has the same type in all kinds, so that one column can hold it; only bodies differ."""
    types: dict[str, set[FieldType]] = {}
    for kind in KINDS.values():
        for name, kind_of_field in kind.fields.items():
            types.setdefault(name, set()).add(kind_of_field)
    assert {name: found for name, found in types.items() if len(found) > 1} == {
        "body": {FieldType.BYTES, FieldType.JSON}
    }


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("ei", FieldType.INTEGER), ("affected_records", FieldType.INTEGER), ("status_code", FieldType.INTEGER),
        ("user_kind", FieldType.INTEGER), ("function_oid", FieldType.INTEGER), ("postgres_pid", FieldType.INTEGER),
        ("success", FieldType.BOOLEAN), ("delete", FieldType.BOOLEAN), ("rows_truncated", FieldType.BOOLEAN),
        ("time", FieldType.TIME), ("session_start", FieldType.TIME), ("expires", FieldType.TIME),
        ("db_query", FieldType.TEXT), ("uid", FieldType.TEXT), ("query_id", FieldType.TEXT),
        ("db_labels", FieldType.TEXT_MAP), ("server_labels", FieldType.TEXT_MAP),
        ("db_roles", FieldType.TEXT_LIST), ("participants", FieldType.TEXT_LIST), ("access_requests", FieldType.TEXT_LIST),
        ("payload", FieldType.BYTES), ("data", FieldType.BYTES),
        ("db_query_parameters", FieldType.JSON), ("headers", FieldType.JSON), ("user_traits", FieldType.JSON),
    ],
)  # fmt: skip
def test_known_fields_have_the_json_type_of_the_audit_log(field, expected):
    """Numbers, times, lists, maps and base64 are told apart, as validation and export need."""
    assert {kind.fields[field] for kind in KINDS.values() if field in kind.fields} == {expected}


def test_the_table_can_not_be_changed():
    """Neither the table nor a kind nor its fields can be changed by whoever imports them."""
    kind = KINDS["db.session.query"]
    with pytest.raises(TypeError):
        KINDS["x"] = kind
    with pytest.raises(TypeError):
        kind.fields["x"] = FieldType.TEXT
    with pytest.raises(FrozenInstanceError):
        kind.code = "x"


def test_constant_fields_are_the_sessions_own_each_once_and_in_order():
    """A line begins with the sid and then what describes cluster, user, server, connection and database, each once."""
    varying = {"ei", "event", "uid", "code", "time", "sid"}
    expected = ["sid"] + [
        name
        for name in METADATA + USER + SESSION + SERVER + CONNECTION + ["user_agent"] + DATABASE
        if name not in varying
    ]
    assert list(CONSTANT_FIELDS) == expected
    assert len(set(CONSTANT_FIELDS)) == len(CONSTANT_FIELDS)
