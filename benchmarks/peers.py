"""
What a user would pick instead, used as its own documentation says.
"""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import orjson

_TYPES: Final = {bool: 8, int: 3, float: 1}  # descriptor.proto's numbers: bool, int64, double; all else is text: 9
_TEXT: Final = 9


def write_mcap(events: Iterable[dict[str, Any]], path: Path) -> None:
    """
    Write *events* as JSON messages of one channel, in chunks of 256 KiB compressed with zstd.
    """
    write_mcap_lines(map(orjson.dumps, events), path)


def write_mcap_lines(lines: Iterable[bytes], path: Path) -> None:
    """
    Write *lines* of JSON as messages, likewise.
    """
    from mcap.writer import CompressionType, Writer

    with path.open("wb") as file:
        writer = Writer(file, chunk_size=256 * 1024, compression=CompressionType.ZSTD)
        writer.start()
        schema = writer.register_schema(name="event", encoding="jsonschema", data=b"{}")
        channel = writer.register_channel(topic="events", message_encoding="json", schema_id=schema)
        for number, line in enumerate(lines):
            writer.add_message(channel, log_time=number, publish_time=number, data=line)
        writer.finish()


def write_gzip(events: Iterable[dict[str, Any]], path: Path) -> None:
    """
    Write *events* as JSON Lines, gzip's default level 6.
    """
    with gzip.open(path, "wb", compresslevel=6) as file:
        for event in events:
            file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))


def write_protobuf(events: Iterable[dict[str, Any]], path: Path, encode: Callable[[dict[str, Any]], bytes]) -> None:
    """
    Write *events* as length-prefixed messages, gzip's default level 6: what Teleport's recordings are made of.
    """
    with gzip.open(path, "wb", compresslevel=6) as file:
        for event in events:
            message = encode(event)
            file.write(len(message).to_bytes(4, "big") + message)


def protobuf_encoder(events: Iterable[dict[str, Any]]) -> Callable[[dict[str, Any]], bytes]:
    """
    Return what makes a message of an event, of a class made here with a field for each that *events* have.

    Raises:
        ImportError: protobuf is not installed.
    """
    import importlib

    # by name: it has no type information
    descriptor_pb2: Any = importlib.import_module("google.protobuf.descriptor_pb2")
    descriptor_pool: Any = importlib.import_module("google.protobuf.descriptor_pool")
    message_factory: Any = importlib.import_module("google.protobuf.message_factory")

    types: dict[str, int] = {}
    for event in events:
        for name, value in event.items():
            types.setdefault(name, _TYPES.get(type(value), _TEXT))
    names = {name: name.replace(".", "_") for name in types}
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="benchmark", syntax="proto3")
    message = file.message_type.add(name="Event")
    for number, (name, kind) in enumerate(types.items(), start=1):
        message.field.add(name=names[name], number=number, type=kind, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    event_class = message_factory.GetMessageClass(pool.FindMessageTypeByName("benchmark.Event"))
    texts = {name for name, kind in types.items() if kind == _TEXT}

    def encode(event: dict[str, Any]) -> bytes:
        fields = {
            names[name]: orjson.dumps(value).decode() if name in texts and type(value) is not str else value
            for name, value in event.items()
        }
        encoded: bytes = event_class(**fields).SerializeToString()
        return encoded

    return encode
