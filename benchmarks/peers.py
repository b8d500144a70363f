"""
What a user would pick instead, used as its own documentation says.
"""

from pathlib import Path
from typing import Any

import orjson


def write_mcap(events: list[dict[str, Any]], path: Path) -> None:
    """
    Write *events* as JSON messages of one channel, in chunks of 256 KiB compressed with zstd.
    """
    from mcap.writer import CompressionType, Writer

    with path.open("wb") as file:
        writer = Writer(file, chunk_size=256 * 1024, compression=CompressionType.ZSTD)
        writer.start()
        schema = writer.register_schema(name="event", encoding="jsonschema", data=b"{}")
        channel = writer.register_channel(topic="events", message_encoding="json", schema_id=schema)
        for number, event in enumerate(events):
            writer.add_message(channel, log_time=number, publish_time=number, data=orjson.dumps(event))
        writer.finish()
