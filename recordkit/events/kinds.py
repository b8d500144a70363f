"""
Every database event of the audit log: kind, code, fields.

One table, read by the recorder (which code belongs to an event), by validation (what type a known
field has) and by export (which columns exist). Kinds and fields that are not in it are no error:
they are kept as they come.

Codes end in ``I`` for what went well and in ``W`` or ``E`` for what failed. Only a failed query also
changes its kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """
    What an event means to a session's summary and to playback.
    """

    START = "start"
    END = "end"
    QUERY = "query"
    """A person's or program's statement, answered by at most one result."""
    RESULT = "result"
    GAP = "gap"
    OTHER = "other"


class FieldType(StrEnum):
    """
    JSON types of known fields.
    """

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TIME = "time"
    """RFC 3339 text."""
    BYTES = "bytes"
    """Base64 text."""
    TEXT_LIST = "list of text"
    TEXT_MAP = "map of text"
    JSON = "any JSON value"


_T, _I, _B, _J = FieldType.TEXT, FieldType.INTEGER, FieldType.BOOLEAN, FieldType.JSON
_L, _M, _TIME, _BYTES = FieldType.TEXT_LIST, FieldType.TEXT_MAP, FieldType.TIME, FieldType.BYTES

_Fields = dict[str, FieldType]

METADATA: Final[_Fields] = {"ei": _I, "event": _T, "uid": _T, "code": _T, "time": _TIME, "cluster_name": _T}
USER: Final[_Fields] = {
    "user": _T, "login": _T, "impersonator": _T, "aws_role_arn": _T, "access_requests": _L, "azure_identity": _T,
    "gcp_service_account": _T, "trusted_device": _J, "required_private_key_policy": _T, "user_kind": _I,
    "bot_name": _T, "bot_instance_id": _T, "user_origin": _I, "user_roles": _L, "user_traits": _J,
    "user_cluster_name": _T, "scope_pin": _J, "beam_id": _T, "bot_scope_of_origin": _T,
}  # fmt: skip
SESSION: Final[_Fields] = {"sid": _T, "with_mfa": _T, "private_key_policy": _T}
SERVER: Final[_Fields] = {
    "namespace": _T, "server_id": _T, "server_hostname": _T, "server_addr": _T, "server_labels": _M,
    "forwarded_by": _T, "server_sub_kind": _T, "server_version": _T,
}  # fmt: skip
CONNECTION: Final[_Fields] = {"addr.local": _T, "addr.remote": _T, "proto": _T}
CLIENT: Final[_Fields] = {"user_agent": _T}
DATABASE: Final[_Fields] = {
    "db_service": _T, "db_protocol": _T, "db_uri": _T, "db_name": _T, "db_user": _T, "db_labels": _M,
    "db_aws_region": _T, "db_aws_redshift_cluster_id": _T, "db_gcp_project_id": _T, "db_gcp_instance_id": _T,
    "db_roles": _L, "db_type": _T, "db_origin": _T,
}  # fmt: skip
STATUS: Final[_Fields] = {"success": _B, "error": _T, "message": _T}
RESOURCE: Final[_Fields] = {"name": _T, "expires": _TIME, "updated_by": _T, "ttl": _T, "scope": _T}

_MUSD: Final[_Fields] = METADATA | USER | SESSION | DATABASE
_HTTP: Final[_Fields] = {
    "path": _T, "raw_query": _T, "method": _T, "body": _BYTES, "headers": _J, "category": _I, "target": _T,
    "query": _T, "status_code": _I,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of event.

    Attributes:
        name: The event's ``event`` field.
        code: Its ``code`` when it went well; "" if the audit log gives it none.
        failed_code: Its ``code`` with ``success: false``; equal to `code` where the log has no other.
        fields: Known fields and their types, in the order of the audit log.
        role: What it means to summary and playback.
        protocol: The ``db_protocol`` it belongs to; "" for all.
    """

    name: str
    code: str
    failed_code: str
    fields: Mapping[str, FieldType]
    role: Role = Role.OTHER
    protocol: str = ""


def _kind(
    name: str,
    code: str,
    own: _Fields,
    *,
    failed_code: str = "",
    base: _Fields = _MUSD,
    role: Role = Role.OTHER,
    protocol: str = "",
) -> Kind:
    return Kind(name, code, failed_code or code, MappingProxyType(base | own), role, protocol)


def _protocol_kinds(protocol: str, rows: list[tuple[str, str, str, _Fields, Role]]) -> list[Kind]:
    return [
        _kind(f"db.session.{protocol}.{name}", code, own, failed_code=failed, role=role, protocol=protocol)
        for name, code, failed, own, role in rows
    ]


_QUERY, _OTHER = Role.QUERY, Role.OTHER
_SQL: Final[_Fields] = {"db_query": _T, "db_query_parameters": _J} | STATUS
_RESULT: Final[_Fields] = STATUS | {"affected_records": _I, "columns": _J, "rows": _J, "rows_truncated": _B}

