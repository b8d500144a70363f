r"""
Statements and parameters that come as bytes and may not be Unicode, kept without loss.

Readable text goes where the audit log has it; where that text can't give the bytes back, the exact
bytes stand beside it in base64, in a field whose name begins with ``recordkit.``:

===========================================  =======================================================
field                                        holds
===========================================  =======================================================
``db_query``, ``query``                      the text; each byte that is not UTF-8 shown as ``\xNN``
``recordkit.db_query_bytes``, ``….query_…``  base64 of the statement, only if it was not UTF-8
``recordkit.db_query_parameters_bytes``      object: position from "0" to base64, only for such ones
===========================================  =======================================================

A ``str`` with surrogate escapes (PEP 383), as Python programs carry undecodable bytes, is taken as
those bytes.
"""

import binascii
from collections.abc import Sequence
from typing import Any, Final

from recordkit.errors import InvalidEventError, shown

BYTES_FIELD: Final = "recordkit.{}_bytes"


def readable(value: bytes) -> tuple[str, str | None]:
    """
    Return *value* as text, and its base64 if the text can't give it back.
    """
    try:
        return value.decode(), None
    except UnicodeDecodeError:
        return value.decode(errors="backslashreplace"), binascii.b2a_base64(value, newline=False).decode()


def exact_text(name: str, value: str | bytes | bytearray | memoryview) -> dict[str, Any]:
    """
    Return the fields that hold the statement *value* under the field *name*.

    Raises:
        InvalidEventError: *value* is neither text nor bytes, or text with true lone surrogates.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            value = _surrogate_escaped(name, value)
        else:
            return {name: value}
    if not isinstance(value, bytes | bytearray | memoryview):
        raise InvalidEventError(name, expected="text or bytes", found=type(value).__name__)
    text, exact = readable(bytes(value))
    return {name: text} if exact is None else {name: text, BYTES_FIELD.format(name): exact}


def exact_texts(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """
    Return the fields that hold the parameters *values* under the field *name*.

    Text, bytes and None (SQL's NULL) as described above; other JSON scalars stay what they are.

    Raises:
        InvalidEventError: *values* is no sequence, or holds something that JSON has no form for.
    """
    if isinstance(values, str | bytes | bytearray | memoryview) or not isinstance(values, Sequence):
        raise InvalidEventError(name, expected="a list of parameters", found=type(values).__name__)
    texts: list[Any] = []
    exact: dict[str, str] = {}
    for position, value in enumerate(values):
        if value is None or isinstance(value, bool | int | float):
            texts.append(value)
            continue
        fields = exact_text(f"{name}[{position}]", value)
        text, *rest = fields.values()
        texts.append(text)
        if rest:
            exact[str(position)] = rest[0]
    return {name: texts, BYTES_FIELD.format(name): exact} if exact else {name: texts}


def original_bytes(event: dict[str, Any], name: str = "db_query", position: int | None = None) -> bytes:
    """
    Return the exact bytes of a statement, or of the parameter at *position*, as they were recorded.

    Args:
        event: As read from a recording.
        name: The field that holds the text, or the list of parameters.
        position: Of the parameter, >= 0; None for a statement.

    Raises:
        InvalidEventError: The event has no such text, or the bytes beside it are no base64.
    """
    value, exact = event.get(name), event.get(BYTES_FIELD.format(name))
    if position is not None:
        value = value[position] if isinstance(value, list) and 0 <= position < len(value) else None
        exact = exact.get(str(position)) if isinstance(exact, dict) else None
    if isinstance(value, str) and isinstance(exact, str):
        try:
            return binascii.a2b_base64(exact, strict_mode=True)
        except ValueError as error:
            raise InvalidEventError(BYTES_FIELD.format(name), expected="base64", found=shown(exact)) from error
    if isinstance(value, str) and exact is None:
        return _surrogate_escaped(name, value)
    raise InvalidEventError(name, expected="text", found=shown(value))


def _surrogate_escaped(name: str, value: str) -> bytes:
    try:
        return value.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidEventError(
            name, expected="Unicode text, or bytes", found=f"a lone surrogate at {error.start}"
        ) from error
