"""
What an attacker makes of a recording who knows the format and has time, but no key.
"""

import json

from recordings import Places, count, lines_of, pieces
from recordkit.container.chunks import encode_chunk, first_position
from recordkit.container.decoder import Chunk, Decoder
from recordkit.container.frames import Compressor, Decompressor
from recordkit.container.index import IndexBuilder, find_index
from recordkit.container.layout import MAGIC, pack_chunk_header
from recordkit.container.source import MemorySource
from recordkit.container.summary import State
from recordkit.limits import DEFAULT_LIMITS


def chunks_of(data):
    """
    The events of each chunk of a sound recording.
    """
    decoder = Decoder(MemorySource(data), DEFAULT_LIMITS)
    found = [item for item in decoder.walk(growing=True) if isinstance(item, Chunk)]
    return [[json.loads(line) for line in item.raw(Decompressor(), DEFAULT_LIMITS).splitlines()] for item in found]


def edited(chunks, number, **fields):
    """
    The chunks with other fields in the first event of one.
    """
    made = [list(events) for events in chunks]
    made[number][0] = made[number][0] | fields
    return made


def recomputed(data, chunks, *, keep_notes=True, sealed=True):
    """
    The recording *data* with these chunks in place of its own: chain, index and seek table made anew, header kept.
    """
    source = MemorySource(data)
    header = Decoder(source, DEFAULT_LIMITS).header
    position, builder, place, compressor = (
        first_position(header.frame),
        IndexBuilder(len(header.frame)),
        Places(),
        Compressor(),
    )
    made = [MAGIC + header.frame]
    for events in chunks:
        chunk = encode_chunk(position, lines_of(events), count(events, place), compressor)
        made.append(chunk.data)
        builder.add(chunk.entry)
        position = chunk.after
    if sealed:
        state = State.COMPLETE if builder.totals.ended else State.INTERRUPTED
        summary = header.summary(state, builder.totals, stored_bytes=0, head=position.chain.hex())
        notes = {}
        if keep_notes:
            before = find_index(source, source.size(), DEFAULT_LIMITS, with_entries=False).summary
            notes = {"signatures": before["signatures"]} if "signatures" in before else {}
        made.append(
            builder.finish(recording_id=position.recording_id, chain=position.chain, summary=summary, notes=notes)
        )
    return b"".join(made)


def recompressed(data, number, **fields):
    """
    The recording with one chunk edited in place: frame and header are sound in themselves, the chain is as it was.
    """
    chunk = [
        item for item in Decoder(MemorySource(data), DEFAULT_LIMITS).walk(growing=True) if isinstance(item, Chunk)
    ][number]
    events = edited(chunks_of(data), number, **fields)[number]
    frame = Compressor().frame(lines_of(events))
    header = chunk.header._replace(stored_size=len(frame), raw_size=len(lines_of(events)))
    parts = pieces(data)
    parts[number + 1] = pack_chunk_header(header) + frame
    return b"".join(parts)