_TABLE: Final[list[Kind]] = [
    _kind(
        "db.session.start", "TDB00I",
        SERVER | CONNECTION | STATUS | DATABASE | {"postgres_pid": _I} | CLIENT | {"ca_override": _J},
        failed_code="TDB00W", base=METADATA | USER | SESSION, role=Role.START,
    ),
    _kind(
        "db.session.end", "TDB01I",
        {"session_start": _TIME, "session_stop": _TIME} | CONNECTION | {"participants": _L}, role=Role.END,
    ),
    _kind("db.session.query", "TDB02I", _SQL, failed_code="TDB02W", role=_QUERY),
    _kind("db.session.query.failed", "TDB02W", _SQL, role=_QUERY),
    _kind("db.create", "TDB03I", RESOURCE | DATABASE, base=METADATA | USER),
    _kind("db.update", "TDB04I", RESOURCE | DATABASE, base=METADATA | USER),
    _kind("db.delete", "TDB05I", RESOURCE, base=METADATA | USER),
    _kind("db.session.malformed_packet", "TDB06I", {"payload": _BYTES}),
    _kind("db.session.permissions.update", "TDB07I", {"permission_summary": _J, "affected_object_counts": _J}),
    _kind("db.session.user.create", "TDB08I", STATUS | {"username": _T, "roles": _L}, failed_code="TDB08W"),
    _kind("db.session.user.deactivate", "TDB09I", STATUS | {"username": _T, "delete": _B}, failed_code="TDB09W"),
    _kind("db.session.result", "TDB10I", _RESULT, role=Role.RESULT),
    *_protocol_kinds("postgres", [
        ("statements.parse", "TPG00I", "", {"statement_name": _T, "query": _T}, _OTHER),
        ("statements.bind", "TPG01I", "", {"statement_name": _T, "portal_name": _T, "parameters": _J}, _OTHER),
        ("statements.execute", "TPG02I", "", {"portal_name": _T}, _QUERY),
        ("statements.close", "TPG03I", "", {"statement_name": _T, "portal_name": _T}, _OTHER),
        ("function", "TPG04I", "", {"function_oid": _I, "function_args": _L}, _QUERY),
    ]),
    *_protocol_kinds("mysql", [
        ("statements.prepare", "TMY00I", "", {"query": _T}, _OTHER),
        ("statements.execute", "TMY01I", "", {"statement_id": _I, "parameters": _J}, _QUERY),
        ("statements.send_long_data", "TMY02I", "", {"statement_id": _I, "parameter_id": _I, "data_size": _I}, _OTHER),
        ("statements.close", "TMY03I", "", {"statement_id": _I}, _OTHER),
        ("statements.reset", "TMY04I", "", {"statement_id": _I}, _OTHER),
        ("statements.fetch", "TMY05I", "", {"statement_id": _I, "rows_count": _I}, _OTHER),
        ("statements.bulk_execute", "TMY06I", "", {"statement_id": _I, "parameters": _J}, _QUERY),
        ("init_db", "TMY07I", "", {"schema_name": _T}, _QUERY),
        ("create_db", "TMY08I", "", {"schema_name": _T}, _QUERY),
        ("drop_db", "TMY09I", "", {"schema_name": _T}, _QUERY),
        ("shut_down", "TMY10I", "", {}, _QUERY),
        ("process_kill", "TMY11I", "", {"process_id": _I}, _QUERY),
        ("debug", "TMY12I", "", {}, _QUERY),
        ("refresh", "TMY13I", "", {"subcommand": _T}, _QUERY),
    ]),
    *_protocol_kinds("sqlserver", [("rpc_request", "TMS00I", "", {"proc_name": _T, "parameters": _J}, _QUERY)]),
    *_protocol_kinds("cassandra", [
        ("batch", "TCA01I", "", {"consistency": _T, "keyspace": _T, "batch_type": _T, "children": _J}, _QUERY),
        ("prepare", "TCA02I", "", {"query": _T, "keyspace": _T}, _OTHER),
        ("execute", "TCA03I", "", {"query_id": _T}, _QUERY),
        ("register", "TCA04I", "", {"event_types": _L}, _OTHER),
    ]),
    *_protocol_kinds("elasticsearch", [("request", "TES00I", "TES00E", _HTTP, _QUERY)]),
    *_protocol_kinds("opensearch", [("request", "TOS00I", "TOS00E", _HTTP, _QUERY)]),
    *_protocol_kinds("dynamodb", [
        ("request", "TDY01I", "TDY01E",
         {"status_code": _I, "path": _T, "raw_query": _T, "method": _T, "target": _T, "body": _J}, _QUERY),
    ]),
    *_protocol_kinds("spanner", [
        ("rpc", "TSPN001I", "TSPN001W", STATUS | {"procedure": _T, "args": _J}, _QUERY),
    ]),
    _kind("session.upload", "T2005I", {"url": _T}, base=METADATA | SESSION),
    _kind(
        "session.recording.access", "T2012I", {"session_type": _T, "format": _T}, base=METADATA | {"sid": _T} | USER,
    ),
    _kind("print", "", {"ci": _I, "data": _BYTES, "bytes": _I, "ms": _I, "offset": _I}, base=METADATA),
    _kind(
        "recordkit.gap", "RKG00W", {"from": _I, "to": _I, "count": _I, "reason": _T}, role=Role.GAP,
    ),
]  # fmt: skip

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _TABLE})
"""All known kinds by name."""

CONSTANT_FIELDS: Final[tuple[str, ...]] = (
    "sid", *(name for name in (METADATA | USER | SESSION | SERVER | CONNECTION | CLIENT | DATABASE)
             if name not in {"sid", "ei", "event", "uid", "code", "time"}),
)  # fmt: skip
"""Fields that describe the session rather than the event, in the order in which a line holds them."""


def code_for(kind: str, *, success: bool) -> str | None:
    """
    Return the code of the audit log, or None for a kind that it doesn't know or gives no code.
    """
    known = KINDS.get(kind)
    if known is None:
        return None
    return (known.code if success else known.failed_code) or None
